"""Cancel, pause and resume; runs that begin where an earlier one stood."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0002_control.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

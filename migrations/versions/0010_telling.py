"""What is told of the outbox, and how far: the audit and the mirror."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0010_telling.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

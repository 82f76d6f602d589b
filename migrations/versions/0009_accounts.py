"""The accounts that a workspace has connected, with references to their tokens."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0009_accounts.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

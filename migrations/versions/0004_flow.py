"""Flow: lost executors, items of a for_each step, runs inside of runs."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0004_flow.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

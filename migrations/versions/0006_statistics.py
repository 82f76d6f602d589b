"""What the planner and the autovacuum are told of the tables that every step moves."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0006_statistics.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

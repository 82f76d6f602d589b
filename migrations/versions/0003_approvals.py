"""Approvals, effects in escrow, money, waiting, and the flow of steps that are not plain."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0003_approvals.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

"""Runs inside of runs: they are held with the outer one, and bounded by the cap of the step that waits for them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0007_inner_runs.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

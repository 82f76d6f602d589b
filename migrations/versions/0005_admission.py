"""Fairness between workspaces: how many of the steps of one are let in at once."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0005_admission.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

"""The engine's tables, the first agents' tables, and the wall between workspaces."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql((SQL / "0001_roles.sql").read_text())
    op.get_bind().exec_driver_sql("set local role army_owner")
    for part in ("0001_engine.sql", "0001_domain.sql", "0001_wall.sql"):
        op.get_bind().exec_driver_sql((SQL / part).read_text())
    op.get_bind().exec_driver_sql("reset role")

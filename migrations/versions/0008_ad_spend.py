"""What ads really spent: read from the vendor, settled when it is final."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql("set local role army_owner")
    op.get_bind().exec_driver_sql((SQL / "0008_ad_spend.sql").read_text())
    op.get_bind().exec_driver_sql("reset role")

"""Runs the migrations over a connection made by the store, as the owner of the tables."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from shared.config import current_settings
from shared.store.connection import connect_owner


def run() -> None:
    settings = current_settings()
    engine = create_engine("postgresql+pg8000://", creator=lambda: connect_owner(settings), poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()


run()

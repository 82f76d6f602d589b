"""Brings a database to the current schema: Alembic, with plain SQL inside. Run as the owner, never by a door."""

from __future__ import annotations

from pathlib import Path

from shared.config import Settings, use_settings


def migrate(settings: Settings) -> str:
    """Upgrades to the newest revision and returns its name. Doing it twice changes nothing."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent.parent / "migrations"))
    use_settings(settings)
    command.upgrade(config, "head")
    return str(ScriptDirectory.from_config(config).get_current_head())

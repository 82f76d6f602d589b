"""Migrations: what they make is what is written down, and doing them twice changes nothing."""

from __future__ import annotations

from migrations.dump import SCHEMA, dumped
from shared.config import Settings, use_settings
from shared.store.migrate import migrate
from tests.support.database import TEMPLATE, Cluster, settings_for


def test_the_committed_schema_is_what_migrations_make(cluster: Cluster) -> None:
    """`make schema` after a migration, or this fails."""
    assert dumped(cluster.postgres, TEMPLATE) == SCHEMA.read_text()


def test_migrating_twice_changes_nothing(cluster: Cluster, settings: Settings) -> None:
    """A second deploy of the same release leaves the schema as it is."""
    addresses = cluster.fresh()
    name = addresses.owner.partition("@/")[2].partition("?")[0]

    first = migrate(settings_for(addresses))
    second = migrate(settings_for(addresses))
    use_settings(settings)

    assert first == second
    assert dumped(cluster.postgres, name) == SCHEMA.read_text()

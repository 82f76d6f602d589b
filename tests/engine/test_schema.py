"""Migrations: what they make is what is written down, and doing them twice changes nothing."""

from __future__ import annotations

import re

import pytest

from migrations.dump import SCHEMA, dumped
from shared.config import Settings, use_settings
from shared.store.migrate import migrate
from shared.store.session import Store
from shared.store.wire import Statement
from tests.support.database import TEMPLATE, Cluster, settings_for

COLUMNS = "select array_agg(attname::text) from pg_attribute where attrelid = $1::text::regclass and attnum > 0"
TOLD = "select attoptions::text[] from pg_attribute where attrelid = $1::text::regclass and attname = 'workspace_id'"
INDEXES = "select substring(indexdef from ' USING .*') from pg_indexes where tablename = $1::text"


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


@pytest.mark.parametrize(
    ("table", "fixed"),
    [
        ("tiktok_workflow_steps", {"workspace_id", "id", "workflow_run_id", "idx", "key", "wake_key"}),
        (
            "tiktok_workflow_runs",
            {"workspace_id", "id", "idempotency_key", "started_at", "forked_from_run_id", "parent_run_id"},
        ),
    ],
)
def test_no_index_holds_what_a_move_changes(store: Store, table: str, fixed: set[str]) -> None:
    """Else each move of a step would write all indexes of its table: columns of keys and conditions alike."""
    with store.pool().connection() as connection:
        ((columns,),), rows = connection.exchange([Statement(COLUMNS, [table]), Statement(INDEXES, [table])])
    told = " ".join(row[0] for row in rows)

    assert {column for column in columns if re.search(rf"\b{column}\b", told)} <= fixed


@pytest.mark.parametrize(
    "table",
    ["tiktok_workflow_steps", "tiktok_workflow_runs", "tiktok_agent_runs", "tiktok_agent_steps", "tiktok_wake_ups"],
)
def test_the_planner_takes_no_workspace_for_a_small_one(store: Store, table: str) -> None:
    """Else a plan made for the average workspace reads all rows of a large one to find the row of a key."""
    with store.pool().connection() as connection:
        (((options,),),) = connection.exchange([Statement(TOLD, [table])])

    assert options == ["n_distinct=1"]

"""The wall between workspaces, tried from the database's side."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from pg8000.exceptions import DatabaseError
from pydantic import SecretStr

from shared.config import Settings
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.errors import NotEnoughSettingsError, NotFoundError
from shared.store.connection import ConstraintError, Pool, connect_url
from shared.store.session import Store, session_for_workspace, session_unscoped
from shared.store.sql import parsed
from shared.store.wire import Statement
from tests.support.database import Cluster
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, workflow

CATALOGUE = parsed(
    """
-- name: tables
select c.relname as name, c.relrowsecurity as has_wall, c.relforcerowsecurity as is_forced,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id') as has_workspace,
       pg_get_userbyid(c.relowner) as owner,
       (select array_agg(p.polname::text) from pg_policy p where p.polrelid = c.oid) as policies,
       (select a.attname::text from pg_index i
          join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
         where i.indrelid = c.oid and i.indisprimary) as key_leads_with
  from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r';

-- name: foreign_keys
select conname as name, conrelid::regclass::text as of_table,
       (select a.attname::text from pg_attribute a where a.attrelid = conrelid and a.attnum = conkey[1]) as leads_with
  from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace;

-- name: views_and_functions
select c.relname as name from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm') and not coalesce(
       (select option_value = 'true' from pg_options_to_table(c.reloptions) where option_name = 'security_invoker'),
       false)
union all
select p.proname from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef;
"""
)
NOT_A_TENANTS = {"alembic_version", "tiktok_telling_mark"}  # neither says anything of a workspace


def catalogue(settings: Settings, name: str) -> list[Any]:
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "owner")
    rows = connection.exchange([CATALOGUE[name].with_values({})])[0]
    connection.close()
    return rows


def test_every_tenant_table_is_behind_the_wall(settings: Settings) -> None:
    """A new table without workspace, enabled and forced row-level security and both policies fails here."""
    tables = [table for table in catalogue(settings, "tables") if table.name not in NOT_A_TENANTS]

    assert len(tables) >= 11
    for table in tables:
        told = f"table {table.name}"
        assert table.has_workspace and table.has_wall and table.is_forced, told
        assert sorted(table.policies) == ["every_workspace", "own_workspace"], told
        assert (table.key_leads_with, table.owner) == ("workspace_id", "army_owner"), told


def test_foreign_keys_cannot_leave_the_workspace(settings: Settings) -> None:
    """Postgres checks foreign keys past row-level security, so each leads with the workspace."""
    keys = catalogue(settings, "foreign_keys")

    assert keys
    assert [key.name for key in keys if key.leads_with != "workspace_id"] == []


def test_nothing_looks_past_the_wall_for_others(settings: Settings) -> None:
    """No view runs with its owner's rights, no function is security definer."""
    assert catalogue(settings, "views_and_functions") == []


def test_no_workspace_set_raises(settings: Settings, store: Store) -> None:
    """Unset is an error, on every table, empty or not; it never reads as 'no rows'."""
    tables = [table.name for table in catalogue(settings, "tables") if table.name not in NOT_A_TENANTS]
    for table in tables:
        with (
            store.pool().connection() as connection,
            pytest.raises(DatabaseError, match="no workspace is set"),
        ):
            connection.exchange([Statement(f"select * from {table}")])


def test_the_workspace_does_not_stay_on_a_connection(store: Store, workspace: UUID) -> None:
    """What one transaction set is gone for the next borrower of its connection."""
    store.move(workspace, "run_status", run_id=uuid4())

    with store.pool().connection() as connection, pytest.raises(DatabaseError, match="no workspace is set"):
        connection.exchange([Statement("select count(*) from tiktok_workflow_runs")])


def test_one_workspace_sees_nothing_of_another(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A run with steps, agent runs and events: another workspace reads, changes and counts none of it."""
    run = started(workflow(step("s")), workspace, rooms)
    queue.deliver_all(rooms)
    stranger = uuid4()

    with pytest.raises(NotFoundError):
        read_run(stranger, run.run_id, rooms)
    for table in (row.name for row in catalogue(rooms.settings, "tables") if row.name not in NOT_A_TENANTS):
        with rooms.store.pool().connection() as connection:
            entered = Statement("select set_config('app.workspace_id', $1::text, true)", [str(stranger)])
            (row,) = connection.exchange([entered, Statement(f"select count(*) as n from {table}")])[1]
        assert row.n == 0, table


def test_a_row_cannot_be_written_for_another_workspace(store: Store, workspace: UUID) -> None:
    """Inside one workspace, a row that names another is refused."""
    stranger = uuid4()
    insert = Statement(
        "insert into tiktok_texts (workspace_id, sha256, body) values ($1::uuid, repeat('0', 64), 'x')", [stranger]
    )

    with store.pool().connection() as connection, pytest.raises(DatabaseError, match="row-level security"):
        entered = Statement("select set_config('app.workspace_id', $1::text, true)", [str(workspace)])
        connection.exchange([entered, insert])


def test_a_child_cannot_point_into_another_workspace(rooms: Rooms, workspace: UUID) -> None:
    """A step of ours for a run of theirs breaks the composite foreign key."""
    theirs = started(workflow(step("s")), uuid4(), rooms)

    with pytest.raises(ConstraintError), session_for_workspace(workspace) as session:
        session.fetch(
            "insert_alert",
            workspace_id=workspace,
            id=uuid4(),
            run_id=theirs.run_id,
            agent_run_id=None,
            agent_name="x",
            kind="x",
            severity="low",
            title="x",
            evidence="{}",
            dedupe_key="x",
        )


def test_an_error_undoes_the_transaction(store: Store, workspace: UUID) -> None:
    """Two statements in a session, the second fails: the first is gone too, and the connection is usable."""
    with pytest.raises(ZeroDivisionError), session_for_workspace(workspace) as session:
        session.fetch(
            "insert_alert",
            workspace_id=workspace,
            id=uuid4(),
            run_id=None,
            agent_run_id=None,
            agent_name="x",
            kind="x",
            severity="low",
            title="x",
            evidence="{}",
            dedupe_key="y",
        )
        raise ZeroDivisionError

    with store.pool().connection() as connection:
        entered = Statement("select set_config('app.workspace_id', $1::text, true)", [str(workspace)])
        (row,) = connection.exchange([entered, Statement("select count(*) as n from tiktok_alerts")])[1]
    assert row.n == 0


def test_the_second_role_may_wake_and_nothing_more(settings: Settings) -> None:
    """The sweep's role sees steps of every workspace, and cannot read a brief or a prompt."""
    with session_unscoped() as session:
        session.fetch("due_to_wake", limit=0, most=1, grace_s=1.0)
    assert settings.database_unscoped_url is not None
    connection = connect_url(settings.database_unscoped_url, "unscoped")
    for table in ("tiktok_briefs", "tiktok_agent_steps", "tiktok_texts", "tiktok_outbox", "tiktok_audit_links"):
        with pytest.raises(DatabaseError, match="permission denied"):
            connection.exchange([Statement(f"select * from {table}")])
    connection.close()


def test_a_role_that_could_step_over_the_wall_is_refused(settings: Settings) -> None:
    """A superuser, or whoever owns the tables, is turned away at start-up."""
    owner = settings.database_owner_url
    assert owner is not None
    pool = Pool(lambda: connect_url(owner, "owner"), 1)

    with pytest.raises(NotEnoughSettingsError, match="row-level security"), pool.connection():
        pass


@pytest.mark.parametrize("roles", ["army_app, army_unscoped", "army_owner"])
def test_a_login_with_too_many_roles_is_refused(cluster: Cluster, settings: Settings, roles: str) -> None:
    """Both roles at once, or the owner's, would let the login step over the wall by changing role."""
    assert settings.database_owner_url is not None
    owner = connect_url(settings.database_owner_url, "owner")
    login = f"strong_{uuid4().hex[:8]}"
    owner.exchange([Statement(f"create role {login} login in role {roles}")])
    url = settings.database_owner_url.get_secret_value().replace("army_admin@", f"{login}@")

    with (
        pytest.raises(NotEnoughSettingsError, match="nothing more"),
        Pool(lambda: connect_url(SecretStr(url), "strong"), 1).connection(),
    ):
        pass
    owner.exchange([Statement(f"drop role {login}")])
    owner.close()

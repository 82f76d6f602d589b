"""The database's room: how many network waits a move takes, what a lost connection does, what a query is."""

from __future__ import annotations

import socket
from uuid import UUID, uuid4

import pytest
from pg8000.exceptions import DatabaseError

from shared.config import Settings
from shared.core.status import RUN_MOVES, STEP_MOVES, RunStatus, StepStatus
from shared.engine.rooms import Rooms
from shared.engine.work_steps import StepOutcome
from shared.errors import NotEnoughSettingsError, StoreBusyError
from shared.store.connection import Pool, connect_url
from shared.store.session import Store, session_for_workspace
from shared.store.sql import parsed, queries
from shared.store.wire import Statement, WireConnection
from tests.support.database import Cluster
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, workflow

WAITS_OF_A_STEP = 3  # load, claim, settle


def waits(store: Store) -> int:
    """The network waits of the one connection that a single thread uses."""
    with store.pool().connection() as connection:
        return connection.waits


def test_a_step_takes_three_network_waits(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Load, claim with the agent run, settle with successors, run and events: one wait each, nothing else."""
    started(workflow(step("a"), step("b", "a")), workspace, rooms)
    before = waits(rooms.store)

    assert queue.deliver(queue.held.pop(0), rooms) == StepOutcome.SUCCEEDED

    assert waits(rooms.store) - before == WAITS_OF_A_STEP


def test_starting_a_run_takes_one_network_wait(rooms: Rooms, workspace: UUID) -> None:
    """Definition, run, steps and the first event are one statement."""
    before = waits(rooms.store)

    started(workflow(step("a"), step("b", "a")), workspace, rooms)

    assert waits(rooms.store) - before == 1


def test_a_session_begins_with_its_first_statement(store: Store, workspace: UUID) -> None:
    """Begin, the workspace and the first query travel together; commit is the second wait."""
    before = waits(store)

    with session_for_workspace(workspace) as session:
        session.fetch("run_status", run_id=uuid4())

    assert waits(store) - before == 2


def test_statements_between_two_syncs_are_one_transaction(store: Store, workspace: UUID) -> None:
    """The second of two statements fails: the first is undone with it."""
    values = {"workspace_id": workspace, "sha": "a" * 64}
    insert = Statement(
        "insert into tiktok_texts (workspace_id, sha256, body) values ($1::uuid, $2::text, 'x')", list(values.values())
    )
    entered = queries()["enter_workspace"].with_values({"workspace_id": workspace})

    with store.pool().connection() as connection:
        with pytest.raises(DatabaseError, match="division by zero"):
            connection.exchange([entered, insert, Statement("select 1 / 0")])
        (row,) = connection.exchange([entered, Statement("select count(*) as n from tiktok_texts")])[1]

    assert row.n == 0


def test_a_statement_that_failed_can_be_sent_again(store: Store) -> None:
    """Preparing it may have failed, or been skipped: the connection does not think that it knows it."""
    with store.pool().connection() as connection:
        for _ in range(2):
            with pytest.raises(DatabaseError, match="no_such_table"):
                connection.exchange([Statement("select * from no_such_table"), Statement("select 2 as two")])
        assert connection.exchange([Statement("select 2 as two")])[0][0].two == 2


def test_a_value_with_no_form_on_the_wire_leaves_nothing_behind(store: Store) -> None:
    """A lone surrogate cannot be sent: the statements of that exchange work the next time all the same."""
    both = [Statement("select 7 as seven"), Statement("select $1::text as given", ["\ud800"])]
    with store.pool().connection() as connection:
        with pytest.raises(UnicodeEncodeError):
            connection.exchange(both)
        rows = connection.exchange([both[0], Statement("select $1::text as given", ["fine"])])

    assert (rows[0][0].seven, rows[1][0].given) == (7, "fine")


def test_a_lost_connection_is_replaced(settings: Settings) -> None:
    """Killed by the server between two uses: the first use says busy, the next one works."""
    url = settings.database_url
    assert url is not None
    pool = Pool(lambda: connect_url(url, "app"), 1)
    with pool.connection() as connection:
        connection.socket.shutdown(socket.SHUT_RDWR)

    with pytest.raises(StoreBusyError), pool.connection() as connection:
        connection.exchange([Statement("select 1")])
    with pool.connection() as connection:
        assert connection.exchange([Statement("select 1 as one")])[0][0].one == 1
    pool.close()


def test_a_full_pool_says_busy(settings: Settings) -> None:
    """More borrowers than connections: whoever waits too long is told, and nobody else is harmed."""
    url = settings.database_url
    assert url is not None
    pool = Pool(lambda: connect_url(url, "app"), 1, wait_s=0.01)

    with pool.connection(), pytest.raises(StoreBusyError, match="became free"), pool.connection():
        pass
    pool.close()


def test_no_database_names_what_to_set() -> None:
    """Without any address the message says which names are missing, and what starts one here."""
    with pytest.raises(NotEnoughSettingsError, match="DATABASE_URL or CLOUD_SQL_INSTANCE.*army up"):
        Store(Settings()).move(uuid4(), "run_status", run_id=uuid4())


def test_an_unreachable_database_is_busy_not_broken() -> None:
    """Nobody listens: the step is tried again later."""
    settings = Settings.model_validate({"database_url": "postgresql://u:p@127.0.0.1:9/x"})

    with pytest.raises(StoreBusyError, match="could not connect") as busy:
        Store(settings).move(uuid4(), "run_status", run_id=uuid4())
    assert "u:p" not in str(busy.value)


@pytest.mark.parametrize("seen", list(StepStatus))
def test_only_listed_step_moves_happen(cluster: Cluster, settings: Settings, seen: StepStatus) -> None:
    """The database makes a move if and only if STEP_MOVES lists it, whatever statement asks for it."""
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "owner")
    allowed = set()
    for goal in StepStatus:
        if goal != seen and _moves(connection, "tiktok_workflow_steps", seen, goal):
            allowed.add(goal)
    connection.close()

    assert allowed == STEP_MOVES[seen] - {seen}


@pytest.mark.parametrize("seen", list(RunStatus))
def test_only_listed_run_moves_happen(settings: Settings, seen: RunStatus) -> None:
    """A run that has ended stays as it ended."""
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "owner")
    allowed = {goal for goal in RunStatus if goal != seen and _moves(connection, "tiktok_workflow_runs", seen, goal)}
    connection.close()

    assert allowed == RUN_MOVES[seen]


def _moves(connection: WireConnection, table: str, seen: str, goal: str) -> bool:
    """True if the table's trigger lets a bare row of the same columns move."""
    what = "run" if table.endswith("runs") else "step"
    is_final = goal in ("succeeded", "failed", "skipped", "cancelled")
    lease = ", leased_until = " + ("now()" if goal == "running" else "null") if what == "step" else ""
    completed = "now()" if is_final else "null"
    steps = [
        Statement(f"create temporary table trial on commit drop as select * from {table} where false"),
        Statement(
            f"create trigger held before update of status on trial for each row execute function hold_{what}_line()"
        ),
        Statement(f"insert into trial (id, status) values (gen_random_uuid(), $1::{what}_status)", [seen]),
        Statement(
            f"update trial set status = $1::{what}_status, completed_at = {completed}{lease}"
            + (", steps_open = 0" if what == "run" else ""),
            [goal],
        ),
        Statement("select 1/0"),
    ]
    with pytest.raises(DatabaseError) as undone:
        connection.exchange(steps)
    assert "division by zero" in str(undone.value) or "may not move" in str(undone.value), undone.value
    return "division by zero" in str(undone.value)


@pytest.mark.parametrize(
    ("table", "change", "told"),
    [
        ("step", "status = 'running', leased_until = null", "cannot be running"),
        ("step", "status = 'skipped', completed_at = null", "cannot be skipped"),
    ],
)
def test_a_state_means_what_it_says(
    rooms: Rooms, settings: Settings, workspace: UUID, table: str, change: str, told: str
) -> None:
    """Running without a lease, final without a time: refused, whoever writes it."""
    started(workflow(step("s")), workspace, rooms)
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "owner")

    with pytest.raises(DatabaseError, match=told):
        connection.exchange(
            [Statement(f"update tiktok_workflow_steps set {change} where workspace_id = $1::uuid", [workspace])]
        )
    connection.close()


def test_a_run_cannot_succeed_with_a_step_open(rooms: Rooms, settings: Settings, workspace: UUID) -> None:
    """Success means that every step is final: the database says so too."""
    run = started(workflow(step("s")), workspace, rooms)
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "owner")
    change = Statement(
        "update tiktok_workflow_runs set status = 'succeeded', completed_at = now() where id = $1::uuid", [run.run_id]
    )

    with pytest.raises(DatabaseError, match="cannot be succeeded with 1 steps open"):
        connection.exchange([change])
    connection.close()


def test_a_query_with_a_wrong_parameter_is_a_bug_at_once() -> None:
    """Missing and unknown parameters are told by name, before anything is sent."""
    with pytest.raises(TypeError, match="run_status.*run_idd"):
        queries()["run_status"].with_values({"run_idd": 1})


def test_parameters_are_found_where_they_stand() -> None:
    """Casts, quoted text and comments are not parameters; one used twice is one."""
    query = parsed("-- name: q\nselect ':no', a::text, :x::int, :y::text -- :not this\n where b = :x::int;")["q"]

    assert query.parameters == ("x", "y")
    assert query.sql == "select ':no', a::text, $1::int, $2::text \n where b = $1::int"


def test_every_query_prepares(settings: Settings, store: Store) -> None:
    """Each named statement is valid SQL against the schema, with every parameter's type known."""
    with store.pool().connection() as connection:
        for query in queries().values():
            if query.name in ("listen_for_run_ends", "stop_listening"):
                continue
            prepare = Statement(f"prepare trial as {query.sql}")
            connection.exchange([prepare])
            (row,) = connection.exchange(
                [Statement("select parameter_types::text[] as types from pg_prepared_statements where name = 'trial'")]
            )[0]
            connection.exchange([Statement("deallocate trial")])
            assert len(row.types) == len(query.parameters), query.name

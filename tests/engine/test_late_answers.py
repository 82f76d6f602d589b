"""An answer that comes when its step has been taken over, or when the database is away."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import cast
from uuid import UUID

import pytest

from shared.core.status import CallKind
from shared.engine.read_run import read_agent_run
from shared.engine.rooms import Rooms
from shared.errors import FenceLostError, ProviderDownError, StoreBusyError
from shared.store.connection import Pool
from shared.store.session import Step, Store
from shared.store.sql import queries
from shared.store.wire import Row, Statement, WireConnection
from shared.trace.calls import Answer, Call
from shared.trace.context import inside_agent_run
from shared.trace.journal import Journal
from shared.trace.recorder import StepRecorder
from tests.engine.test_journal import claim, claimed, journal_of

CALL = Call(kind=CallKind.LLM, label="ask", content={"input": 1}, billable=True, user_prompt="1")


def overtaken(rooms: Rooms, workspace: UUID, late: Exception | None) -> tuple[UUID, UUID]:
    """Two attempts make the same call; the first one hears of its answer after the second is done. Both agent runs."""
    run_id, step_id, first = claimed(rooms, workspace)
    second_runs: list[UUID] = []

    async def sleeping() -> Answer:
        second = claim(rooms, workspace, run_id, step_id, 1)
        second_runs.append(second)
        journal = journal_of(rooms, workspace, run_id, step_id, 2)
        with inside_agent_run(second, workspace, "echo"):
            await journal.answer(CALL, answering)
        if late is not None:
            raise late
        return await answering()

    async def answering() -> Answer:
        return Answer(output="1", cost_usd=Decimal("0.25"), provider_request_id="req_1")

    async def body() -> None:
        journal = journal_of(rooms, workspace, run_id, step_id, 1)
        with inside_agent_run(first, workspace, "echo"):
            await journal.answer(CALL, sleeping)

    with pytest.raises(FenceLostError if late is None else type(late)):
        asyncio.run(body())
    return first, second_runs[0]


def rows_of(rooms: Rooms, workspace: UUID, agent_run_id: UUID) -> list[tuple[str, str]]:
    rows = read_agent_run(workspace, agent_run_id, 10, 0, rooms)["steps"]
    return [(row["outcome"], row["cost_usd"]) for row in rows]


def test_a_late_answer_is_wasted_and_not_lost(rooms: Rooms, workspace: UUID) -> None:
    """The new attempt held the call for doubtful; the answer that comes after all says what it cost."""
    first, second = overtaken(rooms, workspace, None)

    assert rows_of(rooms, workspace, first) == [("wasted", "0.25000000")]
    assert rows_of(rooms, workspace, second) == [("paid", "0.25000000")]


def test_an_answer_that_was_being_written_is_not_asked_for_again(rooms: Rooms, workspace: UUID) -> None:
    """The first attempt's write had begun when the step was taken over, and is committed after the second one has read
    the journal: what was called open is answered by now, and is not paid for twice."""
    run_id, step_id, first = claimed(rooms, workspace)
    asked: list[str] = []

    async def answering() -> Answer:
        asked.append("again")
        return Answer(output="2")

    with rooms.store.pool().connection() as connection:
        dying = HeldFinish(rooms.store, connection)
        begun = Journal(StepRecorder(dying, workspace, run_id, step_id, 1, lease_s=0.0))
        with pytest.raises(Died):
            asyncio.run(_answered(begun, first, workspace))
        second = claim(rooms, workspace, run_id, step_id, 1)
        journal = journal_of(rooms, workspace, run_id, step_id, 2)
        connection.exchange([Statement("commit")])

    with inside_agent_run(second, workspace, "echo"):
        found = asyncio.run(journal.answer(CALL, answering))

    assert (found.output, asked) == ("1", [])
    assert rows_of(rooms, workspace, first) == [("paid", "0.25000000")]
    assert rows_of(rooms, workspace, second) == [("reused", "0.00000000")]


class Died(BaseException):
    """Stands for a kill."""


class HeldFinish(Store):
    """The real store, whose process dies when an answer was sent to the database, and is not committed yet."""

    def __init__(self, there: Store, connection: WireConnection) -> None:
        self.__dict__.update(there.__dict__)
        self._connection = connection

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        if steps[0][0] != "finish_call":
            return super().move_all(workspace_id, steps)
        entered = queries()["enter_workspace"].with_values({"workspace_id": workspace_id})
        sent = [queries()[name].with_values(values) for name, values in steps]
        self._connection.exchange([Statement("begin"), entered, *sent])
        raise Died


async def _answered(journal: Journal, agent_run_id: UUID, workspace: UUID) -> Answer:
    async def answering() -> Answer:
        return Answer(output="1", cost_usd=Decimal("0.25"), provider_request_id="req_1")

    with inside_agent_run(agent_run_id, workspace, "echo"):
        return await journal.answer(CALL, answering)


def test_a_late_failure_ends_the_doubt(rooms: Rooms, workspace: UUID) -> None:
    """The other side said no after all: nothing was paid, and the row says so."""
    first, second = overtaken(rooms, workspace, ProviderDownError("away"))

    assert rows_of(rooms, workspace, first) == [("failed", "0.00000000")]
    assert rows_of(rooms, workspace, second) == [("paid", "0.25000000")]


class AwayStore(Store):
    """The real store, away for the first tries of one statement: before it got there, or after it was done."""

    def __init__(self, there: Store, name: str, *, tries: int, is_done: bool) -> None:
        self.__dict__.update(there.__dict__)
        self._name, self.left, self._is_done = name, tries, is_done

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        is_away = self.left > 0 and any(name == self._name for name, _ in steps)
        if not is_away:
            return super().move_all(workspace_id, steps)
        self.left -= 1
        if self._is_done:
            super().move_all(workspace_id, steps)
        raise StoreBusyError("the database is away")


@pytest.mark.parametrize("is_done", [False, True], ids=["before the commit", "after the commit"])
def test_an_answer_is_written_when_the_database_is_back(rooms: Rooms, workspace: UUID, is_done: bool) -> None:
    """It was paid for: the write is tried again, and one that had come through after all changes nothing."""
    run_id, step_id, agent_run_id = claimed(rooms, workspace)
    away = AwayStore(rooms.store, "finish_call", tries=2, is_done=is_done)
    journal = Journal(StepRecorder(away, workspace, run_id, step_id, 1, lease_s=5.0))

    async def answering() -> Answer:
        return Answer(output="1", cost_usd=Decimal("0.25"), provider_request_id="req_1")

    async def body() -> Answer:
        with inside_agent_run(agent_run_id, workspace, "echo"):
            return await journal.answer(CALL, answering)

    assert asyncio.run(body()).output == "1"
    assert away.left == 0
    assert rows_of(rooms, workspace, agent_run_id) == [("paid", "0.25000000")]


def test_a_connection_lost_while_its_role_is_checked_is_busy() -> None:
    """Postgres goes away between the connect and the first question: that is no bug of ours, and may be tried again."""

    class Lost:
        def exchange(self, _: object) -> None:
            raise struct.error("unpack requires a buffer of 5 bytes")

    pool = Pool(lambda: cast(WireConnection, Lost()), 1)

    with pytest.raises(StoreBusyError, match="could not connect"), pool.connection():
        raise AssertionError("there is no connection")

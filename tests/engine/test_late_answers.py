"""An attempt that was overtaken in the middle of a call, and wakes up with the answer."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import UUID

import pytest

from shared.core.status import CallKind
from shared.engine.read_run import read_agent_run
from shared.engine.rooms import Rooms
from shared.errors import FenceLostError, ProviderDownError
from shared.trace.calls import Answer, Call
from shared.trace.context import inside_agent_run
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


def test_a_late_failure_ends_the_doubt(rooms: Rooms, workspace: UUID) -> None:
    """The other side said no after all: nothing was paid, and the row says so."""
    first, second = overtaken(rooms, workspace, ProviderDownError("away"))

    assert rows_of(rooms, workspace, first) == [("failed", "0.00000000")]
    assert rows_of(rooms, workspace, second) == [("paid", "0.25000000")]

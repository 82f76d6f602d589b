"""The journal: a crash at any call, and what the next attempt finds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from shared.core.status import CallKind
from shared.engine.read_run import read_agent_run, read_agent_runs
from shared.engine.rooms import Rooms
from shared.engine.work_steps import StepOutcome
from shared.errors import FenceLostError, ProviderDownError
from shared.trace.calls import Answer, Call
from shared.trace.context import inside_agent_run
from shared.trace.journal import Journal, durable, journaled, open_journal, trace_step
from shared.trace.recorder import StepRecorder
from tests.support.model_calls import settings_as
from tests.support.queues import HeldQueue
from tests.support.runs import claim_of, started, step, steps_of, workflow


class Crash(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def claimed(rooms: Rooms, workspace: UUID) -> tuple[UUID, UUID, UUID]:
    """A run of one step, claimed by an attempt that has just begun. Run, step and agent run."""
    run = started(workflow(step("s")), workspace, rooms)
    step_id = UUID(steps_of(run.run_id, workspace, rooms)["s"]["id"])
    return run.run_id, step_id, claim(rooms, workspace, run.run_id, step_id, 0)


def claim(rooms: Rooms, workspace: UUID, run_id: UUID, step_id: UUID, seen: int) -> UUID:
    from shared.core.ids import new_id

    agent_run_id = new_id()
    rows = rooms.store.move_step(
        workspace,
        "claim_steps",
        run_id=run_id,
        **claim_of(step_id, agent_run_id, seen=seen),
    )
    assert rows, "the step was not there to be claimed"
    return agent_run_id


def journal_of(rooms: Rooms, workspace: UUID, run_id: UUID, step_id: UUID, attempt: int) -> Journal:
    recorder = StepRecorder(rooms.store, workspace, run_id, step_id, attempt, lease_s=0.0)
    return Journal(recorder, recorder.remembered(run_id) if attempt > 1 else {})


def inside(journal: Journal, agent_run_id: UUID, workspace: UUID, work: Callable[[], Awaitable[Any]]) -> Any:
    """Runs `work` as the body of an agent would."""
    open_journal(agent_run_id, journal)

    async def body() -> Any:
        with inside_agent_run(agent_run_id, workspace, "echo"):
            return await work()

    return asyncio.run(body())


def outcomes_of(rooms: Rooms, workspace: UUID, agent_run_id: UUID) -> list[tuple[str, str]]:
    calls = read_agent_run(workspace, agent_run_id, 1000, 0, rooms)["steps"]
    return [(call["label"], call["outcome"]) for call in calls]


def test_finished_calls_are_answered_after_a_crash(rooms: Rooms, workspace: UUID) -> None:
    """Killed after the second of three calls: the next attempt makes only the third."""
    run_id, step_id, first = claimed(rooms, workspace)
    made: list[str] = []

    async def work(dies_at: int | None) -> list[Any]:
        answers = []
        for at, label in enumerate("abc"):
            if at == dies_at:
                raise Crash
            answers.append(await durable(CallKind.SKILL, label, _making(made, label), {"n": at}, billable=True))
        return answers

    with pytest.raises(Crash):
        inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, lambda: work(2))
    second = claim(rooms, workspace, run_id, step_id, 1)
    answers = inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, lambda: work(None))

    assert answers == ["a!", "b!", "c!"]
    assert made == ["a", "b", "c"]
    assert outcomes_of(rooms, workspace, second) == [("a", "reused"), ("b", "reused"), ("c", "paid")]


def _making(made: list[str], label: str) -> Callable[[], Awaitable[str]]:
    async def make() -> str:
        made.append(label)
        return f"{label}!"

    return make


def test_a_call_without_its_answer_is_in_doubt(rooms: Rooms, workspace: UUID) -> None:
    """Killed between asking and writing down: the call is marked, and made once more."""
    run_id, step_id, first = claimed(rooms, workspace)
    made: list[str] = []

    async def dying() -> Any:
        made.append("asked")
        raise Crash

    with pytest.raises(Crash):
        ask = lambda: durable(CallKind.SKILL, "ask", dying, billable=True)  # noqa: E731
        inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, ask)
    assert outcomes_of(rooms, workspace, first) == [("ask", "started")]
    second = claim(rooms, workspace, run_id, step_id, 1)
    ask_again = lambda: durable(CallKind.SKILL, "ask", _making(made, "x"), billable=True)  # noqa: E731
    inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, ask_again)

    assert outcomes_of(rooms, workspace, first) == [("ask", "in_doubt")]
    (doubted,) = read_agent_run(workspace, first, 10, 0, rooms)["steps"]
    assert not doubted["cost_known"]
    assert outcomes_of(rooms, workspace, second) == [("ask", "paid")]


def test_twenty_calls_at_once_replay_in_any_order(rooms: Rooms, workspace: UUID) -> None:
    """A call is known by its content: the second attempt asks in reverse, and makes none."""
    run_id, step_id, first = claimed(rooms, workspace)
    made: list[str] = []

    async def work(order: list[int]) -> dict[int, Any]:
        answers = await asyncio.gather(
            *(durable(CallKind.SKILL, "ask", _making(made, str(n)), {"n": n}, billable=True) for n in order)
        )
        return dict(zip(order, answers, strict=True))

    forward, backward = list(range(20)), list(range(19, -1, -1))
    one = inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, lambda: work(forward))
    second = claim(rooms, workspace, run_id, step_id, 1)
    two = inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, lambda: work(backward))

    assert one == two
    assert len(made) == 20


def test_the_same_call_twice_is_two_calls(rooms: Rooms, workspace: UUID) -> None:
    """Equal content is told apart by how often it was seen; each gets its own answer back."""
    run_id, step_id, first = claimed(rooms, workspace)
    numbers = iter(range(100))

    async def count() -> int:
        return next(numbers)

    async def work() -> list[Any]:
        return [await durable(CallKind.SKILL, "count", count, billable=True) for _ in range(3)]

    one = inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, work)
    second = claim(rooms, workspace, run_id, step_id, 1)

    assert one == [0, 1, 2]
    assert inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, work) == [0, 1, 2]


def test_a_changed_request_is_another_call(rooms: Rooms, workspace: UUID) -> None:
    """The same label with another input is made, not answered from the journal."""
    run_id, step_id, first = claimed(rooms, workspace)
    made: list[str] = []

    def asking(about: str) -> Callable[[], Awaitable[Any]]:
        return lambda: durable(CallKind.SKILL, "ask", _making(made, about), {"about": about}, billable=True)

    inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, asking("old"))
    second = claim(rooms, workspace, run_id, step_id, 1)
    inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, asking("new"))

    assert made == ["old", "new"]


def test_nothing_is_paid_after_the_step_was_taken_over(rooms: Rooms, workspace: UUID) -> None:
    """A zombie that wakes up is stopped before its next billable call."""
    run_id, step_id, first = claimed(rooms, workspace)
    zombie = journal_of(rooms, workspace, run_id, step_id, 1)
    claim(rooms, workspace, run_id, step_id, 1)
    made: list[str] = []

    with pytest.raises(FenceLostError):
        ask = lambda: durable(CallKind.SKILL, "ask", _making(made, "x"), billable=True)  # noqa: E731
        inside(zombie, first, workspace, ask)

    assert made == []
    assert outcomes_of(rooms, workspace, first) == []


def test_an_answer_that_comes_too_late_is_wasted(rooms: Rooms, workspace: UUID) -> None:
    """Taken over while the call was under way: its answer and its cost are kept, as wasted."""
    run_id, step_id, first = claimed(rooms, workspace)

    async def slow() -> Any:
        claim(rooms, workspace, run_id, step_id, 1)
        return "late"

    with pytest.raises(FenceLostError):
        ask = lambda: durable(CallKind.SKILL, "ask", slow, billable=True)  # noqa: E731
        inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, ask)

    assert outcomes_of(rooms, workspace, first) == [("ask", "wasted")]


def test_a_failed_call_is_written_and_made_again(rooms: Rooms, workspace: UUID) -> None:
    """A no from the other side is a row with its reason, and no answer for the next attempt."""
    run_id, step_id, first = claimed(rooms, workspace)
    made: list[str] = []

    async def refuse() -> Any:
        raise ProviderDownError("away")

    with pytest.raises(ProviderDownError):
        ask = lambda: durable(CallKind.PROVIDER, "ask", refuse)  # noqa: E731
        inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, ask)
    (call,) = read_agent_run(workspace, first, 10, 0, rooms)["steps"]
    second = claim(rooms, workspace, run_id, step_id, 1)
    again = lambda: durable(CallKind.PROVIDER, "ask", _making(made, "ok"))  # noqa: E731
    inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, again)

    assert (call["outcome"], call["error_message"]) == ("failed", "ProviderDownError: away")
    assert made == ["ok"]


def test_no_secret_stays_in_an_error(rooms: Rooms, workspace: UUID) -> None:
    """An outside party's message may quote what it was sent: keys and connection strings do not reach the row."""
    run_id, step_id, first = claimed(rooms, workspace)

    async def refuse() -> Any:
        raise ProviderDownError("x" * 9_980 + " key hush-hush-42 at postgresql://army:hunter22@db, Bearer abcdefgh1234")

    ask = lambda: durable(CallKind.PROVIDER, "ask", refuse)  # noqa: E731
    with settings_as(anthropic_api_key=SecretStr("hush-hush-42")), pytest.raises(ProviderDownError):
        inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, ask)

    (call,) = read_agent_run(workspace, first, 10, 0, rooms)["steps"]
    assert not any(secret in call["error_message"] for secret in ("hush", "hunter22", "abcdefgh"))


def test_outside_a_run_nothing_is_written(rooms: Rooms) -> None:
    """A one-off call is just made (A028, C026)."""
    made: list[str] = []

    assert asyncio.run(durable(CallKind.SKILL, "ask", _making(made, "x"))) == "x!"
    assert made == ["x"]


def test_trace_step_notes_what_happened(rooms: Rooms, workspace: UUID) -> None:
    """What is only told afterwards becomes a row with its times."""
    from datetime import UTC, datetime, timedelta

    run_id, step_id, first = claimed(rooms, workspace)
    began = datetime(2026, 1, 1, tzinfo=UTC)

    async def work() -> None:
        trace_step(
            CallKind.TOOL,
            "search",
            started_at=began,
            completed_at=began + timedelta(milliseconds=250),
            input_jsonb={"q": 1},
            output_jsonb={"hits": []},
        )

    inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, work)

    (call,) = read_agent_run(workspace, first, 10, 0, rooms)["steps"]
    assert (call["kind"], call["latency_ms"], call["input_jsonb"]) == ("tool_call", 250, {"q": 1})


def test_texts_no_row_can_hold_are_kept_readable(rooms: Rooms, workspace: UUID) -> None:
    """NUL and lone surrogates from outside become U+FFFD; nothing is lost but them."""
    run_id, step_id, first = claimed(rooms, workspace)

    async def work() -> Any:
        return await durable(CallKind.PROVIDER, "read", _answering("a\x00b\ud800c\\u0000"), {"x\x00": "\udfff"})

    inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, work)

    (call,) = read_agent_run(workspace, first, 10, 0, rooms)["steps"]
    assert call["output_jsonb"] == "a\ufffdb\ufffdc\\u0000"
    assert call["input_jsonb"] == {"x\ufffd": "\ufffd"}


def _answering(text: str) -> Callable[[], Awaitable[str]]:
    async def answer() -> str:
        return text

    return answer


def test_long_prompts_are_stored_once_and_shown_whole(rooms: Rooms, workspace: UUID) -> None:
    """Two calls with one long system prompt: one stored text, both rows show it."""
    run_id, step_id, first = claimed(rooms, workspace)
    prompt = "You are an auditor. " * 100

    async def work() -> None:
        from shared.trace.journal import journaled

        for n in range(2):
            call = Call(
                CallKind.LLM, "ask", {"n": n}, billable=True, model="m", system_prompt=prompt, user_prompt=f"q{n}"
            )
            await journaled(call, _answer)

    inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, work)

    calls = read_agent_run(workspace, first, 10, 0, rooms)["steps"]
    assert [(call["system_prompt"], call["user_prompt"]) for call in calls] == [(prompt, "q0"), (prompt, "q1")]


async def _answer() -> Answer:
    return Answer(output={"ok": True}, response_text="ok", model="m")


def test_a_lost_attempt_is_closed_by_the_next(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The agent run that a dead executor left running is failed when the step is taken over."""
    run_id, _, first = claimed(rooms, workspace)
    wake = queue.held.pop(0)

    assert queue.deliver(wake, rooms) == StepOutcome.SUCCEEDED

    found = {row["id"]: row for row in read_agent_runs(workspace, run_id, rooms)}
    assert found[str(first)]["status"] == "failed"
    assert "executor was lost" in found[str(first)]["error_message"]
    assert sorted(row["attempt"] for row in found.values()) == [1, 2]


def test_a_changed_prompt_reads_as_a_difference(rooms: Rooms, workspace: UUID) -> None:
    """A deploy between two attempts changed a prompt: the call is another one, and its row says what has changed."""
    run_id, step_id, first = claimed(rooms, workspace)

    async def work(prompt: str) -> Answer:
        async def act() -> Answer:
            return Answer(output="ok")

        call = Call(CallKind.LLM, "score", {"user": prompt}, billable=True, model="haiku", user_prompt=prompt)
        return await journaled(call, act)

    inside(journal_of(rooms, workspace, run_id, step_id, 1), first, workspace, lambda: work("Score the account."))
    second = claim(rooms, workspace, run_id, step_id, 1)
    inside(journal_of(rooms, workspace, run_id, step_id, 2), second, workspace, lambda: work("Grade the account."))

    (row,) = read_agent_run(workspace, second, 10, 0, rooms)["steps"]
    assert row["outcome"] == "paid"
    assert row["note"] == ("asked differently before; user prompt: “Score the account.” is now “Grade the account.”")

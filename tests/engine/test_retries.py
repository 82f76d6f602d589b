"""Retries, timeouts and yields through the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from local.fakes.anthropic import FakeAnthropic
from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.definitions import RetryPolicy
from shared.engine.earlier_run import Again, estimate
from shared.engine.execute_step import end_loop
from shared.engine.read_run import read_agent_run, read_agent_runs, read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.engine.work_steps import StepOutcome
from shared.errors import InvalidDefinitionError, ModelBusyError, ProviderDownError, StoreBusyError
from shared.llm.claude import call_claude_cached
from shared.store.session import Step, Store
from shared.store.wire import Row
from shared.workflows.check import check_definition
from tests.support.agents import Anything
from tests.support.model_calls import real_mode
from tests.support.queues import HeldQueue, Outcome
from tests.support.runs import events_of, started, step, steps_of, workflow
from tests.support.stopping import Point, calling_agent


@pytest.fixture
def point() -> Iterator[Point]:
    with calling_agent("one", "two", "three") as made:
        yield made


def with_settings(rooms: Rooms, **changes: Any) -> Rooms:
    return replace(rooms, settings=rooms.settings.model_copy(update=changes))


def outcomes_of(queue: HeldQueue, rooms: Rooms) -> list[Outcome]:
    """Delivers each wake-up when it is due, until nothing is left; what they came to, but for those that came too late
    to do anything."""
    found: list[Outcome] = []
    while queue.held:
        found.append(queue.deliver_when_due(queue.held.pop(0), rooms))
    return [outcome for outcome in found if outcome != StepOutcome.DONE_BEFORE]


def test_a_policy_may_try_what_would_be_final(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A broken agent is tried as often as its own step says; its class and the count are told at the end."""
    point.acts["two"] = point.broken
    policy = RetryPolicy(max_attempts=3, backoff_s=0, on=("agent_failed",))
    run = started(workflow(step("s", agent="calling", retry=policy)), workspace, rooms)

    assert outcomes_of(queue, rooms) == ["retrying", "retrying", "failed"]

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["failures"], found["error_class"]) == (3, "agent_failed")
    assert found["error_message"].endswith("broken (failed 3 times)")
    assert point.asked == ["one", "two", "two", "two"]


def test_a_policy_may_try_less(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """What would pass by itself is not tried again by a step that names something else."""
    point.acts["one"] = point.away
    policy = RetryPolicy(on=("model_busy",))
    run = started(workflow(step("s", agent="calling", retry=policy)), workspace, rooms)

    assert outcomes_of(queue, rooms) == ["failed"]
    assert steps_of(run.run_id, workspace, rooms)["s"]["error_class"] == "provider_down"


def test_a_policy_that_names_no_failure_is_refused(rooms: Rooms) -> None:
    """The error names the step, the field and what may stand there."""
    with pytest.raises(InvalidDefinitionError) as refused:
        check_definition(workflow(step("s", retry=RetryPolicy(on=("model_busy", "nonsense")))))

    assert refused.value.field == "steps.s.retry.on"
    assert "'nonsense'" in refused.value.problem
    assert "provider_down" in refused.value.problem


class RefusingStore(Store):
    """The real store, which has no connection for the query `name` the first `times` times."""

    def __init__(self, real: Store, name: str, times: int) -> None:
        self.__dict__.update(real.__dict__)
        self._name, self._left = name, times

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        if self._left and any(name == self._name for name, _ in steps):
            self._left -= 1
            raise StoreBusyError("no connection is free")
        return super().move_all(workspace_id, steps)


def test_a_journal_without_a_connection_costs_no_try(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """The database refuses the journal more often than a step may fail: the step is done all the same."""
    refusing = replace(rooms, store=RefusingStore(rooms.store, "begin_call", times=12))
    once = RetryPolicy(max_attempts=1, backoff_max_s=0.01)
    run = started(workflow(step("s", agent="calling", retry=once)), workspace, refusing)

    assert outcomes_of(queue, refusing) == ["retrying"] * 12 + ["succeeded"]

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["attempt"], found["failures"]) == (13, 0)
    assert [one["status"] for one in read_agent_runs(workspace, run.run_id, rooms)] == ["failed"] * 12 + ["succeeded"]
    seqs = [event.seq for event in events_of(run.run_id, workspace, rooms)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_step_yields_when_its_request_is_over(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Each request answers one call more and is cut off in the next: no failure is counted, no answer asked twice."""
    point.acts["two"] = point.acts["three"] = point.hang
    short = with_settings(rooms, step_timeout_s=0.2, max_step_attempts=1)
    run = started(workflow(step("s", agent="calling")), workspace, short)

    assert queue.deliver(queue.held.pop(0), short) == StepOutcome.YIELDED
    del point.acts["two"]
    assert queue.deliver(queue.held.pop(0), short) == StepOutcome.YIELDED
    del point.acts["three"]
    assert queue.deliver(queue.held.pop(0), short) == StepOutcome.SUCCEEDED

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["attempt"], found["failures"], found["error_class"]) == (3, 0, None)
    assert point.asked.count("one") == 1
    assert [one["status"] for one in read_agent_runs(workspace, run.run_id, rooms)] == [
        "skipped",
        "skipped",
        "succeeded",
    ]
    kinds = [event.kind for event in events_of(run.run_id, workspace, rooms)]
    assert kinds.count("workflow_step.yielded") == kinds.count("agent_run.skipped") == 2


def test_a_step_that_gets_no_further_fails(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The second request is over where the first was: that counts, and the tries end."""
    point.acts["two"] = point.hang
    short = with_settings(rooms, step_timeout_s=0.2, max_step_attempts=2)
    run = started(workflow(step("s", agent="calling")), workspace, short)

    assert outcomes_of(queue, short) == ["yielded", "retrying", "failed"]

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["failures"], found["error_class"]) == (2, "out_of_time")


def test_no_call_is_begun_that_would_be_cut_off(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """After three quarters of the request's time an attempt that got further yields before its next call."""
    short = with_settings(rooms, step_timeout_s=0.2)

    def slow() -> None:
        until = time.monotonic() + 0.16  # the attempt began before that, however slow the machine is
        while time.monotonic() < until:
            pass

    point.acts["one"] = slow
    run = started(workflow(step("s", agent="calling")), workspace, short)

    assert queue.deliver(queue.held.pop(0), short) == StepOutcome.YIELDED

    assert point.asked == ["one"]
    assert [event.kind for event in events_of(run.run_id, workspace, rooms)].count("workflow_step.yielded") == 1


def test_a_step_times_out_over_all_its_attempts(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Its time began with its first attempt: the second one has what is left, and then it is over for good."""
    point.acts["one"] = point.away
    generous = RetryPolicy(max_attempts=100, backoff_s=0)
    run = started(workflow(step("s", agent="calling", timeout_s=0.3, retry=generous)), workspace, rooms)
    assert queue.deliver(queue.held.pop(0), rooms) == StepOutcome.RETRYING
    point.acts["one"] = point.hang

    assert outcomes_of(queue, rooms) == ["failed"]

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["attempt"], found["error_class"]) == (2, "timed_out")
    assert "0.3 s after it first began" in found["error_message"]
    assert read_run(workspace, run.run_id, rooms)["error_class"] == "timed_out"


def test_a_step_in_time_is_not_disturbed(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A limit that is not reached changes nothing."""
    run = started(workflow(step("s", agent="calling", timeout_s=60)), workspace, rooms)

    assert outcomes_of(queue, rooms) == ["succeeded"]
    assert steps_of(run.run_id, workspace, rooms)["s"]["failures"] == 0


class GroupingAgent(BaseAgent):
    """Makes its calls in a task group: what each of them raises comes in a group of errors."""

    name = "grouping"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        faults: dict[str, Exception] = {
            "busy": ModelBusyError("busy", retry_after_s=7),
            "away": ProviderDownError("away", retry_after_s=9),
            "broken": ValueError("broken"),
        }

        async def one(name: str) -> None:
            raise faults[name]

        async with asyncio.TaskGroup() as group, asyncio.TaskGroup() as inner:
            for name in ctx.input["faults"]:
                (group if name == "busy" else inner).create_task(one(name))
        return AgentResult(output={})


@pytest.mark.parametrize(
    ("faults", "status", "error_class"),
    [
        (["busy"], "queued", "model_busy"),
        (["busy", "away"], "queued", "provider_down"),
        (["broken", "away"], "failed", "agent_failed"),
    ],
)
def test_what_comes_in_a_group_is_looked_into(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, faults: list[str], status: str, error_class: str
) -> None:
    """What may pass is tried again, after the longest pause that was asked for; what cannot pass decides."""
    AGENT_REGISTRY["grouping"] = GroupingAgent
    try:
        run = started(workflow(step("s", agent="grouping", options={"faults": faults})), workspace, rooms)
        queue.deliver(queue.held.pop(0), rooms)
    finally:
        del AGENT_REGISTRY["grouping"]

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["status"], found["error_class"]) == (status, error_class)
    assert "unhandled errors in a TaskGroup" not in found["error_message"]
    if status == "queued":
        pause = datetime.fromisoformat(found["not_before"]) - datetime.fromisoformat(found["queued_at"])
        assert pause.total_seconds() >= (9 if "away" in faults else 7)


class Verdict(BaseModel):
    verdict: str
    score: int


class VerdictAgent(BaseAgent):
    """Asks for a sketch, and for a verdict of a fixed shape."""

    name = "verdict"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        await call_claude_cached(system_stable="Sketch.", user_message="Now.", label="sketch")
        answer = await call_claude_cached(
            system_stable="Judge.", user_message="Now.", output_model=Verdict, label="verdict"
        )
        assert isinstance(answer.parsed, Verdict)
        return AgentResult(output=answer.parsed.model_dump(), cost_usd=answer.cost_usd)


@pytest.fixture
def vendor(rooms: Rooms) -> Iterator[FakeAnthropic]:
    """Models are asked for real, whatever the rooms' own settings say."""
    AGENT_REGISTRY["verdict"] = VerdictAgent
    with real_mode() as fake:
        yield fake
        end_loop()  # and with it the connections to the fake
    del AGENT_REGISTRY["verdict"]


def labels_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[tuple[str, str]]:
    found = [
        read_agent_run(workspace, UUID(one["id"]), 50, 0, rooms) for one in read_agent_runs(workspace, run_id, rooms)
    ]
    return [(call["label"], call["outcome"]) for one in found for call in one["steps"]]


@pytest.mark.parametrize(
    ("faults", "error_class"), [(["bad_schema", "bad_schema"], "output_invalid"), (["refusal"], "model_refused")]
)
def test_an_answer_of_no_use_is_asked_for_anew(
    vendor: FakeAnthropic, rooms: Rooms, queue: HeldQueue, workspace: UUID, faults: list[str], error_class: str
) -> None:
    """The next try asks again what could not be used, and only that; the row of the old answer says why."""
    vendor.script("ok", *faults)
    policy = RetryPolicy(max_attempts=2, backoff_s=0, on=(error_class,))
    run = started(workflow(step("s", agent="verdict", retry=policy)), workspace, rooms)

    assert queue.deliver(queue.held.pop(0), rooms) == StepOutcome.RETRYING
    assert outcomes_of(queue, rooms) == ["succeeded"]

    asked = labels_of(run.run_id, workspace, rooms)
    assert asked[0] == ("sketch", "paid")
    assert asked[-2:] == [("sketch", "reused"), ("verdict", "paid")]
    (first, *_) = read_agent_runs(workspace, run.run_id, rooms)
    useless = read_agent_run(workspace, UUID(first["id"]), 50, 0, rooms)["steps"][1:]
    assert len(useless) == len(faults)
    assert all("verdict" in call["error_message"] and call["outcome"] == "paid" for call in useless)


def test_a_redrive_asks_anew_what_was_of_no_use(
    vendor: FakeAnthropic, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """The run failed for its answer: the redrive pays for that call alone, and says so before."""
    vendor.script("ok", "bad_schema", "bad_schema")
    run = started(workflow(step("s", agent="verdict")), workspace, rooms)
    queue.deliver_all(rooms)
    assert read_run(workspace, run.run_id, rooms)["error_class"] == "output_invalid"
    told = estimate(workspace, Again("redrive", run.run_id), rooms)

    again = repeat_run(Again("redrive", run.run_id), Caller(workspace, "ada"), rooms).run_id
    queue.deliver_all(rooms)

    assert labels_of(again, workspace, rooms) == [("sketch", "reused"), ("verdict", "paid")]
    assert read_run(workspace, again, rooms)["status"] == "succeeded"
    assert Decimal(told["estimated_usd"]) > 0

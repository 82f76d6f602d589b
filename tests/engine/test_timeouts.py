"""Steps that time out while nobody works on them: waiting for a signal, for a run, for a person, for their next try."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import RetryPolicy, WorkflowDef, WorkflowStepDef
from shared.engine.control import Ask, pause_run, resume_run
from shared.engine.decide import Decision, decide
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.waiting import receive_signal
from shared.errors import ConflictError
from tests.support.ageing import as_owner, pass_time
from tests.support.escrow import registered_effects
from tests.support.inner import ended, inner_of, runs, stored
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow
from tests.support.spending import spending_agent
from tests.support.stopping import calling_agent

LIMIT_S = 600


@pytest.fixture(autouse=True)
def agents() -> Iterator[None]:
    with registered_effects():
        yield


def waits(key: str = "never", for_s: float | None = None, limit_s: float | None = LIMIT_S) -> WorkflowStepDef:
    return step("wait", agent="patient", options={"key": key, "timeout_s": for_s}, timeout_s=limit_s)


def begun(definition: WorkflowDef, workspace: UUID, rooms: Rooms, queue: HeldQueue, **more: Any) -> UUID:
    """A run whose step waits; nothing is left to deliver."""
    run_id = started(definition, workspace, rooms, **more).run_id
    queue.deliver_all(rooms)
    return run_id


def timed_out(run_id: UUID, workspace: UUID, rooms: Rooms, key: str = "wait") -> dict[str, Any]:
    """The step has timed out and failed its run; its events have no gap."""
    found = steps_of(run_id, workspace, rooms)[key]
    assert (found["status"], found["error_class"]) == ("failed", "timed_out")
    assert f"was not done {LIMIT_S} s after it first began" in found["error_message"]
    assert ended(run_id, workspace, rooms)["error_class"] == "timed_out"
    return found


@pytest.mark.parametrize("wait_s", [None, 86_400])
def test_a_wait_ends_with_its_step(rooms: Rooms, queue: HeldQueue, workspace: UUID, wait_s: int | None) -> None:
    """Nobody sends the signal: just before the limit it still waits, then the sweep ends it."""
    run_id = begun(workflow(waits(for_s=wait_s)), workspace, rooms, queue)

    pass_time(run_id, LIMIT_S - 5, rooms, queue)
    assert steps_of(run_id, workspace, rooms)["wait"]["status"] == "waiting"
    pass_time(run_id, 60, rooms, queue)

    assert timed_out(run_id, workspace, rooms)["attempt"] == 2


def test_a_shorter_wait_is_a_wait(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The wait's own time is over first: the agent goes on with nothing, within its limit."""
    run_id = begun(workflow(waits(for_s=60)), workspace, rooms, queue)

    pass_time(run_id, 120, rooms, queue)

    assert steps_of(run_id, workspace, rooms)["wait"]["output_jsonb"] == {"sent": None}


def test_a_signal_in_time_is_taken(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Just before the limit it is what was waited for; just after it nothing is woken."""
    in_time = begun(workflow(waits(key="in time")), workspace, rooms, queue)
    too_late = begun(workflow(waits(key="too late")), workspace, rooms, queue)
    pass_time(in_time, LIMIT_S - 60, rooms, queue)
    assert receive_signal(workspace, "in time", 1, "t", rooms).woken == 1
    queue.deliver_all(rooms)
    pass_time(too_late, LIMIT_S + 60, rooms, queue)
    assert receive_signal(workspace, "too late", 1, "t", rooms).woken == 0

    assert steps_of(in_time, workspace, rooms)["wait"]["output_jsonb"] == {"sent": 1}
    timed_out(too_late, workspace, rooms)


def test_a_wait_that_is_over_while_paused(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Held, nothing happens to it; resumed, it times out."""
    run_id = begun(workflow(waits()), workspace, rooms, queue)
    pause_run(Ask(workspace, run_id, "ada"), rooms)
    pass_time(run_id, LIMIT_S + 60, rooms, queue)
    assert read_run(workspace, run_id, rooms)["status"] == "running"

    resume_run(Ask(workspace, run_id, "ada"), rooms)
    queue.deliver_all(rooms)

    timed_out(run_id, workspace, rooms)


@pytest.mark.parametrize(("on_failure", "status"), [("fail", "failed"), ("continue", "succeeded")])
def test_a_run_inside_of_it_ends_with_the_step(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, on_failure: Any, status: str
) -> None:
    """Two deep, the innermost waits for ever: the outer step times out, and nothing inside of it goes on."""
    inner = workflow(waits(limit_s=None), slug="inner")
    stored(workspace, rooms, inner, workflow(runs("inner"), slug="middle"))
    outer = workflow(runs("middle", timeout_s=LIMIT_S, on_failure=on_failure), step("after"))
    run_id = begun(outer, workspace, rooms, queue)
    (middle,) = inner_of(run_id, workspace, rooms)
    (innermost,) = inner_of(middle, workspace, rooms)

    pass_time(run_id, LIMIT_S + 60, rooms, queue)

    assert steps_of(run_id, workspace, rooms)["sub"]["error_class"] == "timed_out"
    assert ended(run_id, workspace, rooms)["status"] == status
    assert [ended(one, workspace, rooms)["status"] for one in (middle, innermost)] == ["cancelled"] * 2


def test_a_run_that_ends_in_time_is_taken(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It ended before the limit and its step was woken after it: what it put out counts."""
    stored(workspace, rooms, workflow(waits(limit_s=None), slug="inner"))
    run_id = begun(workflow(runs("inner", timeout_s=LIMIT_S)), workspace, rooms, queue)
    receive_signal(workspace, "never", "now", "t", rooms)
    queue.deliver(queue.held.pop(0), rooms)
    as_owner(rooms, ("age_steps", {"run_id": run_id, "seconds": LIMIT_S + 60}))

    queue.deliver_all(rooms)

    assert ended(run_id, workspace, rooms)["status"] == "succeeded"


def test_a_gate_ends_with_its_step(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nobody decides: the gate is closed, the step fails, what it would have released is refused, and one who comes
    late is told."""
    gated = workflow(
        step("write", agent="proposing", options={"notes": [{"text": "one"}]}),
        step("wait", "write", agent="approval_gate", timeout_s=LIMIT_S, options={"remind_every_s": 60}),
    )
    run_id = begun(gated, workspace, rooms, queue)
    (gate,) = gates_of(run_id, workspace, rooms)
    pass_time(run_id, 90, rooms, queue)
    assert [one.id for one in gates_of(run_id, workspace, rooms)] == [gate.id]

    pass_time(run_id, LIMIT_S, rooms, queue)

    timed_out(run_id, workspace, rooms)
    assert gates_of(run_id, workspace, rooms) == []
    (effect,) = rooms.store.move(workspace, "effects_of_run", run_id=run_id)
    assert effect.status == "refused"
    with pytest.raises(ConflictError):
        decide(Decision(workspace, gate.step_id, "ada", (), "approve", gate.digest), rooms)


def test_a_gate_that_expires_first_does_as_it_says(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Its own time is shorter than the step's, or they end together: the expiry decides."""
    options = {"expires_in_s": 300, "on_expiry": "approve"}
    gated = workflow(step("a"), step("wait", "a", agent="approval_gate", timeout_s=LIMIT_S, options=options))
    run_id = begun(gated, workspace, rooms, queue)

    pass_time(run_id, LIMIT_S + 60, rooms, queue)

    assert steps_of(run_id, workspace, rooms)["wait"]["output_jsonb"]["decision"] == "approved"


def test_a_question_for_money_ends_with_its_step(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A cap was reached, and nobody raised it in time."""
    spends = workflow(step("wait", agent="spending", options={"calls": 3}, timeout_s=LIMIT_S))
    with spending_agent() as agent:
        run_id = begun(spends, workspace, rooms, queue, budget_usd=Decimal("0.06"))
        assert steps_of(run_id, workspace, rooms)["wait"]["status"] == "pending_approval"
        pass_time(run_id, LIMIT_S + 60, rooms, queue)

    timed_out(run_id, workspace, rooms)
    assert agent.asked == 1


def test_a_long_pause_before_a_try_ends_with_its_step(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The other side asked for a day: the step does not wait beyond its limit to fail."""
    policy = RetryPolicy(backoff_s=3600, max_attempts=9)
    with calling_agent("one") as point:
        point.acts["one"] = point.away
        tries = workflow(step("wait", agent="calling", timeout_s=LIMIT_S, retry=policy))
        run_id = started(tries, workspace, rooms).run_id
        queue.deliver(queue.held.pop(0), rooms)
        queue.held = []
        as_owner(rooms, ("age_not_before", {"run_id": run_id, "seconds": LIMIT_S}))
        pass_time(run_id, LIMIT_S + 60, rooms, queue)

    timed_out(run_id, workspace, rooms)
    assert point.asked == ["one"]


def test_a_lost_wake_up_of_a_timeout_is_found(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The task that the sweep made is lost: a later sweep makes another."""
    run_id = begun(workflow(waits()), workspace, rooms, queue)
    values = {"run_id": run_id, "seconds": LIMIT_S + 60}
    as_owner(rooms, ("age_steps", values), ("age_wake_ups", values))
    sweep(rooms)
    queue.held = []

    pass_time(run_id, 3600, rooms, queue)

    timed_out(run_id, workspace, rooms)


def gates_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "gates_newest_first", status="open", run_id=run_id, before=None, limit=5)

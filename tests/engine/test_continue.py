"""One request goes on with the steps that it makes ready."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.work_steps import StepOutcome
from shared.errors import StoreBusyError
from tests.support.dying import DyingStore
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow

CHAIN = workflow(*(step(f"s{at}", *([f"s{at - 1}"] if at else [])) for at in range(10)))


@pytest.fixture
def going_on(rooms: Rooms) -> Rooms:
    return replace(rooms, settings=rooms.settings.model_copy(update={"continue_within_s": 60.0}))


def test_a_chain_is_one_request(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Ten steps in a row: one wake-up, no further task. Each is claimed as the one before it is settled."""
    run = started(CHAIN, workspace, going_on)
    with going_on.store.pool().connection() as connection:
        before = connection.waits

    assert queue.deliver_all(going_on) == [StepOutcome.SUCCEEDED]

    with going_on.store.pool().connection() as connection:
        assert connection.waits - before == 2 + 10
    assert read_run(workspace, run.run_id, going_on)["status"] == "succeeded"


FAN = workflow(step("root"), *(step(f"b{at}", "root") for at in range(4)), step("join", *(f"b{at}" for at in range(4))))


def test_what_becomes_ready_together_is_done_together(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A root, four branches and a join are one request: the four are claimed in the wait that settles the root,
    and settled in the one that claims the join."""
    run = started(FAN, workspace, going_on)
    with going_on.store.pool().connection() as connection:
        before = connection.waits

    assert queue.deliver_all(going_on) == [StepOutcome.SUCCEEDED]

    with going_on.store.pool().connection() as connection:
        assert connection.waits - before == 2 + 3
    events = events_of(run.run_id, workspace, going_on)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events].count("workflow_step.succeeded") == 6


def test_one_of_them_may_fail(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Side by side with three that succeed, a fourth fails: each is written as it ended, and the join never begins."""
    branches = [step(f"b{at}", "root", agent="broken" if at == 2 else "echo") for at in range(4)]
    definition = workflow(step("root"), *branches, step("join", *(branch.key for branch in branches)))
    run = started(definition, workspace, going_on)

    queue.deliver_all(going_on)

    found = {key: one["status"] for key, one in steps_of(run.run_id, workspace, going_on).items()}
    assert [found[f"b{at}"] for at in range(4)] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert found["join"] == "skipped"
    assert read_run(workspace, run.run_id, going_on)["status"] == "failed"
    assert read_run(workspace, run.run_id, going_on)["steps_open"] == 0


def test_the_others_get_their_tasks(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Where one step may be done at a time: of four that become ready, three are woken; the join runs once."""
    going_on = replace(going_on, settings=going_on.settings.model_copy(update={"continue_with": 1}))
    run = started(FAN, workspace, going_on)

    first = queue.deliver(queue.held.pop(0), going_on)

    assert first == StepOutcome.SUCCEEDED
    assert len(queue.held) == 3
    assert [one["status"] for one in steps_of(run.run_id, workspace, going_on).values()].count("succeeded") == 2
    queue.deliver_all(going_on)
    events = events_of(run.run_id, workspace, going_on)
    assert [event.kind for event in events].count("workflow_step.succeeded") == 6
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_a_failure_in_place_fails_its_own_step(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The step that was asked for succeeded; the one that went on failed, and with it the run."""
    run = started(workflow(step("good"), step("bad", "good", agent="broken")), workspace, going_on)

    assert queue.deliver_all(going_on) == [StepOutcome.SUCCEEDED]

    steps = steps_of(run.run_id, workspace, going_on)
    assert (steps["good"]["status"], steps["bad"]["status"]) == ("succeeded", "failed")


TO_A_GATE = workflow(step("write"), step("ask", "write", agent="approval_gate"))


def test_a_death_between_two_steps_is_found_by_the_sweep(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Killed after a settle, before the step to follow was claimed: no task exists for it, and the sweep wakes it."""
    settings = going_on.settings.model_copy(update={"sweep_grace_s": 0.0})
    dying = replace(going_on, settings=settings, store=DyingStore(going_on.store, "claim_steps", after=1))
    run = started(TO_A_GATE, workspace, dying)

    with pytest.raises(StoreBusyError):
        queue.deliver(queue.held.pop(0), dying)

    assert queue.held == []
    _delivered_by_the_sweep(replace(going_on, settings=settings), queue, workspace)
    steps = steps_of(run.run_id, workspace, going_on)
    assert {key: one["status"] for key, one in steps.items()} == {"write": "succeeded", "ask": "pending_approval"}
    assert [one["attempt"] for one in steps.values()] == [1, 1]


def test_a_death_before_a_settle_leaves_nothing_claimed(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The step to follow is claimed in the transaction that settles the one before it: both happen, or neither."""
    settings = going_on.settings.model_copy(update={"sweep_grace_s": 0.0, "step_lease_s": 0.0})
    dying = replace(going_on, settings=settings, store=DyingStore(going_on.store, "claim_steps", after=4))
    run = started(CHAIN, workspace, dying)

    with pytest.raises(StoreBusyError):
        queue.deliver(queue.held.pop(0), dying)

    found = [(one["status"], one["attempt"]) for one in steps_of(run.run_id, workspace, going_on).values()]
    assert found == [("succeeded", 1)] * 3 + [("running", 1)] + [("pending", 0)] * 6
    _delivered_by_the_sweep(replace(going_on, settings=settings), queue, workspace)
    assert read_run(workspace, run.run_id, going_on)["status"] == "succeeded"
    assert [one["attempt"] for one in steps_of(run.run_id, workspace, going_on).values()] == [1, 1, 1, 2, *[1] * 6]


def _delivered_by_the_sweep(alive: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    while not any(wake.body["workspace_id"] == str(workspace) for wake in queue.held):
        sweep(alive)
    queue.held = [wake for wake in queue.held if wake.body["workspace_id"] == str(workspace)]
    queue.deliver_all(alive)

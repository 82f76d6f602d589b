"""What a failing step does to itself and to its run."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from shared.core.status import RunStatus
from shared.engine.execute_step import StepTask, execute_step
from shared.engine.read_run import read_agent_runs, read_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.work_steps import StepOutcome
from shared.queue.tasks import Wake
from tests.support.agents import FlakyAgent
from tests.support.queues import HeldQueue
from tests.support.runs import claim_of, events_of, started, step, steps_of, workflow

THREE = workflow(step("good"), step("bad", "good", agent="broken"), step("never", "bad"))


def test_a_broken_step_fails_its_run(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The step and the run say why; what had not begun is skipped, what was done stays done."""
    run = started(THREE, workspace, rooms)

    queue.deliver_all(rooms)

    found = read_run(workspace, run.run_id, rooms)
    assert found["status"] == RunStatus.FAILED
    assert "step 'bad': broken: ValueError: this agent is broken" in found["error_message"]
    steps = steps_of(run.run_id, workspace, rooms)
    assert [steps[key]["status"] for key in ("good", "bad", "never")] == ["succeeded", "failed", "skipped"]
    assert steps["never"]["error_message"] == "not begun: step 'bad' failed"
    assert found["steps_open"] == 0


def test_a_failed_run_tells_its_end_last(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Failure of the agent, of the step, the skipped, then the run: numbered without a gap."""
    run = started(THREE, workspace, rooms)
    queue.deliver_all(rooms)

    events = events_of(run.run_id, workspace, rooms)

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.kind for event in events[-4:]] == [
        "agent_run.failed",
        "workflow_step.failed",
        "workflow_step.skipped",
        "workflow_run.failed",
    ]


def test_the_traceback_is_kept_without_secrets(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """An agent run's error is the whole traceback, scrubbed of what looks like a token."""
    run = started(workflow(step("bad", agent="broken")), workspace, rooms)
    queue.deliver_all(rooms)

    (agent_run,) = read_agent_runs(workspace, run.run_id, rooms)

    assert "Traceback (most recent call last)" in agent_run["error_message"]
    assert "abcdefghijklmnop" not in agent_run["error_message"]
    assert "[secret]" in agent_run["error_message"]


def test_an_unknown_agent_fails_by_name(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A name that nobody registered fails the step, and says the name (A073)."""
    run = started(workflow(step("who", agent="nobody")), workspace, rooms)

    queue.deliver_all(rooms)

    assert steps_of(run.run_id, workspace, rooms)["who"]["error_message"] == "unknown agent: nobody"


def test_an_unresolved_input_fails_before_the_agent(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A path that leads nowhere at run time fails the step, with step, field and path."""
    run = started(workflow(step("s", input_map={"x": "brief.missing"})), workspace, rooms)

    queue.deliver_all(rooms)

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert found["error_class"] == "input_unresolved"
    assert "step 's', field 'x': path 'brief.missing' finds no 'missing'" in found["error_message"]


def test_a_transient_failure_is_tried_again(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Queued again with a time before which it is not due, and a task due then; the answered call is not made twice."""
    run = started(workflow(step("s", agent="flaky"), slug="flaky"), workspace, rooms, brief={"fails": 2})

    outcomes = [queue.deliver(queue.held.pop(0), rooms)]
    while outcomes[-1] != StepOutcome.SUCCEEDED:
        wake = queue.held.pop(0)
        assert wake.due is not None
        outcomes.append(queue.deliver_when_due(wake, rooms))

    assert outcomes == ["retrying", "retrying", "succeeded"]
    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (found["attempt"], found["failures"]) == (3, 2)
    assert FlakyAgent.calls["asked"] == 1


def test_a_step_not_yet_due_is_left_for_later(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A wake-up that comes too early changes nothing, and leaves one for the right time."""
    started(workflow(step("s", agent="flaky")), workspace, rooms, brief={"fails": 1, "retry_after_s": 600})
    first = queue.held.pop(0)
    assert queue.deliver(first, rooms) == StepOutcome.RETRYING
    queue.held.clear()

    outcome = queue.deliver(first, rooms)

    assert outcome == StepOutcome.NOT_DUE
    (later,) = queue.held
    assert later.due is not None


def test_tries_end(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """After the last try the step fails, with the class of what was wrong."""
    few = replace(rooms, settings=rooms.settings.model_copy(update={"max_step_attempts": 2}))
    run = started(workflow(step("s", agent="flaky")), workspace, few, brief={"fails": 99})
    outcomes = [queue.deliver(queue.held.pop(0), few)]
    while outcomes[-1] == StepOutcome.RETRYING:
        outcomes.append(queue.deliver_when_due(queue.held.pop(0), few))

    assert outcomes == ["retrying", "failed"]
    assert steps_of(run.run_id, workspace, rooms)["s"]["error_class"] == "provider_down"


def test_a_lost_wake_up_is_found_by_the_sweep(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The queue forgot everything: the sweep wakes what is overdue, once, under a new name."""
    eager = replace(rooms, settings=rooms.settings.model_copy(update={"sweep_grace_s": 0.0}))
    run = started(workflow(step("s")), workspace, eager)
    queue.held.clear()

    while not any(wake.body["workspace_id"] == str(workspace) for wake in queue.held):
        sweep(eager)
    mine = [wake for wake in queue.held if wake.body["workspace_id"] == str(workspace)]

    assert queue.deliver(mine[0], rooms) == StepOutcome.SUCCEEDED
    assert read_run(workspace, run.run_id, rooms)["status"] == "succeeded"


def test_a_step_of_another_workspace_is_unknown(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A task that names the wrong workspace finds nothing and changes nothing."""
    run = started(workflow(step("s")), workspace, rooms)
    step_id = UUID(steps_of(run.run_id, workspace, rooms)["s"]["id"])

    outcome = execute_step(StepTask(UUID(int=7), run.run_id, step_id), rooms)

    assert outcome == StepOutcome.UNKNOWN
    assert steps_of(run.run_id, workspace, rooms)["s"]["status"] == "queued"


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_the_end_is_the_end(rooms: Rooms, queue: HeldQueue, workspace: UUID, status: str) -> None:
    """A wake-up after the end is answered, and nothing moves."""
    agent = "echo" if status == "succeeded" else "broken"
    run = started(workflow(step("s", agent=agent)), workspace, rooms)
    wake = queue.held.pop(0)
    queue.deliver(wake, rooms)
    before = read_run(workspace, run.run_id, rooms)

    assert queue.deliver(wake, rooms) == StepOutcome.DONE_BEFORE
    assert read_run(workspace, run.run_id, rooms) == before
    assert before["status"] == status


def test_a_sibling_cannot_outlive_its_failed_run(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Still running when the run fails, then failing in a way that would be tried again: it ends too."""
    run = started(workflow(step("bad", agent="broken"), step("away", agent="flaky")), workspace, rooms)
    bad, away = queue.held
    held = claimed_by_another(rooms, workspace, run.run_id, away)
    queue.deliver(bad, rooms)
    assert read_run(workspace, run.run_id, rooms)["steps_open"] == 1

    outcome = queue.deliver(away, rooms)

    assert held
    assert outcome == StepOutcome.FAILED
    found = read_run(workspace, run.run_id, rooms)
    assert (found["status"], found["steps_open"]) == ("failed", 0)
    assert "lost after the run had ended" in steps_of(run.run_id, workspace, rooms)["away"]["error_message"]
    assert queue.deliver(away, rooms) == StepOutcome.DONE_BEFORE


def test_a_step_that_kills_its_executor_is_given_up(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Claimed and lost again and again: after the last allowed time it fails, and says how often."""
    few = replace(rooms, settings=rooms.settings.model_copy(update={"max_lost_attempts": 3}))
    run = started(workflow(step("s")), workspace, few)
    wake = queue.held.pop(0)
    for seen in range(4):
        assert claimed_by_another(few, workspace, run.run_id, wake, seen=seen)

    assert queue.deliver(wake, few) == StepOutcome.FAILED

    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert found["error_class"] == "lost_too_often"
    assert "4 executors died" in found["error_message"]


def claimed_by_another(rooms: Rooms, workspace: UUID, run_id: UUID, wake: Wake, *, seen: int = 0) -> bool:
    """Another executor claims the step and dies at once: its lease is over as soon as it began."""
    rows = rooms.store.move_step(
        workspace,
        "claim_steps",
        run_id=run_id,
        **claim_of(UUID(wake.body["step_id"]), uuid4(), seen=seen),
    )
    return bool(rows)

"""A run from start to end, whatever the queue does with its deliveries."""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.work_steps import StepOutcome
from shared.errors import ConflictError
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow

DIAMOND = workflow(
    step("first"),
    step("left", "first", input_map={"seen": "first.output.echo.handle"}),
    step("right", "first", input_map={"seen": "brief.handle"}),
    step("last", "left", "right", input_map={"both": "{{left.echo.seen}} and {{right.echo.seen}}"}),
)


def test_run_ends_with_every_step_done(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Four deliveries, four steps, one report of success."""
    run = started(DIAMOND, workspace, rooms)

    outcomes = queue.deliver_all(rooms)

    assert outcomes == ["succeeded"] * 4
    assert read_run(workspace, run.run_id, rooms)["status"] == "succeeded"


def test_inputs_come_from_brief_and_upstream(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A step sees the brief, its options and what input_map points at."""
    run = started(DIAMOND, workspace, rooms, brief={"handle": "ada", "notes": "n"})

    queue.deliver_all(rooms)

    last = steps_of(run.run_id, workspace, rooms)["last"]
    assert last["input_jsonb"] == {"handle": "ada", "notes": "n", "both": "ada and ada"}
    assert last["output_jsonb"] == {"echo": last["input_jsonb"]}


@pytest.mark.parametrize("seed", range(5))
def test_duplicates_and_disorder_change_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID, seed: int) -> None:
    """Each wake-up delivered two or three times, in any order: every step runs once."""
    run = started(DIAMOND, workspace, rooms)

    outcomes = queue.deliver_shuffled(rooms, seed)

    assert outcomes.count(StepOutcome.SUCCEEDED) == 4
    assert set(outcomes) <= {"succeeded", "done_before", "not_ours"}
    assert [one["attempt"] for one in steps_of(run.run_id, workspace, rooms).values()] == [1, 1, 1, 1]


def test_events_tell_the_whole_story_in_order(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Events are numbered without gaps; each step and agent run starts before it ends; the run ends last."""
    run = started(DIAMOND, workspace, rooms)
    queue.deliver_all(rooms)

    events = events_of(run.run_id, workspace, rooms)

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    kinds = [event.kind for event in events]
    assert kinds[0] == "workflow_run.started"
    assert kinds[-1] == "workflow_run.completed"
    assert kinds.count("agent_run.started") == kinds.count("agent_run.succeeded") == 4
    assert read_run(workspace, run.run_id, rooms)["version"] == len(events)


def test_wide_fan_joins_once(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Fifty branches, one join: it starts once, after the last of them."""
    branches = [step(f"b{number}", "root") for number in range(50)]
    definition = workflow(step("root"), *branches, step("join", *(branch.key for branch in branches)))
    run = started(definition, workspace, rooms)

    outcomes = queue.deliver_shuffled(rooms, seed=7)

    assert outcomes.count(StepOutcome.SUCCEEDED) == 52
    order = [event.payload.get("key") for event in events_of(run.run_id, workspace, rooms)]
    assert order.index("join") > max(at for at, key in enumerate(order) if key and key.startswith("b"))


def test_same_key_starts_once(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The same request under the same idempotency key is the same run."""
    one = started(DIAMOND, workspace, rooms, idempotency_key="k1")
    two = started(DIAMOND, workspace, rooms, idempotency_key="k1")

    assert two.run_id == one.run_id
    assert (one.is_new, two.is_new) == (True, False)
    assert len(queue.held) == 1


def test_same_key_for_another_request_is_refused(rooms: Rooms, workspace: UUID) -> None:
    """A key names one request; another one under it is a mistake of the caller."""
    started(DIAMOND, workspace, rooms, idempotency_key="k1")

    with pytest.raises(ConflictError, match="Idempotency-Key"):
        started(DIAMOND, workspace, rooms, idempotency_key="k1", brief={"handle": "other"})

"""A part of an earlier run done again: what is taken over, what the journal answers, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.engine.control import Ask, cancel_run
from shared.engine.earlier_run import Again, estimate
from shared.engine.read_run import read_run
from shared.engine.restart_run import estimate_redrives, redrive_runs, repeat_run, runs_to_redrive
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.errors import ConflictError, InvalidDefinitionError, InvalidInputError, NotFoundError
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow
from tests.support.stopping import Point, calling_agent

DIAMOND = workflow(
    step("first", options={"n": 1}),
    step("left", "first", input_map={"seen": "first.output.echo.handle"}),
    step("right", "first", agent="calling"),
    step("last", "left", "right", input_map={"both": "{{left.echo.seen}} {{right.answers}}"}),
)


@pytest.fixture
def point() -> Iterator[Point]:
    with calling_agent("one", "two") as made:
        yield made


def again(kind: Any, run_id: UUID, workspace: UUID, rooms: Rooms, key: str | None = None, **more: Any) -> UUID:
    return repeat_run(Again(kind, run_id, **more), Caller(workspace, "ada", key), rooms).run_id


def ended(run_id: UUID, workspace: UUID, rooms: Rooms, queue: HeldQueue) -> dict[str, Any]:
    """The run after every wake-up, which must have left nothing open and told everything once."""
    queue.deliver_all(rooms)
    run = read_run(workspace, run_id, rooms)
    assert run["steps_open"] == 0
    seqs = [event.seq for event in events_of(run_id, workspace, rooms)]
    assert seqs == list(range(1, len(seqs) + 1))
    return run


def failed_run(point: Point, workspace: UUID, rooms: Rooms, queue: HeldQueue) -> UUID:
    """A run whose step `right` failed in its second call, after it had paid for the first."""
    point.acts["two"] = point.broken
    run = started(DIAMOND, workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    left = steps_of(run.run_id, workspace, rooms)["left"]["id"]
    queue.held.sort(key=lambda wake: wake.body["step_id"] != left)
    assert ended(run.run_id, workspace, rooms, queue)["status"] == "failed"
    point.acts.clear()
    return run.run_id


def test_a_redrive_does_what_did_not_succeed(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """What succeeded is taken over for nothing; the failed step's paid call answers from the journal."""
    old = failed_run(point, workspace, rooms, queue)
    before = read_run(workspace, old, rooms)

    new = again("redrive", old, workspace, rooms)
    run = ended(new, workspace, rooms, queue)

    assert run["status"] == "succeeded"
    assert (run["fork_kind"], run["forked_from_run_id"], run["forked_at_steps"]) == ("redrive", str(old), ["right"])
    assert point.asked == ["one", "two", "two"]
    assert Decimal(run["total_cost_usd"]) == Decimal("0.01")
    steps = steps_of(new, workspace, rooms)
    assert [key for key, one in steps.items() if one["taken_from"]] == ["first", "left"]
    assert [one["attempt"] for one in steps.values()] == [0, 0, 1, 1]
    assert steps["last"]["input_jsonb"]["both"] == 'x ["one!","two!"]'
    assert read_run(workspace, old, rooms) == before


def test_a_redrive_can_be_redriven(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Failed twice before its second call: the third run still finds what the first one paid for."""
    old = failed_run(point, workspace, rooms, queue)
    point.acts["two"] = point.broken
    second = again("redrive", old, workspace, rooms)
    assert ended(second, workspace, rooms, queue)["status"] == "failed"
    point.acts.clear()

    third = again("redrive", second, workspace, rooms)

    assert ended(third, workspace, rooms, queue)["status"] == "succeeded"
    assert point.asked.count("one") == 1


def test_a_cancelled_run_can_be_redriven(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It goes on where it was cut off; the call that was answered is not paid again."""
    run = started(DIAMOND, workspace, rooms)
    point.acts["two"] = lambda: cancel_run(Ask(workspace, run.run_id, "ada"), rooms)
    assert ended(run.run_id, workspace, rooms, queue)["status"] == "cancelled"
    point.acts.clear()

    new = again("redrive", run.run_id, workspace, rooms)

    assert ended(new, workspace, rooms, queue)["status"] == "succeeded"
    assert point.asked.count("one") == 1


def test_a_restart_does_a_step_and_all_after_it(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Of a run that succeeded: the chosen step and its successors, with the same definition and brief."""
    old = started(DIAMOND, workspace, rooms).run_id
    first = ended(old, workspace, rooms, queue)

    new = again("restart", old, workspace, rooms, from_step="left")
    run = ended(new, workspace, rooms, queue)

    assert {key for key, one in steps_of(new, workspace, rooms).items() if not one["taken_from"]} == {"left", "last"}
    assert (run["definition_digest"], run["brief_jsonb"]) == (first["definition_digest"], first["brief_jsonb"])
    assert [one["output_jsonb"] for one in run["steps"]] == [one["output_jsonb"] for one in first["steps"]]
    assert run["forked_at_steps"] == ["left"]


@pytest.mark.parametrize(("is_fresh", "asked"), [(False, 2), (True, 4)])
def test_a_fresh_restart_asks_again(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID, is_fresh: bool, asked: int
) -> None:
    """The journal answers the same calls, unless they are to be made anew."""
    old = started(DIAMOND, workspace, rooms).run_id
    ended(old, workspace, rooms, queue)

    new = again("restart", old, workspace, rooms, from_step="right", is_fresh=is_fresh)

    assert ended(new, workspace, rooms, queue)["status"] == "succeeded"
    assert len(point.asked) == asked


def test_a_restart_from_the_first_step_takes_nothing_over(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """Every step is done again."""
    old = started(DIAMOND, workspace, rooms).run_id
    ended(old, workspace, rooms, queue)

    new = again("restart", old, workspace, rooms, from_step="first")

    assert ended(new, workspace, rooms, queue)["status"] == "succeeded"
    assert [one["attempt"] for one in steps_of(new, workspace, rooms).values()] == [1] * 4


def test_a_taken_over_step_can_be_done_again_later(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """Run, restart after the step, restart at the step: its journal is still found two runs back."""
    old = started(DIAMOND, workspace, rooms).run_id
    ended(old, workspace, rooms, queue)
    second = again("restart", old, workspace, rooms, from_step="last")
    ended(second, workspace, rooms, queue)

    third = again("restart", second, workspace, rooms, from_step="right")

    assert ended(third, workspace, rooms, queue)["status"] == "succeeded"
    assert len(point.asked) == 2


def test_a_fork_sees_the_changed_brief(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """From the step on: what comes before keeps its output, the step itself asks anew."""
    old = started(DIAMOND, workspace, rooms, brief={"handle": "lakucosmetics", "about": "a", "gone": 1}).run_id
    ended(old, workspace, rooms, queue)

    new = again("fork", old, workspace, rooms, from_step="right", brief={"about": "b", "gone": None})
    run = ended(new, workspace, rooms, queue)

    assert run["brief_jsonb"] == {"handle": "lakucosmetics", "about": "b"}
    steps = steps_of(new, workspace, rooms)
    assert steps["right"]["input_jsonb"]["about"] == "b"
    assert steps["left"]["taken_from"]
    assert point.asked == ["one", "two"] * 2


def test_a_fork_changes_options(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The new run has a definition of its own; the old one's is untouched."""
    old = started(DIAMOND, workspace, rooms).run_id
    first = ended(old, workspace, rooms, queue)

    new = again("fork", old, workspace, rooms, from_step="first", options={"first": {"n": 2, "tone": "dry"}})
    run = ended(new, workspace, rooms, queue)

    assert steps_of(new, workspace, rooms)["first"]["input_jsonb"] == {"handle": "x", "n": 2, "tone": "dry"}
    assert run["definition_digest"] != first["definition_digest"]
    assert read_run(workspace, old, rooms) == first
    assert len(point.asked) == 2


@pytest.mark.parametrize(
    ("brief", "field"),
    [
        ({"nonsense": 1}, "brief.nonsense"),
        ({"handle": ""}, "brief.handle"),
        ({"window_days": "many"}, "brief.window_days"),
    ],
)
def test_a_fork_checks_the_changed_brief(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, brief: dict[str, Any], field: str
) -> None:
    """As a new brief is checked: a field that no step takes, or a value that none can take, starts nothing."""
    reads = workflow(step("s", agent="performance_feedback"), slug="reads")
    old = started(reads, workspace, rooms, brief={"handle": "@lakucosmetics"}).run_id

    with pytest.raises(InvalidInputError) as refused:
        again("fork", old, workspace, rooms, from_step="s", brief=brief)

    assert refused.value.field == field


def test_a_fork_asks_another_model(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The step's calls go to the model that the fork names; one that is none is refused by step and field."""
    reads = workflow(step("s", agent="performance_feedback"), slug="reads")
    old = started(reads, workspace, rooms, brief={"handle": "@lakucosmetics"}).run_id
    assert ended(old, workspace, rooms, queue)["status"] == "succeeded"

    new = again("fork", old, workspace, rooms, from_step="s", options={"s": {"model": "opus"}})
    assert ended(new, workspace, rooms, queue)["status"] == "succeeded"

    models = [{cost["model"] for cost in read_run(workspace, run, rooms)["costs"]} - {None} for run in (old, new)]
    assert models[0] != models[1]
    assert all("opus" in model for model in models[1])
    with pytest.raises(InvalidDefinitionError) as refused:
        again("fork", old, workspace, rooms, from_step="s", options={"s": {"model": "gpt"}})
    assert refused.value.field == "steps.s.model"


def test_a_run_can_be_forked_while_it_goes_on(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """What has succeeded so far is taken over; both runs end."""
    old = started(DIAMOND, workspace, rooms).run_id
    queue.deliver(queue.held.pop(0), rooms)

    new = again("fork", old, workspace, rooms, from_step="right", options={"right": {"about": "other"}})

    assert ended(new, workspace, rooms, queue)["status"] == "succeeded"
    assert read_run(workspace, old, rooms)["status"] == "succeeded"
    assert [key for key, one in steps_of(new, workspace, rooms).items() if one["taken_from"]] == ["first"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"from_step": "nobody"}, "from_step"),
        ({"from_step": "last", "options": {"nobody": {"n": 2}}}, "options.nobody"),
        ({"from_step": "last", "options": {"first": {"n": 2}}}, "options.first"),
    ],
)
def test_a_wrong_fork_is_named(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID, more: dict[str, Any], field: str
) -> None:
    """A step that is not there, or that is not done again: the field, and no run."""
    old = started(DIAMOND, workspace, rooms).run_id
    ended(old, workspace, rooms, queue)

    with pytest.raises(InvalidInputError) as refused:
        again("fork", old, workspace, rooms, **more)

    assert refused.value.field == field
    assert queue.held == []


def test_a_running_run_is_not_redriven(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Neither is one that succeeded, nor one of another workspace."""
    old = started(DIAMOND, workspace, rooms).run_id
    with pytest.raises(ConflictError, match="still running"):
        again("redrive", old, workspace, rooms)
    with pytest.raises(ConflictError, match="still running"):
        again("restart", old, workspace, rooms, from_step="first")
    ended(old, workspace, rooms, queue)

    with pytest.raises(ConflictError, match="there is nothing to redrive"):
        again("redrive", old, workspace, rooms)
    with pytest.raises(NotFoundError):
        again("redrive", old, uuid4(), rooms)


def test_the_same_key_redrives_once(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Asked twice under one key, it is one run; another request under that key is refused."""
    old = failed_run(point, workspace, rooms, queue)

    first = again("redrive", old, workspace, rooms, "k")

    assert again("redrive", old, workspace, rooms, "k") == first
    with pytest.raises(ConflictError, match="Idempotency-Key"):
        again("redrive", old, workspace, rooms, "k", is_fresh=True)


def test_an_estimate_counts_what_is_still_to_pay(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """From what the steps usually cost, less what the journal answers; and it is what the redrive then costs."""
    ended(started(DIAMOND, workspace, rooms).run_id, workspace, rooms, queue)
    old = failed_run(point, workspace, rooms, queue)

    told = estimate(workspace, Again("redrive", old), rooms)
    fresh = estimate(workspace, Again("redrive", old, is_fresh=True), rooms)

    assert [one["key"] for one in told["steps"]] == ["right", "last"]
    assert told["taken_over"] == ["first", "left"]
    assert (Decimal(told["estimated_usd"]), told["is_complete"]) == (Decimal("0.01"), True)
    assert Decimal(fresh["estimated_usd"]) == Decimal("0.02")
    run = ended(again("redrive", old, workspace, rooms), workspace, rooms, queue)
    assert Decimal(run["total_cost_usd"]) == Decimal(told["estimated_usd"])


def test_an_estimate_says_what_it_does_not_know(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A step that never succeeded in this workflow has no price yet."""
    old = failed_run(point, workspace, rooms, queue)

    told = estimate(workspace, Again("redrive", old), rooms)

    assert not told["is_complete"]
    assert {one["basis"] for one in told["steps"]} == {"unknown"}


def test_failed_runs_are_redriven_by_filter_once(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Those of a workflow and a class of errors, each once; those of another class are left."""
    olds = {failed_run(point, workspace, rooms, queue) for _ in range(3)}
    other = started(workflow(step("s", input_map={"x": "brief.missing"})), workspace, rooms).run_id
    ended(other, workspace, rooms, queue)
    found = runs_to_redrive(workspace, "trial", "agent_failed", 100, rooms)
    assert set(found) == olds
    assert len(estimate_redrives(workspace, found, rooms)["runs"]) == 3

    told = redrive_runs(found, Caller(workspace, "ada"), rooms)
    twice = redrive_runs(found, Caller(workspace, "ada"), rooms)

    assert [one["is_new"] for one in told["redriven"] + twice["redriven"]] == [True] * 3 + [False] * 3
    for one in told["redriven"]:
        assert ended(UUID(one["workflow_run_id"]), workspace, rooms, queue)["status"] == "succeeded"
    assert runs_to_redrive(workspace, "trial", None, 100, rooms) == [other]
    assert runs_to_redrive(uuid4(), None, None, 100, rooms) == []

"""Conditions, joins, and failures that a run survives."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import WorkflowDef, WorkflowStepDef
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.work_steps import StepOutcome
from shared.errors import StoreBusyError
from tests.support.dying import DyingStore
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, workflow


def done(definition: WorkflowDef, workspace: UUID, rooms: Rooms, queue: HeldQueue, **more: Any) -> dict[str, Any]:
    """The run after every wake-up; nothing is open, and its events are numbered without a gap."""
    run = started(definition, workspace, rooms, **more)
    queue.deliver_all(rooms)
    return ended(run.run_id, workspace, rooms)


def ended(run_id: UUID, workspace: UUID, rooms: Rooms) -> dict[str, Any]:
    found = read_run(workspace, run_id, rooms)
    assert found["steps_open"] == 0
    seqs = [event.seq for event in events_of(run_id, workspace, rooms)]
    assert seqs == list(range(1, found["version"] + 1))
    return found


def statuses(run: Mapping[str, Any]) -> dict[str, str]:
    return {one["key"]: one["status"] for one in run["steps"]}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("brief.budget > `100`", "succeeded"),
        ("brief.budget > `1000`", "skipped"),
        ("a.output.echo.handle == 'x' && a.status == 'succeeded'", "succeeded"),
        ("!(a.output.echo.handle)", "skipped"),
        ("a.output.echo.tags[?@ == 'b']", "succeeded"),
        ("length(a.output.echo.tags) < `2`", "skipped"),
        ("brief.nothing", "skipped"),
        ("brief.none", "skipped"),
        ("a.output.echo.zero", "succeeded"),
    ],
)
def test_a_condition_decides(rooms: Rooms, queue: HeldQueue, workspace: UUID, when: str, expected: str) -> None:
    """It reads the brief, and outputs and ends of steps; null, false and what is empty are false, 0 is true."""
    brief = {"handle": "x", "budget": 500, "tags": ["a", "b"], "none": [], "zero": 0}

    run = done(workflow(step("a"), step("b", "a", when=when)), workspace, rooms, queue, brief=brief)

    assert statuses(run) == {"a": "succeeded", "b": expected}
    assert run["status"] == "succeeded"


def test_a_skipped_step_says_why(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It was never claimed; the reason is a class and a sentence, and the event tells it."""
    run = done(workflow(step("a", when="brief.go")), workspace, rooms, queue)

    (found,) = run["steps"]
    assert (found["status"], found["attempt"], found["error_class"]) == ("skipped", 0, "condition_false")
    assert found["error_message"] == "not begun: its condition is not met: brief.go"
    kinds = [event.kind for event in events_of(UUID(run["id"]), workspace, rooms)]
    assert kinds == ["workflow_run.started", "workflow_step.skipped", "workflow_run.completed"]


def test_a_condition_that_fails_fails_the_step(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A function given what it does not take: nobody can tell whether to go on, so the run does not."""
    run = done(workflow(step("a", when="length(brief.budget) > `1`")), workspace, rooms, queue, brief={"budget": 5})

    (found,) = run["steps"]
    assert (run["status"], found["error_class"]) == ("failed", "input_unresolved")
    assert "field 'when'" in found["error_message"]
    assert "length()" in found["error_message"]


def test_what_follows_a_skipped_step_is_skipped(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """All before it were skipped: so is it, and so on; a join with one that was done runs."""
    definition = workflow(
        step("a"),
        step("off", "a", when="brief.go"),
        step("behind", "off"),
        step("further", "behind"),
        step("join", "a", "further", input_map={"seen": "further.output.echo.x"}),
    )

    run = done(definition, workspace, rooms, queue)

    assert statuses(run) == {
        "a": "succeeded",
        "off": "skipped",
        "behind": "skipped",
        "further": "skipped",
        "join": "succeeded",
    }
    found = {one["key"]: one for one in run["steps"]}
    assert found["further"]["error_class"] == "upstream_skipped"
    assert found["join"]["input_jsonb"]["seen"] is None


@pytest.mark.parametrize(
    ("on_failure", "join", "expected", "reason"),
    [
        ("skip", "all", "skipped", "upstream_failed"),
        ("skip", "any", "succeeded", None),
        ("skip", "done", "succeeded", None),
        ("continue", "all", "succeeded", None),
    ],
)
def test_a_failure_may_be_survived(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, on_failure: str, join: str, expected: str, reason: str | None
) -> None:
    """A step fails, its run goes on; the join behind it does what its policy says, and reads null from it."""
    definition = workflow(
        step("good"),
        step("bad", agent="broken", on_failure=on_failure),
        step("join", "good", "bad", join=join, input_map={"seen": "bad.output.x", "good": "good.output.echo.handle"}),
    )

    run = done(definition, workspace, rooms, queue)

    found = {one["key"]: one for one in run["steps"]}
    assert run["status"] == "succeeded"
    assert (found["bad"]["status"], found["bad"]["error_class"]) == ("failed", "agent_failed")
    assert (found["join"]["status"], found["join"]["error_class"]) == (expected, reason)
    if expected == "succeeded":
        assert found["join"]["input_jsonb"] == {"handle": "x", "seen": None, "good": "x"}
    assert found["join"]["joins"] == {
        "policy": join,
        "expected": 2,
        "received": {"succeeded": ["good"], "failed": ["bad"]},
        "awaited": {},
    }


def test_any_needs_one(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """One failed, one was skipped: none succeeded, so the join is skipped; whoever joins that by `done` still runs."""
    definition = workflow(
        step("bad", agent="broken", on_failure="skip"),
        step("off", when="brief.go"),
        step("join", "bad", "off", join="any"),
        step("last", "join", join="done"),
    )

    run = done(definition, workspace, rooms, queue)

    assert statuses(run) == {"bad": "failed", "off": "skipped", "join": "skipped", "last": "succeeded"}


def test_a_failure_in_text_is_no_text(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A prompt with a hole in it is a mistake: only a reference that stands alone reads as null."""
    definition = workflow(
        step("bad", agent="broken", on_failure="continue"),
        step("next", "bad", input_map={"ask": "Say {{bad.x}}"}),
    )

    run = done(definition, workspace, rooms, queue)

    assert run["status"] == "failed"
    assert "needs the output of 'bad', which has none" in run["error_message"]


def test_a_failed_last_step_may_end_a_run_well(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nothing is left open, the run has succeeded, and the step still says why it failed."""
    run = done(workflow(step("bad", agent="broken", on_failure="skip")), workspace, rooms, queue)

    assert run["status"] == "succeeded"
    assert run["completed_at"] is not None
    assert run["steps"][0]["error_message"].startswith("broken: ValueError")


def test_the_default_fails_the_run(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Beside one that may fail, one that may not: the run fails, and names that one."""
    definition = workflow(
        step("a", agent="broken", on_failure="skip"), step("b", agent="broken"), step("c", "a", "b", join="done")
    )

    run = done(definition, workspace, rooms, queue)

    assert run["status"] == "failed"
    assert "step 'b'" in run["error_message"]
    assert statuses(run)["c"] == "skipped"


def test_a_cascade_of_skips_is_one_request(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Three hundred steps behind a condition that is not met: one wake-up, no agent, no recursion."""
    going_on = replace(rooms, settings=rooms.settings.model_copy(update={"continue_within_s": 60.0}))
    chain = [step(f"s{at}", f"s{at - 1}") if at else step("s0", when="brief.go") for at in range(300)]
    run = started(workflow(*chain), workspace, going_on)

    assert queue.deliver_all(going_on) == [StepOutcome.SKIPPED]

    assert set(statuses(ended(run.run_id, workspace, rooms)).values()) == {"skipped"}


def test_a_death_between_skips_is_found_by_the_sweep(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """What was skipped stays so; the step behind it is woken again, and decides for itself."""
    settings = rooms.settings.model_copy(update={"sweep_grace_s": 0.0, "continue_within_s": 60.0})
    dying = replace(rooms, settings=settings, store=DyingStore(rooms.store, "leave_step", after=1))
    run = started(workflow(step("a", when="brief.go"), step("b", "a"), step("c", "b")), workspace, dying)
    with pytest.raises(StoreBusyError):
        queue.deliver(queue.held.pop(0), dying)
    assert list(statuses(read_run(workspace, run.run_id, rooms)).values()) == ["skipped", "queued", "pending"]

    alive = replace(rooms, settings=settings)
    while not any(wake.body["workspace_id"] == str(workspace) for wake in queue.held):
        sweep(alive)
    queue.held = [wake for wake in queue.held if wake.body["workspace_id"] == str(workspace)]
    queue.deliver_all(alive)

    assert set(statuses(ended(run.run_id, workspace, rooms)).values()) == {"skipped"}


def a_random_dag(chance: random.Random) -> list[WorkflowStepDef]:
    """Twelve steps: some fail and may, some have a condition, each joins by one of the three policies."""
    steps: list[WorkflowStepDef] = []
    for at in range(12):
        before = chance.sample([one.key for one in steps], min(len(steps), chance.randint(0, 3)))
        fails = chance.random() < 0.25
        more: dict[str, Any] = {"join": chance.choice(["all", "all", "any", "done"])}
        if fails:
            more["on_failure"] = chance.choice(["skip", "continue"])
        if chance.random() < 0.25:
            more["when"] = chance.choice(["brief.go", "brief.handle"])
        steps.append(step(f"s{at}", *before, agent="broken" if fails else "echo", **more))
    return steps


def expected_of(steps: list[WorkflowStepDef]) -> dict[str, str]:
    """What each step comes to, by the rules as they are written in docs/workflows.md."""
    ends: dict[str, str] = {}
    heard: dict[str, str] = {}
    for one in steps:
        before = [heard[key] for key in one.depends_on]
        end = hears = "succeeded"
        is_met = {
            "all": "failed" not in before and (not before or set(before) != {"skipped"}),
            "any": not before or "succeeded" in before,
            "done": True,
        }[one.join]
        if not is_met:
            end, hears = "skipped", "failed" if "failed" in before else "skipped"
        elif one.when == "brief.go":
            end = hears = "skipped"
        elif one.agent_name == "broken":
            end, hears = "failed", "failed" if one.on_failure == "skip" else "succeeded"
        ends[one.key], heard[one.key] = end, hears
    return ends


@pytest.mark.parametrize("seed", range(12))
def test_any_flow_ends_as_its_rules_say(rooms: Rooms, queue: HeldQueue, workspace: UUID, seed: int) -> None:
    """Random DAGs, wake-ups repeated and out of order, on one step a request or several: always the same ends."""
    steps = a_random_dag(random.Random(seed))
    if seed % 2:
        rooms = replace(rooms, settings=rooms.settings.model_copy(update={"continue_within_s": 60.0}))
    run = started(workflow(*steps), workspace, rooms)

    queue.deliver_shuffled(rooms, seed)

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "succeeded"
    assert statuses(found) == expected_of(steps)

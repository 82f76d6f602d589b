"""Steps that are done for each item of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import RetryPolicy, WorkflowDef
from shared.engine.control import Ask, cancel_run
from shared.engine.earlier_run import Again
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.take_brief import Caller
from shared.engine.work_steps import StepOutcome
from shared.errors import StoreBusyError
from tests.support.dying import DyingStore
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow
from tests.support.stopping import Point, calling_agent

EACH = workflow(
    step("plan"),
    step(
        "each",
        "plan",
        for_each="plan.output.echo.names",
        max_parallel=2,
        input_map={"name": "item", "of": "plan.output.echo.handle"},
    ),
    step("last", "each", input_map={"all": "each.output"}),
)


@pytest.fixture
def point() -> Iterator[Point]:
    with calling_agent("one") as made:
        yield made


def going_on(rooms: Rooms, **changes: Any) -> Rooms:
    return replace(rooms, settings=rooms.settings.model_copy(update={"continue_within_s": 60.0, **changes}))


def ended(run_id: UUID, workspace: UUID, rooms: Rooms) -> dict[str, Any]:
    """The run; nothing is open, its events are numbered without a gap, and each step has ended once."""
    found = read_run(workspace, run_id, rooms, steps_shown=20_000)
    events = events_of(run_id, workspace, rooms)
    assert found["steps_open"] == 0
    assert [event.seq for event in events] == list(range(1, found["version"] + 1))
    kinds = ("workflow_step.succeeded", "workflow_step.failed", "workflow_step.skipped", "workflow_step.cancelled")
    ends = [event.payload["step_id"] for event in events if event.kind in kinds]
    assert sorted(ends) == sorted(one["id"] for one in found["steps"])
    return found


def done(definition: WorkflowDef, workspace: UUID, rooms: Rooms, queue: HeldQueue, **brief: Any) -> dict[str, Any]:
    run = started(definition, workspace, rooms, brief={"handle": "x", **brief})
    queue.deliver_all(rooms)
    return ended(run.run_id, workspace, rooms)


def by_key(run: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: one for one in run["steps"]}


def test_a_list_becomes_steps(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """One step for each item, after all others; their outputs come together in order, and the next step reads them."""
    run = done(EACH, workspace, rooms, queue, names=["a", "b", "c"])

    assert [one["key"] for one in run["steps"]] == ["plan", "each", "last", "each[0]", "each[1]", "each[2]"]
    assert (run["status"], run["steps_total"]) == ("succeeded", 6)
    steps = by_key(run)
    assert steps["each[1]"]["input_jsonb"] == {"handle": "x", "names": ["a", "b", "c"], "name": "b", "of": "x"}
    assert (steps["each"]["items"], steps["each"]["items_by_status"]) == (3, {"succeeded": 3})
    found = steps["last"]["input_jsonb"]["all"]
    assert [item["echo"]["name"] for item in found["items"]] == ["a", "b", "c"]
    assert (found["failed"], found["count"]) == ([], 3)


def test_items_may_be_anything(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Objects, null, text with what Postgres cannot hold; parts of an item by their path, among text too."""
    names = [{"a": {"b": "x"}}, {"a": {"b": "\x00\ud800\u202e"}}]
    one = step("each", for_each="brief.names", input_map={"part": "item.a.b", "told": "<{{item.a.b}}>"})

    run = done(workflow(one), workspace, rooms, queue, names=names)

    found = by_key(run)
    assert found["each[0]"]["input_jsonb"]["told"] == "<x>"
    assert found["each[1]"]["input_jsonb"]["part"] == "\ufffd\ufffd\u202e"
    nothing = done(
        workflow(step("e", for_each="brief.names", input_map={"i": "item"})), workspace, rooms, queue, names=[None]
    )
    assert by_key(nothing)["e[0]"]["input_jsonb"]["i"] is None


def test_an_empty_list_is_done_at_once(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """No items, no waiting; the step behind it gets an empty list."""
    run = done(EACH, workspace, rooms, queue, names=[])

    assert run["steps_total"] == 3
    assert by_key(run)["last"]["input_jsonb"]["all"] == {"items": [], "failed": [], "count": 0}


@pytest.mark.parametrize(
    ("names", "told"), [("text", "is text, not a list"), ({"a": 1}, "is an object, not a list"), (7, "is a number")]
)
def test_no_list_is_told(rooms: Rooms, queue: HeldQueue, workspace: UUID, names: Any, told: str) -> None:
    """The step fails with its own field and path."""
    run = done(EACH, workspace, rooms, queue, names=names)

    failed = by_key(run)["each"]
    assert (run["status"], failed["error_class"]) == ("failed", "input_unresolved")
    assert "field 'for_each': path 'plan.output.echo.names'" in failed["error_message"]
    assert told in failed["error_message"]


def at_work(run_id: UUID, workspace: UUID, rooms: Rooms) -> int:
    statuses = [one["status"] for key, one in steps_of(run_id, workspace, rooms).items() if "[" in key]
    return sum(status in ("queued", "running") for status in statuses)


def test_no_more_than_that_many_at_once(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Seven items in two lanes: never more than two of them can be claimed."""
    run = started(EACH, workspace, rooms, brief={"handle": "x", "names": list("abcdefg")})
    queue.deliver(queue.held.pop(0), rooms)
    assert queue.deliver(queue.held.pop(0), rooms) == StepOutcome.WAITING
    seen = []
    while queue.held:
        seen.append(at_work(run.run_id, workspace, rooms))
        queue.deliver(queue.held.pop(0), rooms)

    assert max(seen) == 2
    assert ended(run.run_id, workspace, rooms)["status"] == "succeeded"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("goes_on", [False, True])
def test_disorder_changes_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID, seed: int, goes_on: bool) -> None:
    """Wake-ups repeated and out of order: each item is done once, the whole is collected once."""
    rooms = going_on(rooms) if goes_on else rooms
    run = started(EACH, workspace, rooms, brief={"handle": "x", "names": [str(at) for at in range(20)]})

    queue.deliver_shuffled(rooms, seed)

    found = ended(run.run_id, workspace, rooms)
    items = [one for one in found["steps"] if "[" in one["key"]]
    assert [one["attempt"] for one in items] == [1] * 20
    assert [item["echo"]["name"] for item in by_key(found)["each"]["output_jsonb"]["items"]] == [
        str(at) for at in range(20)
    ]


def broken_items(join: str, on_failure: str = "fail") -> WorkflowDef:
    """Items that are named in the brief's `broken` fail."""
    return workflow(
        step(
            "each",
            agent="picky",
            for_each="brief.names",
            max_parallel=1,
            join=join,
            on_failure=on_failure,
            input_map={"name": "item"},
        ),
        step("last", "each", join="done", input_map={"all": "each.output"}),
    )


@pytest.mark.parametrize(
    ("join", "names", "status"),
    [
        ("all", ["ok", "bad", "ok"], "failed"),
        ("any", ["ok", "bad", "ok"], "succeeded"),
        ("any", ["bad", "bad"], "failed"),
        ("done", ["bad", "bad"], "succeeded"),
    ],
)
def test_its_join_decides_about_failures(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, join: str, names: list[str], status: str
) -> None:
    """A failed item never keeps the others from being done; whether it fails the whole is for the join to say."""
    run = done(broken_items(join), workspace, rooms, queue, names=names)

    steps = by_key(run)
    assert run["status"] == steps["each"]["status"] == status
    assert [steps[f"each[{at}]"]["status"] for at, name in enumerate(names)] == [
        "failed" if name == "bad" else "succeeded" for name in names
    ]
    if status == "failed":
        assert steps["each"]["error_class"] == "items_failed"
        assert f"{names.count('bad')} of {len(names)} items failed: each[" in steps["each"]["error_message"]
    else:
        found = steps["last"]["input_jsonb"]["all"]
        assert found["failed"] == [at for at, name in enumerate(names) if name == "bad"]
        assert [item is None for item in found["items"]] == [name == "bad" for name in names]


def test_a_failed_whole_may_be_survived(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """`on_failure` is the whole's: its run goes on."""
    run = done(broken_items("all", "continue"), workspace, rooms, queue, names=["bad"])

    assert (run["status"], by_key(run)["last"]["input_jsonb"]["all"]) == ("succeeded", None)


def in_turn(*acts: Callable[[], None] | None) -> Callable[[], None]:
    """Does one of these at each call, and nothing when they are used up."""
    left = iter(acts)

    def act() -> None:
        do = next(left, None)
        if do is not None:
            do()

    return act


def test_retries_are_each_items_own(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """One item is tried again, the others are not."""
    point.acts["one"] = in_turn(point.away)
    one = step(
        "each", agent="calling", for_each="brief.names", retry=RetryPolicy(backoff_s=0), input_map={"about": "item"}
    )
    run = started(workflow(one), workspace, rooms, brief={"names": ["a", "b", "c"]})
    while queue.held:
        queue.deliver_when_due(queue.held.pop(0), rooms)

    found = by_key(ended(run.run_id, workspace, rooms))
    assert sorted(found[f"each[{at}]"]["failures"] for at in range(3)) == [0, 0, 1]
    assert found["each"]["failures"] == 0


@pytest.mark.parametrize("at", ["spread_step", "succeed_steps"])
@pytest.mark.parametrize("after", range(4))
def test_a_death_between_any_two_moves_is_survived(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, at: str, after: int
) -> None:
    """The executor dies before one of the moves; leases end, the sweep wakes, the run ends right, each item once."""
    eager = {"sweep_grace_s": 0.0, "step_lease_s": 0.2}
    dying = replace(
        going_on(rooms, **eager), store=DyingStore(rooms.store, at, after=after if at != "spread_step" else 0)
    )
    run = started(EACH, workspace, dying, brief={"handle": "x", "names": ["a", "b", "c"]})
    with pytest.raises(StoreBusyError):
        queue.deliver_all(dying)
    queue.held.clear()

    alive = going_on(rooms, **eager)
    for _ in range(10_000):
        sweep(alive)
        while queue.held:
            wake = queue.held.pop(0)
            if wake.body["workspace_id"] == str(workspace):
                queue.deliver(wake, alive)
        if read_run(workspace, run.run_id, alive)["status"] != "running":
            break

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "succeeded"
    assert len(by_key(found)["each"]["output_jsonb"]["items"]) == 3
    assert found["steps_total"] == 6


def test_a_cancel_ends_the_items_too(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The whole waits, its items are queued or pending: all end at once."""
    run = started(EACH, workspace, rooms, brief={"handle": "x", "names": ["a", "b", "c"]})
    queue.deliver(queue.held.pop(0), rooms)
    queue.deliver(queue.held.pop(0), rooms)

    cancel_run(Ask(workspace, run.run_id, "ada"), rooms)

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "cancelled"
    assert {one["status"] for one in found["steps"]} == {"succeeded", "cancelled"}


def test_a_failing_run_gives_up_what_waits(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Beside it a step fails the run: the whole that waits is skipped, with its items."""
    definition = workflow(step("each", for_each="brief.names"), step("bad", agent="broken"))
    run = started(definition, workspace, rooms, brief={"names": ["a", "b", "c"]})
    queue.deliver(queue.held.pop(0), rooms)

    queue.deliver_all(rooms)

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "failed"
    steps = by_key(found)
    assert steps["each"]["error_message"] == "given up: step 'bad' failed"
    assert steps["each[2]"]["error_message"] == "not begun: step 'bad' failed"


def test_a_redrive_pays_only_for_the_item_that_failed(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """The items are made anew; what they had asked before answers from the journals of the items in their places."""
    point.acts["one"] = in_turn(None, point.broken)
    one = step("each", agent="calling", for_each="brief.names", max_parallel=1, input_map={"about": "item"})
    old = started(workflow(one), workspace, rooms, brief={"names": ["a", "b", "c"]})
    queue.deliver_all(rooms)
    assert ended(old.run_id, workspace, rooms)["status"] == "failed"
    point.acts.clear()
    asked = len(point.asked)

    new = repeat_run(Again("redrive", old.run_id), Caller(workspace, "ada"), rooms)
    queue.deliver_all(rooms)

    assert ended(new.run_id, workspace, rooms)["status"] == "succeeded"
    assert len(point.asked) - asked == 1


def test_what_was_spread_can_be_taken_over(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Restarted behind it, a run takes over what the items came to, and makes none."""
    old = done(EACH, workspace, rooms, queue, names=["a", "b"])

    new = repeat_run(Again("restart", UUID(old["id"]), from_step="last"), Caller(workspace, "ada"), rooms)
    queue.deliver_all(rooms)

    found = ended_again(new.run_id, workspace, rooms)
    assert by_key(found)["last"]["input_jsonb"]["all"] == by_key(old)["each"]["output_jsonb"]
    assert found["steps_total"] == 3


def ended_again(run_id: UUID, workspace: UUID, rooms: Rooms) -> dict[str, Any]:
    found = read_run(workspace, run_id, rooms)
    assert (found["status"], found["steps_open"]) == ("succeeded", 0)
    return found


def test_two_thousand_items(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Made in one statement, done a thousand at once at most, collected in order."""
    each = step(
        "each", "plan", agent="picky", for_each="plan.output.names", max_parallel=1000, input_map={"name": "item"}
    )
    wide = going_on(rooms, continue_with=64)
    run = started(workflow(step("plan", agent="listing"), each), workspace, wide, brief={"count": 2000})

    queue.deliver_all(wide)

    found = read_run(workspace, run.run_id, wide)
    assert (found["status"], found["steps_total"], found["steps_open"]) == ("succeeded", 2002, 0)
    assert found["steps"][1]["output_jsonb"]["items"] == [{"name": f"n{at}"} for at in range(2000)]

"""Pausing, cancelling and repeating runs that have runs inside of them, at any depth."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import WorkflowDef
from shared.engine.control import Ask, cancel_run, pause_run, resume_run
from shared.engine.earlier_run import Again
from shared.engine.pause_scope import pause_scope, resume_scope
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.errors import ConflictError
from shared.store.session import Store
from tests.support.inner import ended, inner_of, runs, stored
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow
from tests.support.stopping import HookedStore, Point, at_once, calling_agent

CHAIN = workflow(step("a"), step("b", "a"), step("c", "b"), slug="inner")
MIDDLE = workflow(runs("inner"), step("after", "sub"), slug="middle")
OUTER = workflow(runs("middle"), step("after", "sub"), slug="outer")
Nest = tuple[UUID, UUID, UUID]


@pytest.fixture
def point() -> Iterator[Point]:
    with calling_agent("one", "two") as made:
        yield made


def nest(workspace: UUID, rooms: Rooms, queue: HeldQueue, inner: WorkflowDef = CHAIN) -> Nest:
    """Three runs, each inside of the one before; the innermost has not begun its first step."""
    stored(workspace, rooms, inner, MIDDLE, OUTER)
    outer = started(OUTER, workspace, rooms).run_id
    queue.deliver(queue.held.pop(0), rooms)
    queue.deliver(queue.held.pop(0), rooms)
    (middle,) = inner_of(outer, workspace, rooms)
    (innermost,) = inner_of(middle, workspace, rooms)
    return outer, middle, innermost


def ask(workspace: UUID, run_id: UUID) -> Ask:
    return Ask(workspace, run_id, "ada")


def scopes(ids: Nest, workspace: UUID, rooms: Rooms) -> list[str | None]:
    return [read_run(workspace, run_id, rooms)["paused_scope"] for run_id in ids]


def check_all(ids: Nest, workspace: UUID, rooms: Rooms, status: str) -> None:
    assert [ended(run_id, workspace, rooms)["status"] for run_id in ids] == [status] * 3


def test_a_pause_holds_the_runs_inside(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Of all depths: nothing of them begins; resuming the outermost lets all of them go on to their end."""
    ids = nest(workspace, rooms, queue)

    pause_run(ask(workspace, ids[0]), rooms)

    assert scopes(ids, workspace, rooms) == ["run", "outer_run", "outer_run"]
    queue.deliver_all(rooms)
    assert steps_of(ids[2], workspace, rooms)["a"]["status"] == "queued"
    with pytest.raises(ConflictError, match=f"held because run {ids[1]} that it is inside of is paused"):
        resume_run(ask(workspace, ids[2]), rooms)
    resume_run(ask(workspace, ids[0]), rooms)
    assert scopes(ids, workspace, rooms) == [None, None, None]
    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "succeeded")


def test_a_run_paused_by_itself_stays_so(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The middle one before or after the outermost: each pause is lifted by its own resume."""
    ids = nest(workspace, rooms, queue)
    for order in ((1, 0), (0, 1)):
        for place in order:
            pause_run(ask(workspace, ids[place]), rooms)
        assert scopes(ids, workspace, rooms) == ["run", "run", "outer_run"]

        resume_run(ask(workspace, ids[0]), rooms)
        assert scopes(ids, workspace, rooms) == [None, "run", "outer_run"]
        resume_run(ask(workspace, ids[1]), rooms)
        assert scopes(ids, workspace, rooms) == [None, None, None]

    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "succeeded")


def test_a_resume_leaves_what_something_wider_holds(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The middle run is resumed while the outermost is paused: it is held with that one, and says so."""
    ids = nest(workspace, rooms, queue)
    pause_run(ask(workspace, ids[1]), rooms)
    pause_run(ask(workspace, ids[0]), rooms)

    with pytest.raises(ConflictError, match="that it is inside of is paused"):
        resume_run(ask(workspace, ids[1]), rooms)

    assert scopes(ids, workspace, rooms) == ["run", "outer_run", "outer_run"]
    resume_run(ask(workspace, ids[0]), rooms)
    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "succeeded")


def test_a_paused_workflow_holds_what_is_inside_its_runs(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Runs of other workflows too; and an inner one whose own workflow is paused stays held after that."""
    ids = nest(workspace, rooms, queue)
    assert pause_scope(workspace, "outer", "ada", None, rooms)["runs_paused"] == 3
    assert scopes(ids, workspace, rooms) == ["workflow", "outer_run", "outer_run"]
    assert pause_scope(workspace, "inner", "ada", None, rooms)["runs_paused"] == 0

    assert resume_scope(workspace, "outer", "ada", rooms)["runs_resumed"] == 2
    assert scopes(ids, workspace, rooms) == [None, None, "workflow"]
    queue.deliver_all(rooms)
    assert resume_scope(workspace, "inner", "ada", rooms)["runs_resumed"] == 1
    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "succeeded")


def test_a_paused_workspace_holds_all_of_them(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Lifted while the middle one is paused by itself: the outermost goes on, what is inside of that one does not."""
    ids = nest(workspace, rooms, queue)
    pause_scope(workspace, None, "ada", None, rooms)
    assert scopes(ids, workspace, rooms) == ["workspace"] * 3
    pause_run(ask(workspace, ids[1]), rooms)

    assert resume_scope(workspace, None, "ada", rooms)["runs_resumed"] == 1

    assert scopes(ids, workspace, rooms) == [None, "run", "outer_run"]
    resume_run(ask(workspace, ids[1]), rooms)
    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "succeeded")


def test_a_run_paused_under_a_wider_pause_is_resumed_under_it(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Its own pause is lifted while its workflow is paused: it does not begin, and the workflow's resume lets it go."""
    run = started(CHAIN, workspace, rooms).run_id
    pause_run(ask(workspace, run), rooms)
    pause_scope(workspace, "inner", "bob", "prices", rooms)

    with pytest.raises(ConflictError, match="workflow inner is paused; resume that"):
        resume_run(ask(workspace, run), rooms)

    held = read_run(workspace, run, rooms)
    assert (held["paused_scope"], held["paused_by"], held["pause_reason"]) == ("workflow", "bob", "prices")
    queue.deliver_all(rooms)
    assert steps_of(run, workspace, rooms)["a"]["status"] == "queued"
    assert resume_scope(workspace, "inner", "bob", rooms)["runs_resumed"] == 1
    queue.deliver_all(rooms)
    assert ended(run, workspace, rooms)["status"] == "succeeded"


def test_a_run_that_starts_inside_of_a_paused_one_waits(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, store: Store
) -> None:
    """The step that starts it was at work when the outer run was paused: the new run is there, and begins nothing."""
    stored(workspace, rooms, CHAIN)
    run = started(workflow(runs("inner")), workspace, rooms).run_id
    hooked = HookedStore(store, "wait_for_sub_run", lambda: pause_run(ask(workspace, run), rooms))

    queue.deliver_all(replace(rooms, store=hooked))

    (inner,) = inner_of(run, workspace, rooms)
    assert read_run(workspace, inner, rooms)["paused_scope"] == "outer_run"
    assert steps_of(inner, workspace, rooms)["a"]["status"] == "queued"
    resume_run(ask(workspace, run), rooms)
    queue.deliver_all(rooms)
    assert ended(run, workspace, rooms)["status"] == "succeeded"


def test_pausing_amid_work_at_any_depth(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Runs at all depths are paused and resumed while their steps are done and start further runs: all end right."""
    stored(workspace, rooms, CHAIN, MIDDLE, OUTER)
    outers = [started(OUTER, workspace, rooms).run_id for _ in range(3)]
    chance = random.Random(4)

    def toggle(run_id: UUID) -> None:
        for _ in range(4):
            pause_run(ask(workspace, run_id), rooms)
            resume_run(ask(workspace, run_id), rooms)

    def toggle_all() -> None:
        for slug in ("inner", None, "outer"):
            pause_scope(workspace, slug, "ada", None, rooms)
            resume_scope(workspace, slug, "ada", rooms)

    while queue.held:
        wakes, queue.held = queue.held, []
        chance.shuffle(wakes)
        acts: list[Any] = [partial(queue.deliver, wake, rooms) for wake in wakes]
        for done in at_once([*acts, partial(toggle, outers[0]), toggle_all]) if len(wakes) > 1 else at_once(acts):
            try:
                done.result(30)
            except ConflictError:
                continue  # the run has ended, or something wider holds it
    for outer in outers:
        resume_scope(workspace, None, "ada", rooms)
        queue.deliver_all(rooms)
        assert ended(outer, workspace, rooms)["status"] == "succeeded"


def test_a_cancel_closes_a_call_at_any_depth(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A call of the innermost run is under way: it is cut off, and every run ends as cancelled."""
    ids = nest(workspace, rooms, queue, workflow(step("a", agent="calling"), slug="inner"))
    point.acts["two"] = point.hang
    (working,) = at_once([partial(queue.deliver, queue.held.pop(0), rooms)])
    assert point.reached.wait(10)

    cancel_run(ask(workspace, ids[0]), rooms)

    assert working.result(10) == "cancelled"
    assert point.closed.is_set()
    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "cancelled")


def test_a_paused_nest_can_be_cancelled(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Held or not, all of them end."""
    ids = nest(workspace, rooms, queue)
    pause_run(ask(workspace, ids[0]), rooms)

    cancel_run(ask(workspace, ids[0]), rooms)

    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "cancelled")


@pytest.mark.parametrize("kind", ["redrive", "restart", "fork"])
def test_the_innermost_journals_answer(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID, kind: Any
) -> None:
    """Two deep: what was paid is not paid again, whichever way the outermost run is done again."""
    point.acts["two"] = point.broken
    ids = nest(workspace, rooms, queue, workflow(step("a", agent="calling"), slug="inner"))
    queue.deliver_all(rooms)
    check_all(ids, workspace, rooms, "failed")
    point.acts.clear()
    more: dict[str, Any] = {} if kind == "redrive" else {"from_step": "sub"}
    more |= {"options": {"after": {"tone": "dry"}}} if kind == "fork" else {}

    new = repeat_run(Again(kind, ids[0], **more), Caller(workspace, "ada"), rooms).run_id
    queue.deliver_all(rooms)

    assert ended(new, workspace, rooms)["status"] == "succeeded"
    assert point.asked == ["one", "two", "two"]
    (middle,) = inner_of(new, workspace, rooms)
    assert read_run(workspace, middle, rooms)["forked_from_run_id"] == str(ids[1])


def test_a_fresh_restart_reaches_the_innermost_run(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """Every call anew, also inside: nothing answers from a journal."""
    ids = nest(workspace, rooms, queue, workflow(step("a", agent="calling"), slug="inner"))
    queue.deliver_all(rooms)

    repeat_run(Again("restart", ids[0], "sub", is_fresh=True), Caller(workspace, "ada"), rooms)
    queue.deliver_all(rooms)

    assert point.asked == ["one", "two"] * 2


def test_an_inner_run_can_be_redriven_alone(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """As a run of its own: nobody waits for it, and the outer one stays as it ended."""
    point.acts["two"] = point.broken
    ids = nest(workspace, rooms, queue, workflow(step("a", agent="calling"), slug="inner"))
    queue.deliver_all(rooms)
    point.acts.clear()

    new = repeat_run(Again("redrive", ids[2]), Caller(workspace, "ada"), rooms).run_id
    queue.deliver_all(rooms)

    found = ended(new, workspace, rooms)
    assert (found["status"], found["parent_run_id"]) == ("succeeded", None)
    check_all(ids, workspace, rooms, "failed")

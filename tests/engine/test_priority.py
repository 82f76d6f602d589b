"""Which of a workspace's waiting runs goes first."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from shared.core.priority import Priority
from shared.engine.control import Ask, pause_run, resume_run
from shared.engine.earlier_run import Again
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.take_brief import Caller
from tests.support.inner import inner_of, runs, stored
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow

THREE = workflow(*(step(f"s{n}") for n in range(3)))
PAIR = workflow(step("a"), step("b", "a"))


@pytest.fixture
def narrow(rooms: Rooms) -> Rooms:
    """Rooms that let one step of a workspace in at a time, and go on with none in place."""
    return replace(rooms, settings=rooms.settings.model_copy(update={"workspace_steps": 1, "continue_with": 0}))


def delivered(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> list[str]:
    """The runs whose steps were done, in that order."""
    found = []
    while queue.held:
        wake = queue.held.pop(0)
        assert not [other for other in queue.held if other.body["workspace_id"] == str(workspace)]
        queue.deliver(wake, rooms)
        found.append(wake.body["run_id"])
    return found


def test_the_most_urgent_run_goes_first(narrow: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Of four runs that wait behind one: by priority, whatever the order that they came in."""
    wanted = (Priority.NORMAL, Priority.LOW, Priority.URGENT, Priority.HIGH, Priority.NORMAL)
    ids = [started(THREE, workspace, narrow, priority=one.level).run_id for one in wanted]

    order = delivered(narrow, queue, workspace)

    first, *rest = order
    assert first == str(ids[0])  # it was let in before the others were there
    assert list(dict.fromkeys(rest)) == [str(ids[place]) for place in (2, 3, 0, 4, 1)]
    assert len(rest) == 14
    assert {read_run(workspace, run_id, narrow)["status"] for run_id in ids} == {"succeeded"}


def test_what_becomes_ready_later_goes_first_too(narrow: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The second step of an urgent run is ready after those of another run have waited: it is let in before them."""
    slow = started(THREE, workspace, narrow).run_id
    urgent = started(PAIR, workspace, narrow, priority=Priority.URGENT.level).run_id

    assert delivered(narrow, queue, workspace) == [str(slow), str(urgent), str(urgent), str(slow), str(slow)]


def test_the_sweep_lets_in_by_priority(narrow: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """What was let in is lost, and so is its task: of those in the backlog the most urgent is woken."""
    closed = replace(narrow, settings=narrow.settings.model_copy(update={"workspace_steps": 0}))
    low = started(PAIR, workspace, closed, priority=Priority.LOW.level).run_id
    high = started(PAIR, workspace, closed, priority=Priority.HIGH.level).run_id
    assert queue.held == []

    sweep(narrow)

    woken = [wake.body["run_id"] for wake in queue.held if wake.body["workspace_id"] == str(workspace)]
    assert woken == [str(high)]
    queue.held = [wake for wake in queue.held if wake.body["workspace_id"] == str(workspace)]
    assert delivered(narrow, queue, workspace) == [str(high), str(high), str(low), str(low)]


def test_a_resumed_run_has_its_place(narrow: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Paused and resumed it is as urgent as it was."""
    first = started(THREE, workspace, narrow).run_id
    urgent = started(PAIR, workspace, narrow, priority=Priority.URGENT.level).run_id
    pause_run(Ask(workspace, urgent, "ada"), narrow)
    resume_run(Ask(workspace, urgent, "ada"), narrow)

    assert delivered(narrow, queue, workspace) == [str(first), str(urgent), str(urgent), str(first), str(first)]


def test_what_comes_of_a_run_is_as_urgent(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The runs inside of it, and one that does a part of it again."""
    stored(workspace, rooms, workflow(step("a"), slug="inner"))
    outer = started(workflow(runs("inner")), workspace, rooms, priority=Priority.HIGH.level).run_id
    queue.deliver_all(rooms)

    again = repeat_run(Again("restart", outer, "sub"), Caller(workspace, "ada"), rooms).run_id

    (inner,) = inner_of(outer, workspace, rooms)
    assert [read_run(workspace, run_id, rooms)["priority"] for run_id in (outer, inner, again)] == ["high"] * 3
    assert steps_of(inner, workspace, rooms)["a"]["status"] == "succeeded"

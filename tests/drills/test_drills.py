"""A short part of the drills, with fixed dice. `make drills` runs all of them at their full figures."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.drill.faults import Death, Faults, Plan, share
from local.drill.running import Result, Runner, Scenario, table
from local.drill.trial import Answered
from local.stack import ROOT
from tests.drills.app import APP, register_parts
from tests.drills.clocks import HABITS, SHIFT_S, ahead, behind, falls_behind, habit_of, swings
from tests.drills.scenarios import SCENARIOS
from tests.drills.scenarios_connections import most_at_once

SEED = 7
# The others are in `make drills`.
IN_SHORT = (
    "F1",
    "F2",
    "F3",
    "F6",
    "F9",
    "F10",
    "F14",
    "F15",
    "F16",
    "F11",
    "I10",
)


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    register_parts()
    made = Runner(SEED, APP, is_short=True, told=lambda _: None)
    yield made
    made.close()


@pytest.mark.parametrize("name", IN_SHORT)
def test_every_invariant_holds_after(runner: Runner, name: str) -> None:
    """The faults fire, work goes on, and the books agree to the micro-dollar."""
    (scenario,) = [one for one in SCENARIOS if one.name == name]

    result = runner.run(scenario)

    if result.left_out:
        pytest.skip(result.left_out)
    assert result.problems == []
    assert result.fired > 0


def test_no_clock_of_an_executor_is_read_for_the_database() -> None:
    """F19: what the engine, the trace and the store do never reads the time of day. Only the token checks, the
    vendor's dates and the queue's bound of 30 days do."""
    readers = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for room in ("core", "store", "trace", "agents", "workflows", "engine")
        for file in sorted((ROOT / "shared" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.time", "datetime.now", "datetime.utcnow")
    ]

    assert readers == []


def test_the_same_seed_draws_the_same_faults() -> None:
    """What happens to a task is decided by the seed and by the task alone."""
    drawn = [share(1, "wake", n) for n in range(1000)]

    assert drawn == [share(1, "wake", n) for n in range(1000)]
    assert drawn != [share(2, "wake", n) for n in range(1000)]
    assert 150 < sum(one < 0.2 for one in drawn) < 250


def test_a_plan_reaches_the_other_side(tmp_path: Path) -> None:
    """What the drill sets, the doors read; each one-time mark is given once."""
    drill, doors = Faults(tmp_path), Faults(tmp_path)
    death = Death(query="finish_call", is_before=True, label="x")
    drill.set(Plan(seed=3, deaths=(death,)))

    assert doors.plan().deaths == (death,)
    assert (doors.is_first(death.name), drill.is_first(death.name)) == (True, False)
    drill.forget()
    assert doors.plan() == Plan()


def test_the_table_says_what_broke() -> None:
    """A drill with a problem is BROKEN in its row, and the problem stands below; one that cannot run says why."""
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    absent = Scenario("F0", "nothing", None, missing="there is none yet")
    left_out = Result(absent, left_out=absent.missing)

    told = table([Result(by_name["F1"], problems=["i4: paid twice"]), left_out])

    assert "BROKEN" in told.splitlines()[2]
    assert "F1: BROKEN: i4: paid twice" in told
    assert "F0: left out: there is none yet" in told


def test_the_crowd_is_counted() -> None:
    """F7: how many deliveries were under way at the same moment, whatever the order of their answers."""
    answers = [Answered("200", False, "x", ms, pid, began) for pid, began, ms in ((1, 0, 100), (2, 0.05, 9), (3, 1, 5))]

    assert most_at_once(answers) == 2
    assert most_at_once([]) == 0


def test_someone_is_left_to_work() -> None:
    """F19: of the first executors each has another clock; none that comes later refuses every token."""
    assert [habit_of(number) for number in range(4)] == list(HABITS)
    assert behind not in {habit_of(number) for number in range(4, 40)}
    assert ahead(1, 0) == SHIFT_S == -behind(1, 0)
    assert (falls_behind(9, 0), falls_behind(9, 1), swings(9, 0)) == (0, -SHIFT_S, 0)
    assert {swings(seen, 1) for seen in range(20)} == {SHIFT_S, -SHIFT_S}

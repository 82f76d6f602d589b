"""What `army drill` says of a storm: which invariant broke, what was proved, what it cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from local.drill.invariants import Books
from local.drill.report import INVARIANTS, Report
from local.drill.running import Result, Scenario
from local.drill.storm import TITLES, Storm, definition_in
from local.drill.until import DrillError, until
from shared.workflows.profile_audit import PROFILE_AUDIT


def report(*problems: str, is_over: bool = True) -> Report:
    storm = Storm(PROFILE_AUDIT, {"handle": "@x"}, 3, 1.0, is_over=is_over)
    books = Books(paid=4, in_doubt=1, billed_micro=Decimal("12.5"), journal_micro=Decimal(10), doubted=["run 1"])
    result = Result(Scenario("drill", "t", storm.blow), books=books, problems=list(problems))
    return Report(7, storm, result)


def test_nothing_wrong_is_held() -> None:
    """Every invariant stands, and the verdict says so."""
    found = report()

    assert found.verdict == "held"
    assert {found.standing(name) for name in INVARIANTS} == {"held"}


@pytest.mark.parametrize(
    ("problem", "invariant"),
    [
        ("i2_event_gaps: 1 rows, such as id=1", "I2"),
        ("i4: micro-dollars differ", "I4"),
        ("the end of every run did not come true in 240 s", "I1"),
    ],
)
def test_a_problem_breaks_its_invariant(problem: str, invariant: str) -> None:
    """It stands beside the invariant that it breaks, and beside no other."""
    found = report(problem)

    assert found.verdict == "BROKEN"
    assert [name for name in INVARIANTS if found.broken(name)] == [invariant]
    assert found.other_problems == []


def test_a_storm_in_which_nothing_fired_proves_nothing() -> None:
    """Green for want of a fault is not held; but beside a real problem that one counts."""
    assert report("the fault never fired").verdict == "unproven"
    assert report("the fault never fired", "only 2 of 3 runs succeeded").verdict == "BROKEN"


def test_a_storm_that_did_not_end_leaves_invariants_unchecked() -> None:
    """What was not looked at is not called held."""
    found = report("the end of every run did not come true in 240 s", is_over=False)

    assert found.standing("I1") == "BROKEN"
    assert found.standing("I4") == "not checked"


def test_the_document_has_every_fault_and_amount() -> None:
    """Amounts are text in US dollars, exact; a fault that did not fire is there with zero."""
    told = report().as_json()

    assert told["usd"] == {"billed": "0.00001250", "journal": "0.00001000", "paid_twice": "0.00000000"}
    assert told["faults"] == dict.fromkeys(TITLES, 0)
    assert told["calls"]["doubted"] == ["run 1"]


def test_a_workflow_is_found_by_its_slug() -> None:
    """In what the API lists; an unknown one is told with what there is."""
    listed = {"workflows": [{**PROFILE_AUDIT.to_dag_jsonb(), "is_seeded": True}]}

    assert definition_in(listed, "profile_audit") == PROFILE_AUDIT
    with pytest.raises(DrillError, match="there is no workflow 'other'; there are: profile_audit"):
        definition_in(listed, "other")


def test_what_does_not_come_true_is_told() -> None:
    """Waiting has a bound, and says what for."""
    with pytest.raises(DrillError, match="rain did not come true in 0 s"):
        until(lambda: False, seconds=0.01, what="rain")

"""The proof of a run's spend: what is right is proved, and whatever was changed in the books is found."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.core.definitions import WorkflowDef
from shared.engine.earlier_run import Again
from shared.engine.money import set_cap
from shared.engine.prove import prove_run
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.errors import NotFoundError
from shared.store.connection import connect_url
from shared.store.sql import parsed
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.queues import HeldQueue
from tests.support.runs import owner_of, started, step, workflow

BOOKS = parsed((Path(__file__).parent.parent / "support" / "books.sql").read_text())
BRIEF = {"handle": "lakucosmetics", "target_type": "own_brand"}


HEALTH = workflow(step("account_health", agent="account_health"))


def audited(rooms: Rooms, queue: HeldQueue, workspace: UUID, definition: WorkflowDef = HEALTH) -> UUID:
    """A run with models, a budget and a cap of its day, that succeeded."""
    set_cap(owner_of(workspace), "day", Decimal(50), rooms)
    run = started(definition, workspace, rooms, brief=BRIEF, budget_usd=Decimal(10))
    queue.deliver_all(rooms)
    return run.run_id


def spoil(rooms: Rooms, name: str, run_id: UUID) -> None:
    url = rooms.settings.database_owner_url
    assert url is not None
    connection = connect_url(url, "DATABASE_OWNER_URL")
    try:
        connection.exchange([BOOKS[name].with_values({"run_id": run_id})])
    finally:
        connection.close()


def test_a_run_is_proved(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Every call from its counters; steps, run, ledger and caps agree to the eighth place."""
    run_id = audited(rooms, queue, workspace, PROFILE_AUDIT)

    proof = prove_run(workspace, run_id, rooms)

    run = read_run(workspace, run_id, rooms)
    assert (proof["verdict"], proof["differences"], proof["is_final"]) == ("proved", [], True)
    assert set(proof["totals"].values()) == {run["total_cost_usd"]}
    paid = [line for line in proof["lines"] if line["kind"] == "llm_call"]
    assert proof["calls"]["paid"] == {"count": len(paid), "usd": run["total_cost_usd"]}
    assert all(line["computed_usd"] == line["cost_usd"] == line["settled_usd"] for line in paid)
    assert {cap["scope"] for cap in proof["caps"]} == {"run", "workspace_day"}
    assert {cap["ledger_usd"] for cap in proof["caps"]} == {run["total_cost_usd"]}


def test_savings_are_what_the_tokens_would_have_cost(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """By the cache: all of a prompt at the plain rate, less what was paid."""
    proof = prove_run(workspace, audited(rooms, queue, workspace, PROFILE_AUDIT), rooms)

    cached = [line for line in proof["lines"] if line["cache_read_tokens"] or line["cache_write_tokens"]]
    assert cached and Decimal(proof["saved"]["by_cache_usd"]) != 0
    assert proof["saved"]["by_journal_usd"] == "0.00000000"


def test_a_run_that_was_repeated_paid_nothing_again(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Its calls were answered from the journal: reused, and what that saved is said."""
    run_id = audited(rooms, queue, workspace)
    again = repeat_run(Again("restart", run_id, "account_health"), Caller(workspace, "ada", None), rooms)
    queue.deliver_all(rooms)

    first, second = (prove_run(workspace, one, rooms) for one in (run_id, again.run_id))

    assert (second["verdict"], second["totals"]["run_usd"]) == ("proved", "0.00000000")
    assert second["calls"]["reused"]["count"] >= first["calls"]["paid"]["count"]
    assert second["saved"]["by_journal_usd"] == first["totals"]["run_usd"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("spoil_call", "the cost of its tokens"),
        ("spoil_tokens", "the cost of its tokens"),
        ("spoil_version", "price version"),
        ("spoil_step", "the sum of its calls"),
        ("spoil_run", "the sum of its steps"),
        ("spoil_settled", "its reservation, settled"),
        ("spoil_reserved", "no more than was reserved"),
        ("spoil_open", "no reservation is left open"),
        ("spoil_cap", "the sum of its ledger"),
    ],
)
def test_what_was_changed_is_found(rooms: Rooms, queue: HeldQueue, workspace: UUID, name: str, what: str) -> None:
    """One rule at least says which row is wrong, what it must be and what it is."""
    run_id = audited(rooms, queue, workspace)
    spoil(rooms, name, run_id)

    proof = prove_run(workspace, run_id, rooms)

    found = [one for one in proof["differences"] if one["what"].startswith(what)]
    assert proof["verdict"] == "differs" and found
    assert all(one["expected_usd"] != one["found_usd"] and one["where"] for one in found)


def test_a_reused_answer_that_cost_something_is_found(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nothing that the journal answered is paid."""
    run_id = audited(rooms, queue, workspace)
    again = repeat_run(Again("restart", run_id, "account_health"), Caller(workspace, "ada", None), rooms)
    queue.deliver_all(rooms)
    spoil(rooms, "spoil_reused", again.run_id)

    whats = {one["what"] for one in prove_run(workspace, again.run_id, rooms)["differences"]}

    assert "a reused answer costs nothing" in whats


@pytest.mark.parametrize(("name", "outcome"), [("doubt_calls", "in_doubt"), ("waste_calls", "wasted")])
def test_what_was_paid_for_nothing_is_counted(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, name: str, outcome: str
) -> None:
    """Calls in doubt with what is held for them, the worst case; wasted ones with what they cost."""
    run_id = audited(rooms, queue, workspace)
    before: Any = prove_run(workspace, run_id, rooms)
    spoil(rooms, name, run_id)

    counted = prove_run(workspace, run_id, rooms)["calls"]

    assert counted[outcome]["count"] == before["calls"]["paid"]["count"]
    held = sum(Decimal(line["reserved_usd"] or 0) for line in before["lines"])
    expected = held if outcome == "in_doubt" else Decimal(before["totals"]["run_usd"])
    assert Decimal(counted[outcome]["usd"]) == expected


def test_a_run_that_goes_on_is_proved_as_far_as_it_is(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Only what has ended is compared."""
    run = started(PROFILE_AUDIT, workspace, rooms, brief=BRIEF)
    for _ in range(3):
        queue.deliver(queue.held.pop(0), rooms)

    proof = prove_run(workspace, run.run_id, rooms)

    assert (proof["verdict"], proof["is_final"], proof["status"]) == ("proved", False, "running")
    assert proof["calls"]["paid"]["count"] > 0


def test_a_run_of_another_workspace_is_not_proved(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It is not there."""
    run_id = audited(rooms, queue, workspace)

    with pytest.raises(NotFoundError):
        prove_run(uuid4(), run_id, rooms)

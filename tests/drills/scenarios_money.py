"""F14: calls that race for the last cent of a cap."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from local.drill.people import People
from local.drill.trial import Trial
from local.drill.until import DrillError
from tests.drills.shapes import chain, dear

CAP, LEAST_USED = Decimal("1.00"), Decimal("0.90")
BRANCHES, CALLS = 50, 4  # side by side; of each, one after the other


def race_for_the_budget(trial: Trial) -> None:
    """F14. Fifty steps side by side call a model at $0.05 each at most, under a cap of $1.00 that all share."""
    runs = trial.pick(1, 20)
    trial.may_fail = True
    trial.world.vendor.reset(pace_s=0.02)
    trial.start(trial.store(chain(1, 1)))
    trial.wait_for_ends()
    slug = trial.store(dear(BRANCHES, CALLS))
    trial.brief = {**trial.brief, "budget_usd": str(CAP)}
    refused = 0
    with People(trial.world.stack.settings, trial.workspace) as people:
        for _ in range(runs):
            refused += _spend_it_all(trial, people, slug)
    trial.wait_for_ends()
    trial.fired = refused
    trial.injected = f"steps that asked for more than was left of ${CAP}, of {BRANCHES} side by side"


def _spend_it_all(trial: Trial, people: People, slug: str) -> int:
    """One run until all of its money is spent and every step asks for more; then people say no. How many asked."""
    before = Decimal(trial.world.vendor.bill()["total_usd"])
    (run_id,) = trial.start(slug)

    def is_all_spent(now: Any) -> bool:
        caps = [cap for cap in _caps(trial) if cap.scope_id == run_id]
        over = [cap for cap in caps if cap.used_usd > cap.cap_usd]
        trial.expect(not over, f"{over} is over its cap")
        if not now.open_runs:
            run = trial.world.look("ends_of_runs", workspace_id=trial.workspace)[-1]
            raise DrillError(f"the run ended {run.status} before its budget was spent: {run.error_message}")
        return bool(now.at_gates) and now.at_gates == now.steps_open

    trial.wait_for(is_all_spent, seconds=120, what="a run that has spent its budget")
    bill = trial.world.vendor.bill()
    spent = Decimal(bill["total_usd"]) - before
    trial.expect(LEAST_USED <= spent <= CAP, f"${spent} of ${CAP} was spent")
    trial.expect(bill["requests"] == bill["charged"], f"{bill['requests']} requests for {bill['charged']} charges")
    gates = [gate for gate in people.open_gates() if str(gate.run_id) == run_id]
    trial.expect({gate.kind for gate in gates} == {"budget"}, f"gates of kinds {[gate.kind for gate in gates]}")
    people.decide(gates[0], "reject", "owner-0")
    trial.wait_for(lambda now: now.open_runs == 0, seconds=60, what="the end of a run that got no more money")
    trial.notes.append(f"run {run_id}: ${spent} spent, {len(gates)} steps asked for more")
    return len(gates)


def _caps(trial: Trial) -> list[Any]:
    return trial.world.look("caps_now", workspace_id=trial.workspace)

"""Caps on model money: the worst case is held before a call, and no interleaving exceeds a cap."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.status import CallKind
from shared.engine.decide import Decision, decide
from shared.engine.money import read_caps, set_cap
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.errors import ForbiddenError, InvalidInputError
from shared.trace.calls import Answer, Call
from shared.trace.journal import hold_another_try, journaled
from tests.support.agents import Anything
from tests.support.parked import fill, scans
from tests.support.queues import HeldQueue
from tests.support.runs import owner_of, started, step, steps_of, workflow
from tests.support.spending import SpendingAgent, spending_agent

SPENDING = workflow(step("spend", agent="spending", input_map={"calls": "brief.calls"}), step("after", "spend"))


class UnluckyAgent(BaseAgent):
    """One call, whose tries are lost one after another for as long as there is money for one more."""

    name = "unlucky"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        async def act() -> Answer:
            tries = 1
            while hold_another_try():
                tries += 1
            return Answer(output=tries, cost_usd=Decimal("0.03"), cost_known=False)

        call = Call(CallKind.LLM, "spend", {}, billable=True, ceiling_usd=Decimal("0.05"))
        answer = await journaled(call, act)
        return AgentResult(output={"tries": answer.output}, cost_usd=answer.cost_usd)


@pytest.fixture
def unlucky() -> Iterator[None]:
    AGENT_REGISTRY[UnluckyAgent.name] = UnluckyAgent
    yield
    del AGENT_REGISTRY[UnluckyAgent.name]


@pytest.fixture
def spender() -> Iterator[type[SpendingAgent]]:
    with spending_agent() as agent:
        yield agent


def spending(rooms: Rooms, queue: HeldQueue, workspace: UUID, calls: int, budget: str | None) -> UUID:
    given = None if budget is None else Decimal(budget)
    run = started(SPENDING, workspace, rooms, brief={"calls": calls}, budget_usd=given)
    queue.deliver_all(rooms)
    return run.run_id


def cap_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> Any:
    (cap,) = rooms.store.move(workspace, "caps_of_run", run_id=run_id)
    return cap


def the_gate(rooms: Rooms, workspace: UUID) -> Any:
    (gate,) = rooms.store.move(workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=5)
    return gate


def test_within_its_budget_a_run_is_not_held_up(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """At rest nothing is reserved: the cap has counted what was spent."""
    run_id = spending(rooms, queue, workspace, 10, "1.00")

    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"
    assert cap_of(run_id, workspace, rooms).used_usd == Decimal("0.30")


def test_a_cap_is_used_up_and_not_exceeded(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """Fifty calls at once under a dollar: what fits is made, the rest is not asked at all, and a person is."""
    run_id = spending(rooms, queue, workspace, 50, "1.00")

    used = cap_of(run_id, workspace, rooms).used_usd
    assert Decimal("0.90") <= used <= Decimal("1.00")
    assert spender.asked * Decimal("0.03") == used
    gate, spend = the_gate(rooms, workspace), steps_of(run_id, workspace, rooms)["spend"]
    assert (gate.kind, gate.proposal["cap"], spend["status"]) == ("budget", "run", "pending_approval")


def test_more_money_lets_it_go_on_where_it_was(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """The cap is raised with the decision; what was paid for is answered from the journal."""
    run_id = spending(rooms, queue, workspace, 50, "1.00")
    gate = the_gate(rooms, workspace)

    with pytest.raises(InvalidInputError, match="up_to_usd"):
        decide(Decision(workspace, gate.step_id, "ada", (), "approve", gate.digest, up_to_usd=Decimal("0.5")), rooms)
    decide(Decision(workspace, gate.step_id, "ada", (), "approve", gate.digest, up_to_usd=Decimal(2)), rooms)
    queue.deliver_all(rooms)

    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"
    assert (spender.asked, cap_of(run_id, workspace, rooms).used_usd) == (50, Decimal("1.50"))


def test_no_more_money_ends_it(rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]) -> None:
    """Rejected: the step fails for its budget, and is not asked about again."""
    run_id = spending(rooms, queue, workspace, 50, "1.00")
    gate = the_gate(rooms, workspace)

    decide(Decision(workspace, gate.step_id, "ada", (), "reject", gate.digest, note="enough"), rooms)
    queue.deliver_all(rooms)

    run = read_run(workspace, run_id, rooms)
    assert (run["status"], run["error_class"]) == ("failed", "budget_reached")
    assert cap_of(run_id, workspace, rooms).used_usd <= Decimal("1.00")


def test_a_workspace_has_a_cap_for_each_day(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """Set after money was spent today, it counts that; two runs share it."""
    spending(rooms, queue, workspace, 10, None)
    set_cap(owner_of(workspace), "day", Decimal("0.50"), rooms)
    run_id = spending(rooms, queue, workspace, 10, None)

    today = next(cap for cap in read_caps(workspace, rooms) if cap["scope_id"])
    assert Decimal(str(today["used_usd"])) <= Decimal("0.50")
    assert steps_of(run_id, workspace, rooms)["spend"]["status"] == "pending_approval"
    assert the_gate(rooms, workspace).proposal["cap"] == "workspace_day"


def raised(workspace: UUID, gate: Any, roles: tuple[str, ...], rooms: Rooms) -> Any:
    asked = Decision(workspace, gate.step_id, "bob", roles, "approve", gate.digest, up_to_usd=Decimal(2))
    return decide(asked, rooms)


def test_a_days_cap_is_raised_by_an_admin(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """It is the whole workspace's: whoever may not set it may not raise it at a gate either."""
    set_cap(owner_of(workspace), "day", Decimal("0.10"), rooms)
    run_id = spending(rooms, queue, workspace, 10, None)
    gate = the_gate(rooms, workspace)

    with pytest.raises(ForbiddenError, match="admin"):
        raised(workspace, gate, ("editor",), rooms)
    assert raised(workspace, gate, ("admin",), rooms)["status"] == "approved"
    queue.deliver_all(rooms)
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


def test_a_lost_try_holds_money_for_the_next(rooms: Rooms, queue: HeldQueue, workspace: UUID, unlucky: None) -> None:
    """Each try that may be billed counts whole, and where no cap has room for one more, none is made."""
    run = started(workflow(step("s", agent="unlucky")), workspace, rooms, budget_usd=Decimal("0.12"))

    queue.deliver_all(rooms)

    assert steps_of(run.run_id, workspace, rooms)["s"]["output_jsonb"] == {"tries": 2}
    assert cap_of(run.run_id, workspace, rooms).used_usd == Decimal("0.10")


@pytest.mark.parametrize("name", ["lock_caps", "reserve_call", "tightest_cap", "settle_call"])
def test_a_call_reads_only_the_caps_over_it(rooms: Rooms, workspace: UUID, name: str) -> None:
    """Among the caps of 20,000 runs, those of the call are reached by their whole keys."""
    run = started(workflow(step("s", agent="spending", budget_usd=Decimal(1))), workspace, rooms).run_id
    url = rooms.settings.database_owner_url
    fill(url, "park_caps", workspace_id=workspace, many=20_000)
    fill(url, "analyze_caps")
    step_id = UUID(str(steps_of(run, workspace, rooms)["s"]["id"]))
    values: dict[str, Any] = {
        "lock_caps": {"run_id": run, "step_id": step_id},
        "reserve_call": {
            **{"step_id": step_id, "attempt": 1, "ceiling_usd": Decimal("0.1")},
            **{"reservation_id": run, "agent_run_id": run},
        },
        "tightest_cap": {"run_id": run, "step_id": step_id, "ceiling_usd": Decimal(5)},
        "settle_call": {"agent_run_id": run, "id": run},
    }

    found = [scan for scan in scans(url, name, workspace, **values[name]) if scan.table == "tiktok_caps"]

    assert found and {scan.index for scan in found} == {"tiktok_caps_pkey"}
    assert sum(scan.rows for scan in found) <= 5

"""Caps that nest, calls that race from many threads, calls in doubt: the bound holds, and the books are proved."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.definitions import WorkflowDef
from shared.core.status import CallKind
from shared.engine.decide import Decision, decide
from shared.engine.execute_step import end_loop
from shared.engine.money import set_cap
from shared.engine.prove import prove_run
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller, run_stored_brief, store_workflow, take_brief
from shared.errors import ConflictError, InvalidInputError
from shared.queue.tasks import Wake
from shared.trace.calls import Answer, Call
from shared.trace.journal import journaled
from tests.engine.test_budget import SPENDING, cap_of, spending, the_gate
from tests.support.agents import Anything
from tests.support.queues import HeldQueue
from tests.support.runs import owner_of, started, step, steps_of, workflow
from tests.support.spending import SpendingAgent

MANY = 8
RACING = workflow(
    *(step(f"spend_{n}", agent="spending", input_map={"calls": "brief.calls"}) for n in range(MANY)), slug="racing"
)
CAPPED_STEP = workflow(
    step("spend", agent="spending", input_map={"calls": "brief.calls"}, budget_usd=Decimal("0.10")), slug="capped_step"
)


class HangingAgent(BaseAgent):
    """Asks once; the first time no answer comes."""

    name = "hanging"
    Input = Anything
    Output = Anything
    asked = 0

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        async def act() -> Answer:
            type(self).asked += 1
            if type(self).asked == 1:
                await asyncio.Event().wait()
            return Answer(output=1, cost_usd=Decimal("0.03"))

        call = Call(CallKind.TOOL, "hang", {}, billable=True, ceiling_usd=Decimal("0.05"))
        return AgentResult(output={"n": (await journaled(call, act)).output}, cost_usd=Decimal("0.03"))


@pytest.fixture
def spender() -> Iterator[type[SpendingAgent]]:
    SpendingAgent.asked = HangingAgent.asked = 0
    AGENT_REGISTRY.update({SpendingAgent.name: SpendingAgent, HangingAgent.name: HangingAgent})
    yield SpendingAgent
    del AGENT_REGISTRY[SpendingAgent.name], AGENT_REGISTRY[HangingAgent.name]


def check_proof(rooms: Rooms, workspace: UUID, run_id: UUID) -> Any:
    proof = prove_run(workspace, run_id, rooms)
    assert proof["differences"] == []
    return proof


def run_of(definition: WorkflowDef, calls: int, budget: str | None, given: tuple[Rooms, HeldQueue, UUID]) -> UUID:
    rooms, queue, workspace = given
    usd = None if budget is None else Decimal(budget)
    run = started(definition, workspace, rooms, brief={"handle": "x", "calls": calls}, budget_usd=usd)
    queue.deliver_all(rooms)
    return run.run_id


@pytest.mark.parametrize(
    ("definition", "budget", "day", "cap"),
    [
        (CAPPED_STEP, "0.50", "0.90", "step"),
        (SPENDING, "0.10", "0.90", "run"),
        (SPENDING, "0.90", "0.10", "workspace_day"),
        (CAPPED_STEP, None, None, "step"),
        (SPENDING, None, "0.10", "workspace_day"),
    ],
)
def test_the_tightest_cap_holds(
    rooms: Rooms,
    queue: HeldQueue,
    workspace: UUID,
    spender: type[SpendingAgent],
    definition: WorkflowDef,
    budget: str | None,
    day: str | None,
    cap: str,
) -> None:
    """Of step, run and day: the gate names the one that is reached, and no call beyond it is asked."""
    if day is not None:
        set_cap(owner_of(workspace), "day", Decimal(day), rooms)

    run_id = run_of(definition, 20, budget, (rooms, queue, workspace))

    gate = the_gate(rooms, workspace)
    assert (gate.kind, gate.proposal["cap"], spender.asked) == ("budget", cap, 2)
    assert gate.proposal["least_cap_usd"] == "0.11000000"
    check_proof(rooms, workspace, run_id)


def test_runs_of_a_brief_share_its_budget(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """What the first run spent is not there for the second one, whose own cap would allow it."""
    caller = Caller(workspace, "ada")
    store_workflow(SPENDING, caller, rooms)
    own = {"handle": "lakucosmetics", "target_type": "own_brand", "budget_usd": "0.20"}
    taken = take_brief("trial", own, {"calls": 4}, caller, rooms)
    first = run_stored_brief(taken.brief_id, "trial", caller, rooms)
    queue.deliver_all(rooms)

    second = run_stored_brief(taken.brief_id, "trial", caller, rooms)
    queue.deliver_all(rooms)

    assert read_run(workspace, first.run_id, rooms)["status"] == "succeeded"
    assert (the_gate(rooms, workspace).proposal["cap"], spender.asked) == ("brief", 6)
    for run in (first, second):
        check_proof(rooms, workspace, run.run_id)


def test_calls_of_many_threads_race_for_a_dollar(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """Fifty-six calls of eight steps in eight threads: of the dollar nine tenths at least are used, never more."""
    run = started(RACING, workspace, rooms, brief={"calls": 7}, budget_usd=Decimal(1))
    wakes, queue.held = queue.held, []

    def deliver(wake: Wake) -> None:
        try:
            queue.deliver(wake, rooms)
        finally:
            end_loop()

    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(deliver, wakes))

    used = cap_of(run.run_id, workspace, rooms).used_usd
    proof = check_proof(rooms, workspace, run.run_id)
    assert Decimal("0.90") <= used <= Decimal(1)
    assert Decimal(proof["calls"]["paid"]["usd"]) == used == Decimal("0.03") * proof["calls"]["paid"]["count"]
    assert len(wakes) == MANY
    statuses = {one["status"] for one in steps_of(run.run_id, workspace, rooms).values()}
    assert "pending_approval" in statuses


def test_every_step_at_the_cap_is_decided_alone(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """Several steps ask for more at once: what one is given is there for all, and nothing is paid twice."""
    run = started(RACING, workspace, rooms, brief={"calls": 2}, budget_usd=Decimal("0.20"))
    queue.deliver_all(rooms)
    rows = rooms.store.move(workspace, "gates_newest_first", status="open", run_id=run.run_id, before=None, limit=50)
    assert len(rows) > 1

    for gate in rows:
        asked = Decision(workspace, gate.step_id, "ada", (), "approve", gate.digest, up_to_usd=Decimal(1))
        decide(asked, rooms)
    queue.deliver_all(rooms)

    assert read_run(workspace, run.run_id, rooms)["status"] == "succeeded"
    assert spender.asked == 2 * MANY
    assert check_proof(rooms, workspace, run.run_id)["totals"]["run_usd"] == "0.48000000"


def test_a_cap_is_raised_once(rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]) -> None:
    """A replayed approval is refused, whatever new cap it names."""
    run_id = spending(rooms, queue, workspace, 10, "0.10")
    gate = the_gate(rooms, workspace)
    asked = Decision(workspace, gate.step_id, "ada", (), "approve", gate.digest, up_to_usd=Decimal("0.40"))
    decide(asked, rooms)

    with pytest.raises(ConflictError, match="approved by ada"):
        decide(replace(asked, up_to_usd=Decimal(9)), rooms)

    assert cap_of(run_id, workspace, rooms).cap_usd == Decimal("0.40")


def test_what_is_in_doubt_counts_whole(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """A call was cut off before its answer: its worst case stays under the cap, beside what the next one cost."""
    hasty = replace(rooms, settings=rooms.settings.model_copy(update={"step_timeout_s": 0.2}))
    definition = workflow(step("hang", agent="hanging"))
    run = started(definition, workspace, hasty, brief={}, budget_usd=Decimal(1))

    while queue.held:
        queue.deliver_when_due(queue.held.pop(0), hasty)

    proof = check_proof(rooms, workspace, run.run_id)
    assert read_run(workspace, run.run_id, rooms)["status"] == "succeeded"
    assert proof["calls"]["in_doubt"] == {"count": 1, "usd": "0.05000000"}
    assert proof["calls"]["paid"] == {"count": 1, "usd": "0.03000000"}
    assert cap_of(run.run_id, workspace, rooms).used_usd == Decimal("0.08")


@pytest.mark.parametrize("amount", ["-1", "1000000", "NaN", "Infinity"])
def test_a_cap_is_an_amount(rooms: Rooms, workspace: UUID, amount: str) -> None:
    """Anything else is refused, and no cap is set."""
    for name in ("day", "ad_day"):
        with pytest.raises(InvalidInputError):
            set_cap(owner_of(workspace), "day" if name == "day" else "ad_day", Decimal(amount), rooms)

    assert rooms.store.move(workspace, "caps") == []


def test_a_lower_cap_holds_at_once(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, spender: type[SpendingAgent]
) -> None:
    """Below what is used already: what was spent stays, and nothing further is asked."""
    set_cap(owner_of(workspace), "day", Decimal(1), rooms)
    run_of(SPENDING, 10, None, (rooms, queue, workspace))
    set_cap(owner_of(workspace, "bob"), "day", Decimal("0.10"), rooms)

    run_id = run_of(SPENDING, 1, None, (rooms, queue, workspace))

    assert (spender.asked, the_gate(rooms, workspace).proposal["used_usd"]) == (10, "0.30000000")
    check_proof(rooms, workspace, run_id)

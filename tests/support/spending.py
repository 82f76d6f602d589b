"""An agent that spends money for tests of caps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.status import CallKind
from shared.trace.calls import Answer, Call
from shared.trace.journal import journaled
from tests.support.agents import Anything


class SpendingAgent(BaseAgent):
    """Makes `calls` calls side by side; each may cost 5 cents and costs 3."""

    name = "spending"
    Input = Anything
    Output = Anything
    asked = 0

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        async def one(number: int) -> Answer:
            async def act() -> Answer:
                type(self).asked += 1
                await asyncio.sleep(0)
                return Answer(output=number, cost_usd=Decimal("0.03"))

            call = Call(CallKind.LLM, "spend", {"n": number}, billable=True, ceiling_usd=Decimal("0.05"))
            return await journaled(call, act)

        answers = await asyncio.gather(*(one(number) for number in range(ctx.input["calls"])))
        return AgentResult(output={"n": len(answers)}, cost_usd=sum((a.cost_usd for a in answers), Decimal(0)))


@contextmanager
def spending_agent() -> Iterator[type[SpendingAgent]]:
    """The agent `spending`, known for as long as the block lasts."""
    SpendingAgent.asked = 0
    AGENT_REGISTRY[SpendingAgent.name] = SpendingAgent
    try:
        yield SpendingAgent
    finally:
        del AGENT_REGISTRY[SpendingAgent.name]

"""Agents of the drills: they ask the model as often as their options say, and pass on what came before them."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.core.canonical import Json, JsonObject, digest_of
from shared.core.status import CallKind
from shared.llm.claude import call_claude_cached
from shared.llm.result import ClaudeResult
from shared.trace.journal import durable

SYSTEM = "You repeat the number of the question, and nothing else."
TICK_S = 0.05  # agents that wait for the tick end within a millisecond of each other


class Given(BaseModel):
    """`calls`: how many model calls; what begins with `up_` comes from the steps before."""

    model_config = ConfigDict(extra="allow")

    step: str
    calls: int = Field(0, ge=0)


class Text(BaseModel):
    text: str


def upstream(given: JsonObject) -> Json:
    return {name: value for name, value in sorted(given.items()) if name.startswith("up_")}


def _text_of(ctx: AgentContext) -> str:
    """What this step puts out: decided by its name and by what came before, so that a wrong join shows."""
    return f"{ctx.input['step']} {digest_of([ctx.input['step'], upstream(ctx.input)])[:16]}"


async def _ask(ctx: AgentContext, number: int) -> ClaudeResult:
    question = f"Run {ctx.run_id}, step {ctx.input['step']}, question {number}."
    return await call_claude_cached(
        system_stable=SYSTEM, user_message=question, model="haiku", max_tokens=64, label=f"ask_{number}"
    )


class CallsAgent(BaseAgent):
    """Looks something up, then asks the model `calls` times, one after the other."""

    name = "drill_calls"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        async def look_up() -> Json:
            return {"found": ctx.input["step"]}

        await durable(CallKind.TOOL, "look_up", look_up, {"step": ctx.input["step"]})
        cost = Decimal(0)
        for number in range(int(ctx.input.get("calls", 1))):
            cost += (await _ask(ctx, number)).cost_usd
        return AgentResult(output={"text": _text_of(ctx)}, cost_usd=cost)


class GatherAgent(BaseAgent):
    """Asks the model `calls` times at once."""

    name = "drill_gather"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        results = await asyncio.gather(*(_ask(ctx, number) for number in range(int(ctx.input.get("calls", 1)))))
        return AgentResult(output={"text": _text_of(ctx)}, cost_usd=sum((r.cost_usd for r in results), Decimal(0)))


class EchoAgent(BaseAgent):
    """Asks nobody."""

    name = "drill_echo"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        return AgentResult(output={"text": _text_of(ctx)})


class TickAgent(BaseAgent):
    """Ends on the tick, so that all who wait for the same one end together."""

    name = "drill_tick"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        await asyncio.sleep(TICK_S - time.time() % TICK_S)
        return AgentResult(output={"text": _text_of(ctx)})


DRILL_AGENTS: tuple[type[BaseAgent], ...] = (CallsAgent, GatherAgent, EchoAgent, TickAgent)

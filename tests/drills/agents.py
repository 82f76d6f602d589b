"""Agents of the drills: they ask the model as often as their options say, and pass on what came before them."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.core.canonical import Json, JsonObject, digest_of
from shared.core.proposals import ProposedEffect
from shared.core.status import CallKind
from shared.llm.claude import call_claude_cached
from shared.llm.result import ClaudeResult
from shared.trace.journal import durable
from tests.drills.effects import KIND

SYSTEM = "You repeat the number of the question, and nothing else."
MONTH_S = 30 * 86_400.0
DEAR_WORDS = 4_700  # of five bytes; a byte is a token at most, and four are one at the fake vendor
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


async def _ask(ctx: AgentContext, number: int, padding: str = "", model: str = "haiku") -> ClaudeResult:
    question = f"Run {ctx.run_id}, step {ctx.input['step']}, question {number}. {padding}"
    return await call_claude_cached(
        system_stable=SYSTEM, user_message=question, model=model, max_tokens=64, label=f"ask_{number}"
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


class DearAgent(BaseAgent):
    """Asks the model `calls` times with a question that may cost up to five cents, and costs about one."""

    name = "drill_dear"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        padding = "dear " * DEAR_WORDS
        cost = Decimal(0)
        for number in range(int(ctx.input.get("calls", 1))):
            cost += (await _ask(ctx, number, padding, "sonnet")).cost_usd
        return AgentResult(output={"text": _text_of(ctx)}, cost_usd=cost)


class ProposeAgent(BaseAgent):
    """Proposes `calls` effects."""

    name = "drill_propose"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        for number in range(int(ctx.input.get("calls", 1))):
            title = f"Pin {ctx.input['step']} {number}"
            ctx.propose(ProposedEffect(KIND, f"pin_{number}", title, {"text": title}))
        return AgentResult(output={"text": _text_of(ctx)})


class WaitAgent(BaseAgent):
    """Waits thirty days for a signal to its run, and says what came."""

    name = "drill_wait"
    Input = Given
    Output = Text

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        came = await ctx.wait_for(f"drill:{ctx.run_id}", timeout_s=MONTH_S)
        return AgentResult(output={"text": "nothing" if came is None else str(came["answer"])})


DRILL_AGENTS: tuple[type[BaseAgent], ...] = (
    CallsAgent,
    GatherAgent,
    EchoAgent,
    TickAgent,
    DearAgent,
    ProposeAgent,
    WaitAgent,
)

"""An agent that waits for a signal, for tests of suspended steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from tests.support.agents import Anything


class WaitingAgent(BaseAgent):
    """Gives back what was sent to `key` (`never` if the input names none), or null after `wait_s` seconds."""

    name = "waiting"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        told = await ctx.wait_for(ctx.input.get("key", "never"), timeout_s=ctx.input.get("wait_s"))
        return AgentResult(output={"told": told})


@contextmanager
def waiting_agent() -> Iterator[None]:
    """The agent `waiting`, known for as long as the block lasts."""
    AGENT_REGISTRY[WaitingAgent.name] = WaitingAgent
    try:
        yield
    finally:
        del AGENT_REGISTRY[WaitingAgent.name]

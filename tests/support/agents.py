"""Small agents for tests of the engine: they say in their input what is to happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.status import CallKind
from shared.errors import ProviderDownError
from shared.trace.journal import durable


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


class EchoAgent(BaseAgent):
    """Gives its input back."""

    name = "echo"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        return AgentResult(output={"echo": ctx.input})


class BrokenAgent(BaseAgent):
    """Always fails."""

    name = "broken"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        raise ValueError("this agent is broken; Bearer abcdefghijklmnop is a secret")


class FlakyAgent(BaseAgent):
    """Fails for want of its provider as often as its input says, then succeeds. Counts what it really called."""

    name = "flaky"
    Input = Anything
    Output = Anything
    calls: ClassVar[Counter[str]] = Counter()

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        async def ask() -> Any:
            self.calls["asked"] += 1
            return {"answer": 42}

        answer = await durable(CallKind.SKILL, "ask", ask, {"about": "life"}, billable=True)
        self.calls["tried"] += 1
        if self.calls["tried"] <= int(ctx.input.get("fails", 1)):
            raise ProviderDownError("the provider is away", retry_after_s=float(ctx.input.get("retry_after_s", 0)))
        return AgentResult(output={"answer": answer["answer"], "tried": self.calls["tried"]})


class PickyAgent(BaseAgent):
    """Gives its input back, but for one whose name is bad."""

    name = "picky"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        if ctx.input.get("name") == "bad":
            raise ValueError("a bad name")
        return AgentResult(output={"name": ctx.input.get("name")})


class ListingAgent(BaseAgent):
    """Puts out as many names as its input says."""

    name = "listing"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        return AgentResult(output={"names": [f"n{at}" for at in range(ctx.input["count"])]})


TEST_AGENTS: tuple[type[BaseAgent], ...] = (EchoAgent, BrokenAgent, FlakyAgent, PickyAgent, ListingAgent)


@contextmanager
def registered_agents() -> Iterator[None]:
    """The test agents, known to the engine for as long as the block lasts."""
    FlakyAgent.calls.clear()
    for agent in TEST_AGENTS:
        AGENT_REGISTRY[agent.name] = agent
    try:
        yield
    finally:
        for agent in TEST_AGENTS:
            del AGENT_REGISTRY[agent.name]

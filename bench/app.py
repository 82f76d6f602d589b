"""The doors as they are, with one agent more: the no-op agent that the measurements use."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from bench.dag import digest, put_out
from bench.work import AGENT
from local.doors import Wsgi
from local.doors import make_app as doors
from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


class NoopOutput(BaseModel):
    step: str
    digest: int
    text: str


class NoopAgent(BaseAgent):
    """Folds what came before into a digest, and puts out about 1 KB."""

    name = AGENT
    Input = Anything
    Output = NoopOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        upstream = [value for name, value in ctx.input.items() if name.startswith("up_")]
        found = digest(ctx.input["step"], ctx.input["run"], upstream)
        return AgentResult(output=put_out(ctx.input["step"], found))


def make_app() -> Wsgi:
    AGENT_REGISTRY[AGENT] = NoopAgent
    return doors()

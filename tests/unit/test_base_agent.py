"""The contract of an agent: what run() does around _execute, whoever calls it."""

from __future__ import annotations

import ast
import asyncio
from dataclasses import fields
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from shared.agents.base import AgentContext, AgentResult, AgentRunEnd, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.agents.synthesis import SynthesisAgent
from shared.core.money import ZERO
from shared.errors import AgentError, FenceLostError, ModelBusyError
from shared.trace import context
from shared.trace.context import current_agent_name, current_agent_run_id, current_workspace_id, next_step_idx
from shared.trace.journal import Journal, Remembered, Row, Signal, current_journal
from tests.support.agents import Anything

ROOT = Path(__file__).parent.parent.parent


class Nowhere:
    """A journal store that keeps nothing: these agents make no calls."""

    def begin(self, row: Row) -> None: ...

    def hold_more(self, row: Row) -> bool:
        return True

    def finish(self, row: Row) -> None: ...

    def cut_off(self, row: Row) -> None: ...

    def record(self, row: Row) -> None: ...

    def doubt(self, remembered: Remembered) -> None: ...

    def spoil(self, asked: tuple[str, int], why: str) -> None: ...

    def signal(self, wake_key: str) -> Signal | None:
        return None


class Told:
    """An `AgentRunLog` that remembers what it was told, in order."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, AgentContext]] = []
        self.closed: list[AgentRunEnd] = []
        self.ids: list[UUID] = []

    def open(self, agent_name: str, ctx: AgentContext) -> UUID:
        self.opened.append((agent_name, ctx))
        self.ids.append(uuid4())
        return self.ids[-1]

    def journal(self, agent_run_id: UUID) -> Journal:
        return Journal(Nowhere())

    def close(self, agent_run_id: UUID, agent_name: str, ctx: AgentContext, end: AgentRunEnd) -> None:
        self.closed.append(end)


class Looking(BaseAgent):
    """Puts out what the context variables say inside."""

    name = "looking"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        seen = {"run": str(current_agent_run_id.get()), "name": current_agent_name.get(), "idx": next_step_idx()}
        return AgentResult(output=seen, run_id=uuid4())


class Parent(BaseAgent):
    """Runs another agent inside itself, then looks again."""

    name = "parent"
    Input = Anything
    Output = Anything

    def __init__(self, log: Told) -> None:
        self._log = log

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        first = next_step_idx()
        child = await Looking().run(ctx, self._log)
        name = current_agent_name.get()
        return AgentResult(output={"child": child.output, "name": name, "idx": [first, next_step_idx()]})


class Raising(BaseAgent):
    """Raises what it was made with."""

    name = "raising"
    Input = Anything
    Output = Anything

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        raise self._error


def context_of(**given: object) -> AgentContext:
    return AgentContext(run_id=uuid4(), workspace_id=uuid4(), input=dict(given))


def test_the_row_is_opened_before_and_closed_after() -> None:
    """One row, opened with name and context; closed with the output, and the id stamped on the result."""
    log, ctx = Told(), context_of(a=1)

    result = asyncio.run(Looking().run(ctx, log))

    assert log.opened == [("looking", ctx)]
    assert [end.status for end in log.closed] == ["succeeded"]
    assert log.closed[0].output == result.output
    assert result.run_id == log.ids[0]


def test_context_is_set_inside_and_reset_after() -> None:
    """Inside, the variables name this agent run; outside, none."""
    log = Told()

    output = asyncio.run(Looking().run(context_of(), log)).output

    assert output == {"run": str(log.ids[0]), "name": "looking", "idx": 0}
    assert (current_agent_run_id.get(), current_workspace_id.get(), current_agent_name.get()) == (None, None, None)
    assert current_journal() is None


def test_a_parent_gets_its_context_back() -> None:
    """A child run inside counts for itself from 0; the parent goes on with its own name and count."""
    log = Told()

    output = asyncio.run(Parent(log).run(context_of(), log)).output

    assert output["child"]["idx"] == 0
    assert (output["name"], output["idx"]) == ("parent", [0, 1])


def test_siblings_do_not_see_each_other() -> None:
    """Twenty agents at once on one loop: each sees its own run."""

    async def all_of_them() -> list[AgentResult]:
        return await asyncio.gather(*(Looking().run(context_of(), Told()) for _ in range(20)))

    results = asyncio.run(all_of_them())

    assert all(result.output["run"] == str(result.run_id) for result in results)
    assert len({result.run_id for result in results}) == 20


@pytest.mark.parametrize("error", [ValueError("no"), ModelBusyError("away", retry_after_s=7)])
def test_whatever_is_raised_becomes_an_agent_error(error: Exception) -> None:
    """The row is closed as failed with the whole traceback; the context is reset; the cause says whether to retry."""
    log = Told()

    with pytest.raises(AgentError) as failed:
        asyncio.run(Raising(error).run(context_of(), log))

    assert failed.value.__cause__ is error
    assert failed.value.retryable == isinstance(error, ModelBusyError)
    (end,) = log.closed
    assert (end.status, end.cost_usd) == ("failed", ZERO)
    assert end.error_message is not None
    assert "Traceback" in end.error_message
    assert current_agent_run_id.get() is None


def test_a_lost_fence_closes_nothing() -> None:
    """Another attempt owns the step now: this one writes no more."""
    log = Told()

    with pytest.raises(FenceLostError):
        asyncio.run(Raising(FenceLostError("gone")).run(context_of(), log))

    assert log.closed == []
    assert current_agent_run_id.get() is None


def test_context_and_result_have_the_contracts_fields() -> None:
    """AgentContext and AgentResult, field by field (A016, A017)."""
    assert [field.name for field in fields(AgentContext)] == [
        "run_id",
        "workspace_id",
        "brand_id",
        "trigger_type",
        "trigger_event_id",
        "input",
    ]
    assert [field.name for field in fields(AgentResult)] == ["output", "cost_usd", "model_used", "run_id"]


def test_there_are_exactly_four_context_variables() -> None:
    """The trace context is these four and no more (A025)."""
    found = {name for name, value in vars(context).items() if type(value).__name__ == "ContextVar"}

    assert found == {"current_agent_run_id", "current_workspace_id", "current_agent_name", "_step_counter"}


def test_no_agent_overrides_run() -> None:
    """run() is BaseAgent's own, for every agent (A002)."""
    agents: list[type[BaseAgent]] = [*AGENT_REGISTRY.values(), SynthesisAgent]
    for agent in agents:
        assert agent.run is BaseAgent.run


def test_only_one_file_knows_the_models_sdk() -> None:
    """No agent, and nothing else, talks to Anthropic but the one file that maps its errors (A022)."""
    knowing = set()
    for file in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "anthropic" for name in names):
                knowing.add(str(file.relative_to(ROOT)))

    assert knowing == {"shared/llm/real.py"}


def test_only_the_engines_statements_write_agent_runs() -> None:
    """An agent run's row is inserted by the claim and by nothing an agent can reach (A021)."""
    writers = [
        file.name
        for file in (ROOT / "shared" / "store" / "queries").glob("*.sql")
        if "insert into tiktok_agent_runs" in file.read_text()
    ]

    assert writers == ["steps.sql"]

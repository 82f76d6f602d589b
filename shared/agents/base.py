"""What every agent is: a name, typed input and output, and `_execute`. `run()` does the rest (A001-A024)."""

from __future__ import annotations

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, ClassVar, Protocol, TypeVar, final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.core.canonical import Json, JsonObject
from shared.core.money import ZERO
from shared.core.proposals import ProposedEffect
from shared.core.status import AgentRunStatus, TriggerType
from shared.core.wording import problems_of
from shared.errors import (
    AgentError,
    BudgetReachedError,
    EngineError,
    FenceLostError,
    InvalidInputError,
    OutputInvalidError,
    RunCancelledError,
    SuspendedError,
    telling_cause,
)
from shared.trace.context import inside_agent_run
from shared.trace.journal import Journal, close_journal, open_journal, propose, wait_for


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What an agent is given (A016). `run_id` is the workflow run; `input` is the resolved input (A018)."""

    run_id: UUID
    workspace_id: UUID
    brand_id: UUID | None = None
    trigger_type: TriggerType = TriggerType.MANUAL
    trigger_event_id: str | None = None
    input: JsonObject = field(default_factory=dict)

    async def wait_for(self, key: str, *, timeout_s: float | None = None) -> Json:
        """What was sent to `key`; None if nothing was in `timeout_s` seconds. Until then the step is suspended, and
        holds no compute: on waking, the agent is entered again, and the journal answers what it had asked before."""
        return await wait_for(key, timeout_s=timeout_s)

    def propose(self, effect: ProposedEffect) -> None:
        """Would publish, send, spend or change a listing: kept with the output, it waits for the gate behind this step.
        Proposing again with the same `key` replaces. Nothing is ever done to the world by an agent itself."""
        propose(effect)


@dataclass(frozen=True, slots=True)
class AgentResult:
    """What an agent gives back (A017). `cost_usd` is what it counted itself, in US dollars; `run_id` is stamped."""

    output: JsonObject
    cost_usd: Decimal = ZERO
    model_used: str | None = None
    run_id: UUID | None = None


class AgentInput(BaseModel):
    """The base of every agent's input. Brief fields an agent does not ask for are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class AgentOutput(BaseModel):
    """The base of every agent's output."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class AgentRunEnd:
    """How an agent run ended: what `_update_run_row` writes (A010, A012)."""

    status: AgentRunStatus
    output: JsonObject | None
    cost_usd: Decimal
    latency_ms: int
    model_used: str | None
    error_message: str | None


class AgentRunLog(Protocol):
    """Where agent runs are written: the row before (A003), the row after (A010, A012), and their events (A004-A013).

    The engine hands in one that is bound to a step, so that the row commits together with the step's own move.
    """

    def open(self, agent_name: str, ctx: AgentContext) -> UUID:
        """Inserts the row, `running`, with its input, and the event `agent_run.started`. Returns its id."""
        ...

    def journal(self, agent_run_id: UUID) -> Journal: ...

    def close(self, agent_run_id: UUID, agent_name: str, ctx: AgentContext, end: AgentRunEnd) -> None:
        """Updates the row, with the event `agent_run.succeeded` or `agent_run.failed`."""
        ...


In = TypeVar("In", bound=BaseModel)


class BaseAgent(ABC):
    """An agent. A subclass sets `name`, `Input` and `Output`, and implements `_execute`; nothing else is required."""

    name: ClassVar[str]
    Input: ClassVar[type[BaseModel]] = AgentInput
    Output: ClassVar[type[BaseModel]] = AgentOutput

    @abstractmethod
    async def _execute(self, ctx: AgentContext) -> AgentResult:
        """The agent's work. Its calls go through `call_claude_cached`, providers and `durable()`, which trace them."""

    @final
    async def run(self, ctx: AgentContext, log: AgentRunLog) -> AgentResult:
        """The only entry point (A002): row before, context set, `_execute`, row after, context reset by token.

        Raises `AgentError` for whatever `_execute` raised (A009); its `retryable` says whether trying again may help.
        A lost fence, a cancelled run, a wait and a cap that is reached pass as they are: the engine sees to them.
        """
        agent_run_id = log.open(self.name, ctx)
        started = time.monotonic()
        journal = log.journal(agent_run_id)
        open_journal(agent_run_id, journal)
        try:
            with inside_agent_run(agent_run_id, ctx.workspace_id, self.name):
                result = self._checked(await self._execute(self._accepted(ctx)))
        except Exception as cause:
            await journal.at_rest()
            if (passing := _passing(cause)) is not None:
                raise passing from cause
            log.close(agent_run_id, self.name, ctx, _failed(started))
            wrong = telling_cause(cause)
            raise AgentError(f"{self.name}: {type(wrong).__name__}: {wrong}", cause=wrong) from cause
        finally:
            close_journal(agent_run_id)
        log.close(agent_run_id, self.name, ctx, _succeeded(started, result))
        return replace(result, run_id=agent_run_id)

    def _accepted(self, ctx: AgentContext) -> AgentContext:
        self.parse_input(self.Input, ctx.input)
        return ctx

    def _checked(self, result: AgentResult) -> AgentResult:
        try:
            parsed = self.Output.model_validate(result.output)
        except ValidationError as wrong:
            path, message = _first(wrong, "object")
            raise OutputInvalidError(f"{self.name}: output {path}: {message}") from wrong
        return replace(result, output=parsed.model_dump(mode="json"))

    def parse_input(self, model: type[In], given: Mapping[str, Any]) -> In:
        """The input as its model, or an error that names the agent and the field (X11)."""
        try:
            return model.model_validate(dict(given))
        except ValidationError as wrong:
            path, message = _first(wrong, "input")
            if wrong.errors(include_url=False)[0]["type"] == "missing":
                raise InvalidInputError(path, f"{self.name} requires {_article(path)}") from wrong
            raise InvalidInputError(path, f"{self.name}: {message}") from wrong


_PASSING = (FenceLostError, RunCancelledError, SuspendedError, BudgetReachedError)


def _passing(cause: BaseException) -> EngineError | None:
    """The error that the engine sees to, by itself or first in a group of errors (`asyncio.TaskGroup`)."""
    if isinstance(cause, BaseExceptionGroup):
        return next((found for one in cause.exceptions if (found := _passing(one)) is not None), None)
    return cause if isinstance(cause, _PASSING) else None


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _first(wrong: ValidationError, whole: str) -> tuple[str, str]:
    """The first wrong field and what it must be; `whole` stands for the path of the whole."""
    path, message = problems_of(wrong)[0]
    return path or whole, message


def _succeeded(started: float, result: AgentResult) -> AgentRunEnd:
    return AgentRunEnd(
        status=AgentRunStatus.SUCCEEDED,
        output=result.output,
        cost_usd=result.cost_usd,
        latency_ms=_since(started),
        model_used=result.model_used,
        error_message=None,
    )


def _failed(started: float) -> AgentRunEnd:
    return AgentRunEnd(
        status=AgentRunStatus.FAILED,
        output=None,
        cost_usd=ZERO,
        latency_ms=_since(started),
        model_used=None,
        error_message=traceback.format_exc(),
    )


def _since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)

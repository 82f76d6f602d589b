"""Runs the agent of one attempt at one step: its journal, its lease, its time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.canonical import JsonObject
from shared.core.definitions import SYNTHESIS_NODE
from shared.core.prompts import CallName, PromptChange
from shared.core.status import TriggerType
from shared.engine.attempt import Attempt
from shared.engine.leases import KEEPER, Lease
from shared.engine.rooms import Rooms
from shared.engine.step_log import StepLog
from shared.engine.times import Times
from shared.errors import (
    DefinitionUnknownError,
    EngineError,
    OutOfTimeError,
    RunCancelledError,
    YieldedError,
)
from shared.trace.journal import Journal
from shared.trace.recorder import StepRecorder

Found = AgentResult | EngineError


async def run_agent(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> tuple[Found, StepLog]:
    """What the agent put out, or what it raised; and how its agent run ended, for the settle to write down."""
    if attempt.agent_run_id is None:
        raise LookupError(f"step {attempt.key} was claimed without an agent run")
    times = Times.of(step, rooms.settings)
    journal = _journal(attempt, step, times, rooms)
    step_log = StepLog(attempt.agent_run_id, journal)
    ctx = AgentContext(
        run_id=attempt.run_id,
        workspace_id=attempt.workspace_id,
        brand_id=_uuid(step.brief_jsonb.get("brand_id")),
        trigger_type=TriggerType(step.trigger_type),
        trigger_event_id=step.trigger_event_id,
        input=given,
    )
    if times.is_over:
        return times.error(step.agent_name), step_log
    lease = Lease(attempt.workspace_id, attempt.step_id, attempt.number)
    work = _Stoppable()
    try:
        with work, KEEPER.holding(rooms, lease, work.stop):
            return await _in_time(step.agent_name, ctx, step_log, times), step_log
    except EngineError as failed:
        return _or_yielded(failed, journal), step_log


def _or_yielded(failed: EngineError, journal: Journal) -> EngineError:
    """A step that ran out of its request's time has not failed, if its journal got further."""
    is_over = isinstance(failed, OutOfTimeError) or getattr(failed, "reason", None) == OutOfTimeError.code
    if not is_over or not journal.gained:
        return failed
    return YieldedError(f"{journal.gained} calls further; goes on in a task of its own")


class _Stoppable:
    """A stretch of the current task that another thread can stop: what it awaits then is cancelled, an open
    connection to a model is closed, and the block raises `RunCancelledError`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._is_open = self._is_stopped = False

    def stop(self) -> None:
        """Called on any thread, any number of times."""
        with suppress(RuntimeError):  # the loop has ended, and with it the work
            self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if self._is_open and not self._is_stopped and self._task is not None:
            self._is_stopped = True
            self._task.cancel()

    def __enter__(self) -> None:
        self._is_open = True

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, trace: object) -> None:
        self._is_open = False
        if not self._is_stopped or self._task is None:
            return
        others = self._task.uncancel()
        if isinstance(wrong, asyncio.CancelledError) and not others:
            raise RunCancelledError("the run was cancelled") from wrong


def _journal(attempt: Attempt, step: Any, times: Times, rooms: Rooms) -> Journal:
    recorder = StepRecorder(
        rooms.store,
        attempt.workspace_id,
        attempt.run_id,
        attempt.step_id,
        attempt.number,
        lease_s=rooms.settings.step_lease_s,
    )
    earlier = step.earlier_steps or ()
    remembered = recorder.remembered(attempt.run_id, earlier) if attempt.number > 1 or earlier else {}
    yield_after_s = times.yield_after_s
    journal = Journal(
        recorder,
        remembered,
        deadline=attempt.started + times.limit_s,
        yield_at=None if yield_after_s is None else attempt.started + yield_after_s,
    )
    own = step.definition
    journal.model = own.get("model")
    journal.prompts = {name: PromptChange.model_validate(change) for name, change in own.get("prompts", {}).items()}
    journal.ask_from = CallName.parse(own["ask_from"]) if "ask_from" in own else None
    return journal


def agent_named(name: str) -> BaseAgent:
    """An instance of the registered agent (A072); synthesis is a sentinel, and registered nowhere (X05)."""
    if name == SYNTHESIS_NODE:
        from shared.agents.synthesis import SynthesisAgent  # as late as any agent

        return SynthesisAgent()
    if name not in AGENT_REGISTRY:
        raise DefinitionUnknownError(f"unknown agent: {name}")
    return AGENT_REGISTRY[name]()


async def _in_time(name: str, ctx: AgentContext, step_log: StepLog, times: Times) -> AgentResult:
    agent = agent_named(name)
    try:
        async with asyncio.timeout(times.limit_s):
            return await agent.run(ctx, step_log)
    except TimeoutError as late:
        raise times.error(name) from late


def _uuid(value: Any) -> UUID | None:
    return UUID(str(value)) if value else None

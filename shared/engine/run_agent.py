"""Runs the agent of one attempt at one step: its journal, its lease, its time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.agents.synthesis import SynthesisAgent
from shared.core.canonical import JsonObject
from shared.core.definitions import SYNTHESIS_NODE
from shared.core.status import TriggerType
from shared.engine.leases import KEEPER, Lease
from shared.engine.rooms import Rooms
from shared.engine.settle_step import Attempt
from shared.engine.step_log import StepLog
from shared.errors import AgentError, EngineError, RunCancelledError, TerminalError
from shared.trace.journal import Journal
from shared.trace.recorder import StepRecorder

Found = AgentResult | EngineError


async def run_agent(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> tuple[Found, StepLog]:
    """What the agent put out, or what it raised; and how its agent run ended, for the settle to write down."""
    step_log = StepLog(attempt.agent_run_id, _journal(attempt, step, rooms))
    ctx = AgentContext(
        run_id=attempt.run_id,
        workspace_id=attempt.workspace_id,
        brand_id=_uuid(step.brief_jsonb.get("brand_id")),
        trigger_type=TriggerType(step.trigger_type),
        trigger_event_id=step.trigger_event_id,
        input=given,
    )
    lease = Lease(attempt.workspace_id, attempt.step_id, attempt.number)
    work = _Stoppable()
    try:
        with work, KEEPER.holding(rooms, lease, work.stop):
            return await _in_time(step.agent_name, ctx, step_log, rooms.settings.step_timeout_s), step_log
    except EngineError as failed:
        return failed, step_log


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


def _journal(attempt: Attempt, step: Any, rooms: Rooms) -> Journal:
    recorder = StepRecorder(
        rooms.store,
        attempt.workspace_id,
        attempt.step_id,
        attempt.number,
        lease_s=rooms.settings.step_lease_s,
    )
    earlier = step.earlier_steps or ()
    remembered = recorder.remembered(attempt.run_id, earlier) if attempt.number > 1 or earlier else {}
    return Journal(recorder, remembered, deadline=attempt.started + rooms.settings.step_timeout_s)


def agent_named(name: str) -> BaseAgent:
    """An instance of the registered agent (A072); synthesis is a sentinel, and registered nowhere (X05)."""
    if name == SYNTHESIS_NODE:
        return SynthesisAgent()
    if name not in AGENT_REGISTRY:
        raise TerminalError(f"unknown agent: {name}")
    return AGENT_REGISTRY[name]()


async def _in_time(name: str, ctx: AgentContext, step_log: StepLog, timeout_s: float) -> AgentResult:
    agent = agent_named(name)
    try:
        async with asyncio.timeout(timeout_s):
            return await agent.run(ctx, step_log)
    except TimeoutError as late:
        raise AgentError(f"{name}: took longer than {timeout_s:g} s", cause=late, retryable=True) from late


def _uuid(value: Any) -> UUID | None:
    return UUID(str(value)) if value else None

"""Runs the agent of one attempt at one step: its journal, its lease, its time."""

from __future__ import annotations

import asyncio
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
from shared.errors import AgentError, EngineError, TerminalError
from shared.trace.journal import Journal
from shared.trace.recorder import StepRecorder

Found = AgentResult | EngineError


async def run_agent(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> tuple[Found, StepLog]:
    """What the agent put out, or what it raised; and how its agent run ended, for the settle to write down."""
    step_log = StepLog(attempt.agent_run_id, _journal(attempt, rooms))
    ctx = AgentContext(
        run_id=attempt.run_id,
        workspace_id=attempt.workspace_id,
        brand_id=_uuid(step.brief_jsonb.get("brand_id")),
        trigger_type=TriggerType(step.trigger_type),
        trigger_event_id=step.trigger_event_id,
        input=given,
    )
    lease = Lease(attempt.workspace_id, attempt.step_id, attempt.number)
    try:
        with KEEPER.holding(rooms, lease):
            return await _in_time(step.agent_name, ctx, step_log, rooms.settings.step_timeout_s), step_log
    except EngineError as failed:
        return failed, step_log


def _journal(attempt: Attempt, rooms: Rooms) -> Journal:
    recorder = StepRecorder(
        rooms.store,
        attempt.workspace_id,
        attempt.step_id,
        attempt.number,
        lease_s=rooms.settings.step_lease_s,
    )
    remembered = recorder.remembered(attempt.run_id) if attempt.number > 1 else {}
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

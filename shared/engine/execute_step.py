"""One wake-up of one step: load → resolve → claim → run the agent → settle → wake what became ready.

No transaction is open while the agent works. Whatever arrives twice, late or out of order finds the step not as it
expects it and changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.agents.synthesis import SynthesisAgent
from shared.core.canonical import JsonObject
from shared.core.definitions import SYNTHESIS_NODE
from shared.core.ids import new_id
from shared.core.inputs import resolve_inputs
from shared.core.status import StepStatus, TriggerType
from shared.engine.leases import KEEPER, Lease
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.settle_step import Attempt, fail_or_retry, succeed
from shared.engine.step_log import StepLog
from shared.errors import AgentError, EngineError, FenceLostError, TerminalError
from shared.store.documents import as_jsonb
from shared.trace.journal import Journal
from shared.trace.recorder import StepRecorder

log = logging.getLogger(__name__)


class StepOutcome(StrEnum):
    """What a wake-up came to. All of them are answered 200: none is a reason for the queue to deliver again."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRYING = "retrying"
    NOT_OURS = "not_ours"  # another attempt was faster, or took over
    NOT_DUE = "not_due"  # leased or held back; a task is due when that ends
    DONE_BEFORE = "done_before"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StepTask:
    workspace_id: UUID
    run_id: UUID
    step_id: UUID


def execute_step(task: StepTask, rooms: Rooms) -> StepOutcome:
    """Does one step, if it is there to be done. Raises `StoreBusyError` only if nothing could be recorded."""
    rows = rooms.store.move(task.workspace_id, "load_step", run_id=task.run_id, step_id=task.step_id)
    if not rows:
        log.warning("step.unknown: %s", task.step_id)
        return StepOutcome.UNKNOWN
    (step,) = rows
    if not step.can_claim:
        return _not_now(task, step, rooms)
    given, wrong = _resolved(step)
    attempt = _claimed(task, step, given, rooms)
    if attempt is None:
        return StepOutcome.NOT_OURS
    if wrong is not None:
        return StepOutcome(fail_or_retry(attempt, wrong, None, rooms))
    return _worked(attempt, step, given, rooms)


def _not_now(task: StepTask, step: Any, rooms: Rooms) -> StepOutcome:
    """Already final, or its run is: done. Held back or leased: a task is made for when that ends."""
    if StepStatus(step.status).is_final or step.run_status != "running" or step.due_at is None:
        return StepOutcome.DONE_BEFORE
    later = WakeUp(task.workspace_id, task.run_id, task.step_id, step.attempt, due=step.due_at, reason="due")
    wake_steps(rooms, [later])
    return StepOutcome.NOT_DUE


def _resolved(step: Any) -> tuple[JsonObject, EngineError | None]:
    """The step's input; or why there is none. That is a failure of the step, so it is claimed all the same."""
    sources = step.sources or []
    outputs = {source["key"]: source["output"] for source in sources if source["output"] is not None}
    own = step.definition
    try:
        given = resolve_inputs(
            step.key, own["input_map"], own["options"], step.brief_jsonb, outputs, [s["key"] for s in sources]
        )
    except TerminalError as wrong:
        return {}, wrong
    if step.agent_name == SYNTHESIS_NODE:
        given = {**given, **_for_synthesis(step, sources)}
    return given, None


def _for_synthesis(step: Any, sources: list[JsonObject]) -> JsonObject:
    return {
        "workflow": step.workflow,
        "brief": step.brief_jsonb,
        "upstream": {
            source["key"]: {name: source[name] for name in ("agent_name", "label", "status", "output")}
            for source in sources
        },
    }


def _claimed(task: StepTask, step: Any, given: JsonObject, rooms: Rooms) -> Attempt | None:
    agent_run_id = new_id()
    rows = rooms.store.move_step(
        task.workspace_id,
        "claim_step",
        run_id=step.run_id,
        step_id=step.id,
        seen_attempt=step.attempt,
        lease_s=rooms.settings.step_lease_s,
        agent_run_id=agent_run_id,
        brand_id=step.brief_jsonb.get("brand_id"),
        trigger_type=step.trigger_type,
        trigger_event_id=step.trigger_event_id,
        input_jsonb=as_jsonb(given),
    )
    if not rows:
        return None
    return Attempt(
        workspace_id=task.workspace_id,
        run_id=step.run_id,
        step_id=step.id,
        key=step.key,
        number=rows[0].attempt,
        failures=step.failures,
        agent_run_id=agent_run_id,
        started=time.monotonic(),
    )


def _worked(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> StepOutcome:
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
            result = _run_agent(step.agent_name, ctx, step_log, rooms.settings.step_timeout_s)
    except FenceLostError:
        log.warning("step.fence_lost: %s attempt %d was taken over", attempt.key, attempt.number)
        return StepOutcome.NOT_OURS
    except EngineError as failed:
        return StepOutcome(fail_or_retry(attempt, failed, step_log.end, rooms))
    report = result.output.get("report_md") if step.agent_name == SYNTHESIS_NODE else None
    return StepOutcome(succeed(attempt, result, step_log.end, report, rooms))


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


_local = threading.local()


def _run_agent(name: str, ctx: AgentContext, step_log: StepLog, timeout_s: float) -> AgentResult:
    """Runs the agent on this thread's own event loop: clients that are bound to a loop live as long as the thread."""
    agent = agent_named(name)
    if not hasattr(_local, "runner"):
        _local.runner = asyncio.Runner()
    runner: asyncio.Runner = _local.runner
    return runner.run(_in_time(agent, ctx, step_log, timeout_s))


async def _in_time(agent: BaseAgent, ctx: AgentContext, step_log: StepLog, timeout_s: float) -> AgentResult:
    try:
        async with asyncio.timeout(timeout_s):
            return await agent.run(ctx, step_log)
    except TimeoutError as late:
        raise AgentError(f"{agent.name}: took longer than {timeout_s:g} s", cause=late, retryable=True) from late


def _uuid(value: Any) -> UUID | None:
    return UUID(str(value)) if value else None

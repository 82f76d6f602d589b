"""One wake-up of one step: load → resolve → claim → run the agent → settle → wake what became ready.

The first successor that a settle makes ready goes on in the same request, while there is time for a whole step: it
costs no task. Should this process die meanwhile, the sweep finds it like any step whose wake-up was lost.

No transaction is open while the agent works. Whatever arrives twice, late or out of order finds the step not as it
expects it and changes nothing.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.definitions import SYNTHESIS_NODE
from shared.core.ids import new_id
from shared.core.inputs import resolve_inputs
from shared.core.status import StepStatus
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.run_agent import run_agent
from shared.engine.settle_step import Attempt, fail_or_retry, succeed
from shared.errors import EngineError, FenceLostError, TerminalError
from shared.store.documents import as_jsonb

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


@dataclass(frozen=True, slots=True)
class _Done:
    """How one step ended, and the step that goes on in the same request, loaded; None: none does."""

    outcome: StepOutcome
    following: Any = None


def execute_step(task: StepTask, rooms: Rooms) -> StepOutcome:
    """Does one step, if it is there to be done, and goes on with a step that this one made ready.

    Returns how the step that was asked for ended. Raises `StoreBusyError` only if nothing could be recorded.
    """
    began = time.monotonic()
    rows = rooms.store.move(task.workspace_id, "load_step", run_id=task.run_id, step_id=task.step_id)
    if not rows:
        log.warning("step.unknown: %s", task.step_id)
        return StepOutcome.UNKNOWN
    (step,) = rows
    if not step.can_claim:
        return _not_now(task, step, rooms)
    done = first = _one_step(task, step, rooms, began)
    while done.following is not None:
        task = StepTask(task.workspace_id, task.run_id, done.following.id)
        done = _one_step(task, done.following, rooms, began)
    return first.outcome


def _one_step(task: StepTask, step: Any, rooms: Rooms, began: float) -> _Done:
    given, wrong = _resolved(step)
    attempt = _claimed(task, step, given, rooms)
    if attempt is None:
        return _Done(StepOutcome.NOT_OURS)
    if wrong is not None:
        return _Done(StepOutcome(fail_or_retry(attempt, wrong, None, rooms)))
    found, step_log = run_agent(attempt, step, given, rooms)
    if isinstance(found, FenceLostError):
        log.warning("step.fence_lost: %s attempt %d was taken over", attempt.key, attempt.number)
        return _Done(StepOutcome.NOT_OURS)
    if isinstance(found, EngineError):
        return _Done(StepOutcome(fail_or_retry(attempt, found, step_log.end, rooms)))
    report = found.output.get("report_md") if step.agent_name == SYNTHESIS_NODE else None
    follow = _first_to_follow(step, rooms, began)
    settled = succeed(attempt, found, step_log.end, report, follow, rooms)
    return _Done(StepOutcome(settled.ended), settled.following)


def _first_to_follow(step: Any, rooms: Rooms, began: float) -> UUID | None:
    """The successor to go on with, should the settle make it ready. None: there is none, or no time for it."""
    if not step.successors or time.monotonic() - began > rooms.settings.continue_within_s:
        return None
    first: UUID = step.successors[0]
    return first


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

"""One wake-up of one step: is it there to be done? Then it is worked, and what it made ready goes on in place.

Whatever arrives twice, late or out of order finds the step not as it expects it and changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from shared.core.status import StepStatus
from shared.engine.attempt import left_behind
from shared.engine.control import ENGINE, NOBODY_WAITS, Ask, end_run
from shared.engine.gates import see_to_gate
from shared.engine.load_steps import load_move
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.settle_step import cancel_attempt, close_left_over
from shared.engine.waiting import end_wait
from shared.engine.work_steps import StepOutcome, Work

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StepTask:
    workspace_id: UUID
    run_id: UUID
    step_id: UUID


def execute_step(task: StepTask, rooms: Rooms) -> StepOutcome:
    """Does one step, if it is there to be done, and goes on with steps that this one made ready.

    Returns how the step that was asked for ended. Raises `StoreBusyError` only if something could not be recorded.
    """
    began = time.monotonic()
    (rows,) = rooms.store.move_all(task.workspace_id, [load_move(task.run_id, [task.step_id])])
    if not rows:
        log.warning("step.unknown: %s", task.step_id)
        return StepOutcome.UNKNOWN
    (step,) = rows
    if not step.can_claim:
        return _not_now(task, step, rooms)
    work = Work(task.workspace_id, task.run_id, rooms, began)
    outcomes = on_this_thread(work.steps(step))
    return outcomes[step.id]


Result = TypeVar("Result")
_local = threading.local()


def on_this_thread(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs on this thread's own event loop: clients that are bound to a loop live as long as the thread."""
    if not hasattr(_local, "runner"):
        _local.runner = asyncio.Runner()
    runner: asyncio.Runner = _local.runner
    return runner.run(work)


def end_loop() -> None:
    """Closes this thread's event loop and the connections bound to it: for a thread that ends before its process."""
    if hasattr(_local, "runner"):
        _local.runner.close()
        del _local.runner


def _is_cancelled(task: StepTask, step: Any, rooms: Rooms) -> bool:
    """Ends a step of a cancelled run whose executor was lost. False while that executor still holds its lease."""
    return cancel_attempt(left_behind(task.workspace_id, step), rooms, is_lost=True) == "cancelled"


def _not_now(task: StepTask, step: Any, rooms: Rooms) -> StepOutcome:
    """Already final, or its run is: done. Held back or leased: a task is made for when that ends."""
    if step.is_orphan:
        end_run(Ask(task.workspace_id, task.run_id, ENGINE, NOBODY_WAITS), rooms)
        return StepOutcome.CANCELLED
    if step.is_left_over:
        return StepOutcome(close_left_over(task.workspace_id, step, rooms))
    if step.is_to_cancel and _is_cancelled(task, step, rooms):
        return StepOutcome.CANCELLED
    if step.is_paused and rooms.store.move_step(
        task.workspace_id, "park_step", run_id=task.run_id, step_id=task.step_id
    ):
        return StepOutcome.PAUSED
    if step.is_wait_over and end_wait(task.workspace_id, step, rooms):
        return execute_step(task, rooms)
    return _later(task, step, rooms)


def _later(task: StepTask, step: Any, rooms: Rooms) -> StepOutcome:
    if step.run_status == "running" and step.status == StepStatus.PENDING_APPROVAL:
        return StepOutcome(see_to_gate(task.workspace_id, step, rooms))
    if StepStatus(step.status).is_final or step.run_status != "running" or step.due_at is None:
        return StepOutcome.DONE_BEFORE
    later = WakeUp(task.workspace_id, task.run_id, task.step_id, step.attempt, due=step.due_at, reason="due")
    wake_steps(rooms, [later])
    return StepOutcome.NOT_DUE

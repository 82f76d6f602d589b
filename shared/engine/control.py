"""Holds a run, lets it go on, or ends it: what a person may do to a run that is not over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.status import RunStatus
from shared.engine.admission import admit_move, let_in
from shared.engine.attempt import Attempt
from shared.engine.parents import parent_moves, wake_parent
from shared.engine.read_run import no_run, shown
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.settle_step import cancel_attempt
from shared.errors import ConflictError
from shared.store.session import Step

ENGINE = "the engine"
NOBODY_WAITS = "the step that waited for it has ended"


@dataclass(frozen=True, slots=True)
class Ask:
    """Who wants it, for which run, and why."""

    workspace_id: UUID
    run_id: UUID
    subject: str
    reason: str | None = None


def cancel_run(ask: Ask, rooms: Rooms) -> JsonObject:
    """Ends a run: what has not begun at once, what is at work within about two seconds. Twice is harmless.

    Raises `NotFoundError`, and `ConflictError` if the run has ended otherwise.
    """
    end_run(ask, rooms)
    return _told(ask, rooms, also_ended=RunStatus.CANCELLED)


def end_run(ask: Ask, rooms: Rooms) -> None:
    """Cancels a run and the runs inside of it. One that has ended is left as it is."""
    told = f"cancelled by {ask.subject}" + (f": {ask.reason}" if ask.reason else "")
    values = {"run_id": ask.run_id, "cancelled_by": ask.subject, "reason": ask.reason, "told": told}
    moves: list[Step] = [
        ("lock_run", {"run_id": ask.run_id}),
        ("cancel_run", values),
        ("close_gates", {"run_id": ask.run_id}),
        *parent_moves(ask.run_id, rooms),
    ]
    _, rows, *_, woken = rooms.store.move_all(ask.workspace_id, moves)
    wake_parent(ask.workspace_id, woken, rooms)
    for step in (rows[0].at_work if rows else None) or ():
        if step["is_lost"]:
            cancel_attempt(_lost_attempt(ask, step), rooms, is_lost=True)
    end_orphans(ask.workspace_id, ask.run_id, rooms)


def end_orphans(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> None:
    """Cancels the runs inside of this one that nobody waits for any more. If this is lost, each of them finds out for
    itself before its next step."""
    for run in rooms.store.move(workspace_id, "orphaned_runs", run_id=run_id):
        end_run(Ask(workspace_id, run.id, ENGINE, NOBODY_WAITS), rooms)


def _lost_attempt(ask: Ask, step: JsonObject) -> Attempt:
    return Attempt(
        workspace_id=ask.workspace_id,
        run_id=ask.run_id,
        step_id=UUID(step["step_id"]),
        key=step["key"],
        number=step["attempt"],
        failures=step["failures"],
        agent_run_id=None if step["agent_run_id"] is None else UUID(step["agent_run_id"]),
        is_inside=True,
        started=time.monotonic(),
    )


def pause_run(ask: Ask, rooms: Rooms) -> JsonObject:
    """Holds a run: what is at work goes on to its end, nothing further begins. Twice is harmless.

    Raises `NotFoundError`, and `ConflictError` if the run has ended or is being cancelled.
    """
    rooms.store.move_step(ask.workspace_id, "pause_run", run_id=ask.run_id, paused_by=ask.subject, reason=ask.reason)
    told = _told(ask, rooms)
    if told["paused_at"] is None:
        raise ConflictError(f"run {ask.run_id} is being cancelled")
    return told


def resume_run(ask: Ask, rooms: Rooms) -> JsonObject:
    """Lets a paused run go on and wakes its steps. One that is not paused is left as it is.

    Raises `NotFoundError`, and `ConflictError` if the run has ended, or its workflow or workspace is paused.
    """
    values = {"run_id": ask.run_id, "resumed_by": ask.subject, "grace_s": rooms.settings.sweep_grace_s}
    moves: list[Step] = [("lock_run", {"run_id": ask.run_id}), ("resume_run", values), admit_move(rooms)]
    _, later, admitted = rooms.store.move_all(ask.workspace_id, moves)
    wake_steps(rooms, [*resumed(ask.workspace_id, later), *let_in(ask.workspace_id, admitted)])
    told = _told(ask, rooms)
    if told["paused_at"] is not None:
        what = "the workspace" if told["paused_scope"] == "workspace" else f"workflow {told['workflow_slug']}"
        raise ConflictError(f"run {ask.run_id} is held because {what} is paused; resume that")
    return told


def resumed(workspace_id: UUID, steps: list[Any]) -> list[WakeUp]:
    """The wake-ups of steps that may go on later. Named by the run's version: each resume has its own names."""
    return [
        WakeUp(workspace_id, step.run_id, step.step_id, step.version, due=step.not_before, reason="resume")
        for step in steps
    ]


def _told(ask: Ask, rooms: Rooms, *, also_ended: RunStatus | None = None) -> JsonObject:
    """Where the run stands now. Raises for one that is not there, or that ended before this could be done to it."""
    rows = rooms.store.move(ask.workspace_id, "control_of_run", run_id=ask.run_id)
    if not rows:
        raise no_run(ask.run_id)
    (run,) = rows
    if RunStatus(run.status).is_final and run.status != also_ended:
        why = f": {run.error_message}" if run.error_message else ""
        raise ConflictError(f"run {ask.run_id} has ended: {run.status} at {shown(run.completed_at)}{why}")
    names = ("status", "version", "steps_open", "workflow_slug", "cancel_requested_at", "cancelled_by", "cancel_reason")
    paused = ("paused_at", "paused_scope", "paused_by", "pause_reason", "completed_at")
    return {"workflow_run_id": str(ask.run_id)} | {name: shown(getattr(run, name)) for name in (*names, *paused)}

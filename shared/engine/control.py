"""Holds a run, lets it go on, or ends it: what a person may do to a run that is not over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.status import RunStatus
from shared.engine.attempt import Attempt
from shared.engine.lift_pause import Lifted, lift_pause
from shared.engine.parents import orphan_moves, parent_moves, wake_parent
from shared.engine.read_run import no_run, shown
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
        *orphan_moves(ask.run_id, rooms),
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
    itself: a step of it was woken for that (`wake_orphans`)."""
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
    """Holds a run and those inside of it: what is at work goes on to its end, nothing further begins. Twice is
    harmless; a run that is held with something wider is held by itself too.

    Raises `NotFoundError`, and `ConflictError` if the run has ended or is being cancelled.
    """
    values = {"run_id": ask.run_id, "paused_by": ask.subject, "reason": ask.reason}
    rooms.store.move_all(ask.workspace_id, [("lock_runs_within", {"run_id": ask.run_id}), ("pause_run", values)])
    told = _told(ask, rooms)
    if told["paused_at"] is None:
        raise ConflictError(f"run {ask.run_id} is being cancelled")
    return told


def resume_run(ask: Ask, rooms: Rooms) -> JsonObject:
    """Lets a paused run go on, with those inside of it, and wakes their steps. One that is not paused is left as it is.

    Raises `NotFoundError`, and `ConflictError` if the run has ended, or its workflow, its workspace or the run that it
    is inside of is paused.
    """
    locks: list[Step] = [
        ("lock_starts", {"workspace_id": ask.workspace_id}),
        ("lock_runs_within", {"run_id": ask.run_id}),
    ]
    lift_pause(ask.workspace_id, Lifted(run_id=ask.run_id), ask.subject, locks, rooms)
    told = _told(ask, rooms)
    if told["paused_at"] is not None:
        what = {"workspace": "the workspace", "outer_run": f"run {told['parent_run_id']} that it is inside of"}
        held_by = what.get(told["paused_scope"], f"workflow {told['workflow_slug']}")
        raise ConflictError(f"run {ask.run_id} is held because {held_by} is paused; resume that")
    return told


def _told(ask: Ask, rooms: Rooms, *, also_ended: RunStatus | None = None) -> JsonObject:
    """Where the run stands now. Raises for one that is not there, or that ended before this could be done to it."""
    rows = rooms.store.move(ask.workspace_id, "control_of_run", run_id=ask.run_id)
    if not rows:
        raise no_run(ask.run_id)
    (run,) = rows
    if RunStatus(run.status).is_final and run.status != also_ended:
        why = f": {run.error_message}" if run.error_message else ""
        raise ConflictError(f"run {ask.run_id} has ended: {run.status} at {shown(run.completed_at)}{why}")
    names = ("status", "version", "steps_open", "workflow_slug", "parent_run_id")
    cancelled = ("cancel_requested_at", "cancelled_by", "cancel_reason")
    paused = ("paused_at", "paused_scope", "paused_by", "pause_reason", "completed_at")
    return {"workflow_run_id": str(ask.run_id)} | {
        name: shown(getattr(run, name)) for name in (*names, *cancelled, *paused)
    }

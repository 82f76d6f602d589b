"""Pauses a workflow, or a whole workspace: the runs there are, and those yet to start."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.engine.admission import admit_move, let_in
from shared.engine.read_run import shown_row
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms


def pause_scope(workspace_id: UUID, slug: str | None, subject: str, reason: str | None, rooms: Rooms) -> JsonObject:
    """Holds every run of the workflow `slug`; with None, of the workspace. Twice is harmless: the first one stays."""
    values = {**_scope(slug), "workspace_id": workspace_id, "paused_by": subject, "reason": reason}
    lock = ("lock_pauses", {"workspace_id": workspace_id})
    _, (told,) = rooms.store.move_all(workspace_id, [lock, ("pause_scope", values)])
    return {**_scope(slug), "is_new": told.is_new, "runs_paused": told.runs}


def resume_scope(workspace_id: UUID, slug: str | None, subject: str, rooms: Rooms) -> JsonObject:
    """Lets the runs go on that this pause held, and wakes their steps. What was paused by itself stays paused."""
    values = {**_scope(slug), "resumed_by": subject, "grace_s": rooms.settings.sweep_grace_s}
    lock = ("lock_pauses", {"workspace_id": workspace_id})
    _, (told,), admitted = rooms.store.move_all(workspace_id, [lock, ("resume_scope", values), admit_move(rooms)])
    later = [_wake_up(workspace_id, *step) for step in told.steps or ()]
    wake_steps(rooms, [*later, *let_in(workspace_id, admitted)])
    return {**_scope(slug), "runs_resumed": told.runs}


def read_pauses(workspace_id: UUID, rooms: Rooms) -> list[JsonObject]:
    """What is paused in this workspace beyond single runs."""
    return [shown_row(row) for row in rooms.store.move(workspace_id, "pauses")]


def _scope(slug: str | None) -> JsonObject:
    return {"scope": "workspace" if slug is None else "workflow", "workflow_slug": slug or ""}


def _wake_up(workspace_id: UUID, run_id: str, step_id: str, version: int, not_before: str | None) -> WakeUp:
    due = None if not_before is None else datetime.fromisoformat(not_before)
    return WakeUp(workspace_id, UUID(run_id), UUID(step_id), version, due=due, reason="resume")

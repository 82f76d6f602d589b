"""Pauses a workflow, or a whole workspace: the runs there are, and those yet to start."""

from __future__ import annotations

from uuid import UUID

from shared.core.canonical import JsonObject
from shared.engine.lift_pause import Lifted, lift_pause
from shared.engine.read_run import shown_row
from shared.engine.rooms import Rooms
from shared.store.session import Step


def pause_scope(workspace_id: UUID, slug: str | None, subject: str, reason: str | None, rooms: Rooms) -> JsonObject:
    """Holds every run of the workflow `slug`; with None, of the workspace. Twice is harmless: the first one stays."""
    values = {**_scope(slug), "workspace_id": workspace_id, "paused_by": subject, "reason": reason}
    (told,) = rooms.store.move_all(workspace_id, [*_locks(workspace_id), ("pause_scope", values)])[-1]
    return {**_scope(slug), "is_new": told.is_new, "runs_paused": told.runs}


def resume_scope(workspace_id: UUID, slug: str | None, subject: str, rooms: Rooms) -> JsonObject:
    """Lets the runs go on that this pause held, and wakes their steps. What was paused by itself stays paused."""
    lifted = Lifted(scope="workspace" if slug is None else "workflow", workflow_slug=slug or "")
    runs = lift_pause(workspace_id, lifted, subject, _locks(workspace_id), rooms)
    return {**_scope(slug), "runs_resumed": runs}


def _locks(workspace_id: UUID) -> list[Step]:
    return [("lock_pauses", {"workspace_id": workspace_id}), ("lock_running", {})]


def read_pauses(workspace_id: UUID, rooms: Rooms) -> list[JsonObject]:
    """What is paused in this workspace beyond single runs."""
    return [shown_row(row) for row in rooms.store.move(workspace_id, "pauses")]


def _scope(slug: str | None) -> JsonObject:
    return {"scope": "workspace" if slug is None else "workflow", "workflow_slug": slug or ""}

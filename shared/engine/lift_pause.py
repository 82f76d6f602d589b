"""Lifts one pause and lets go what it held, unless something else holds it still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.engine.admission import admit_move, let_in
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.store.session import Step


@dataclass(frozen=True, slots=True)
class Lifted:
    """Whose pause: a run's, or a scope's (`workflow_slug` is empty for the workspace)."""

    run_id: UUID | None = None
    scope: Literal["workflow", "workspace"] | None = None
    workflow_slug: str = ""


def lift_pause(workspace_id: UUID, lifted: Lifted, by: str, locks: Sequence[Step], rooms: Rooms) -> int:
    """Sends the locks first. Wakes the steps that may go on, and returns how many runs do."""
    values = {
        "run_id": lifted.run_id,
        "scope": lifted.scope,
        "workflow_slug": lifted.workflow_slug,
        "resumed_by": by,
        "grace_s": rooms.settings.sweep_grace_s,
    }
    *_, (told,), admitted = rooms.store.move_all(workspace_id, [*locks, ("resume_runs", values), admit_move(rooms)])
    later = [_wake_up(workspace_id, *step) for step in told.steps or ()]
    wake_steps(rooms, [*later, *let_in(workspace_id, admitted)])
    return int(told.runs)


def _wake_up(workspace_id: UUID, run_id: str, step_id: str, version: int, not_before: str | None) -> WakeUp:
    """Named by the run's version: each resume has names of its own."""
    due = None if not_before is None else datetime.fromisoformat(not_before)
    return WakeUp(workspace_id, UUID(run_id), UUID(step_id), version, due=due, reason="resume")

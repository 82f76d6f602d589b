"""Runs inside of runs: what ends the inner one wakes the step that waits for it, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.store.session import Step


def parent_moves(run_id: UUID, rooms: Rooms) -> list[Step]:
    """Sent behind what may end the run: does nothing while it goes on, or if it is inside of none."""
    return [
        ("lock_parent", {"run_id": run_id}),
        ("wake_parent", {"run_id": run_id, "grace_s": rooms.settings.sweep_grace_s}),
    ]


def orphan_moves(run_id: UUID, rooms: Rooms) -> list[Step]:
    """Sent behind what ends a step: the runs that it had waited for are not forgotten, whoever dies now."""
    return [("wake_orphans", {"run_id": run_id, "grace_s": rooms.settings.sweep_grace_s})]


def wake_parent(workspace_id: UUID, woken: Sequence[Any], rooms: Rooms) -> None:
    """After the commit: makes the task of the step that the move has woken."""
    wake_steps(rooms, [WakeUp(workspace_id, row.run_id, row.id, row.attempt, reason="sub_run") for row in woken])

"""The sweep: once a minute, it finds the steps whose wake-up was lost or whose executor died, and wakes them again."""

from __future__ import annotations

from dataclasses import dataclass

from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms

STEPS_A_TICK = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did. `is_full` says that there may be more: the next tick goes on."""

    woken: int
    is_full: bool


def sweep(rooms: Rooms) -> Swept:
    """Wakes overdue steps of every workspace, a bounded number. Doing it twice, or at once, does no harm."""
    rows = rooms.store.move_unscoped("steps_to_wake", limit=STEPS_A_TICK, grace_s=rooms.settings.sweep_grace_s)
    wake_ups = [
        WakeUp(
            workspace_id=row.workspace_id,
            run_id=row.workflow_run_id,
            step_id=row.step_id,
            count=row.generation,
            reason="sweep",
        )
        for row in rows
        if row.is_woken
    ]
    return Swept(woken=wake_steps(rooms, wake_ups), is_full=len(rows) == STEPS_A_TICK)

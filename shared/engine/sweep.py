"""The sweep: once a minute, it finds the steps and effects whose wake-up was lost, whose executor died or whose time
has come, and wakes them. Where the audit or the mirror is on, it finds what nobody has told them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.engine.relay import EffectWakeUp, WakeUp, wake_effects, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.tell import tell_late

A_TICK = 500
SLACK_S = 60.0  # how long a transaction may have been open, before its events were there to be seen


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did. `is_full` says that there may be more: the next tick goes on."""

    woken: int
    is_full: bool
    told: int = 0


def sweep(rooms: Rooms) -> Swept:
    """Wakes overdue steps and effects of every workspace, a bounded number. Twice, or twice at once, does no harm."""
    most, grace_s = rooms.settings.workspace_steps, rooms.settings.sweep_grace_s
    rows = rooms.store.move_unscoped("due_to_wake", limit=A_TICK, most=most, grace_s=grace_s)
    steps = [row for row in rows if row.subject != "effect"]
    effects = [row for row in rows if row.subject == "effect"]
    woken = wake_steps(rooms, [_step(row) for row in steps if row.is_woken])
    woken += wake_effects(rooms, [_effect(row) for row in effects])
    told = _tell(rooms)
    return Swept(woken=woken, is_full=max(len(steps), len(effects), told) >= A_TICK, told=told)


def _tell(rooms: Rooms) -> int:
    """Has told what was written a while ago and is not told yet; how many runs that is."""
    if not (rooms.audit or rooms.mirror):
        return 0
    rows = rooms.store.move_unscoped(
        "due_to_tell",
        limit=A_TICK,
        grace_s=rooms.settings.sweep_grace_s,
        slack_s=SLACK_S,
        audits=rooms.audit is not None,
        mirrors=rooms.mirror is not None,
    )
    tell_late(rooms.queue, [(row.workspace_id, row.subject_id, row.generation) for row in rows])
    return len(rows)


def _step(row: Any) -> WakeUp:
    reason = "admitted" if row.subject == "admitted" else "sweep"
    return WakeUp(row.workspace_id, row.run_id, row.id, row.generation, reason=reason)


def _effect(row: Any) -> EffectWakeUp:
    return EffectWakeUp(row.workspace_id, row.run_id, row.id, row.generation, reason="sweep")

"""The workspace's switch: while it is on, nothing is done to the world, whatever was approved."""

from __future__ import annotations

from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.events import EventKind
from shared.engine.members import Member, demand_admin
from shared.engine.read_run import shown_row
from shared.engine.relay import EffectWakeUp, wake_effects
from shared.engine.rooms import Rooms


def hold_effects(member: Member, reason: str | None, rooms: Rooms) -> JsonObject:
    """Holds everything back that is not being done already. Twice is harmless: the first one stays.

    Raises `ForbiddenError` for who is no admin and no owner, as `lift_hold` does.
    """
    demand_admin(member, EventKind.EFFECTS_HOLD_REFUSED, "hold effects back", rooms)
    workspace_id = member.workspace_id
    values = {"workspace_id": workspace_id, "paused_by": member.name, "reason": reason}
    lock = ("lock_pauses", {"workspace_id": workspace_id})
    _, held = rooms.store.move_all(workspace_id, [lock, ("hold_effects", values)])
    return {"hold": read_hold(workspace_id, rooms), "is_new": bool(held)}


def lift_hold(member: Member, rooms: Rooms) -> JsonObject:
    """Lets effects be done again, and wakes those that were released meanwhile. Twice is harmless."""
    demand_admin(member, EventKind.EFFECTS_HOLD_REFUSED, "lift the hold on effects", rooms)
    workspace_id = member.workspace_id
    values = {"workspace_id": workspace_id, "by": member.name, "grace_s": rooms.settings.sweep_grace_s}
    lock = ("lock_pauses", {"workspace_id": workspace_id})
    _, (told,) = rooms.store.move_all(workspace_id, [lock, ("lift_hold", values)])
    woken = [
        EffectWakeUp(workspace_id, UUID(run_id), UUID(effect_id), count, reason="lifted")
        for run_id, effect_id, count in told.woken or ()
    ]
    wake_effects(rooms, woken)
    return {"hold": None, "is_lifted": told.is_lifted, "effects_woken": len(woken)}


def read_hold(workspace_id: UUID, rooms: Rooms) -> JsonObject | None:
    """Who holds everything back, since when and why; None: nobody."""
    rows = rooms.store.move(workspace_id, "hold_of_effects")
    if not rows:
        return None
    shown = shown_row(rows[0])
    return {"by": shown["paused_by"], "reason": shown["reason"], "since": shown["paused_at"]}

"""A person says what became of an effect that nobody could tell about: it happened, it did not, or try it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.gates import may_decide
from shared.core.status import EffectStatus
from shared.effects.spend_cap import release_moves
from shared.engine.do_effect import wake_gates
from shared.engine.relay import EffectWakeUp, wake_effects
from shared.engine.rooms import Rooms
from shared.errors import ConflictError, ForbiddenError, NotFoundError
from shared.store.documents import as_jsonb, clean_text
from shared.store.session import Step

As = Literal["done", "refused", "again"]
STATUS: dict[As, EffectStatus] = {
    "done": EffectStatus.DONE,
    "refused": EffectStatus.REFUSED,
    "again": EffectStatus.RELEASED,
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person found out, and how (`note`). `reference`: the vendor's own id of what was made, if it happened."""

    workspace_id: UUID
    effect_id: UUID
    by: str
    became: As
    note: str
    reference: str | None = None
    roles: tuple[str, ...] = ()


def resolve_effect(found: Resolution, rooms: Rooms) -> JsonObject:
    """Writes it down, and lets the gate go on that waits for it. Tried again, the vendor is looked at first.

    Raises `NotFoundError`, `ForbiddenError` for who could not have released it, and `ConflictError` for an effect that
    is not unknown, or that is to be tried again though its run has ended: then nothing happened.
    """
    effect = _effect(found, rooms)
    _check_person(effect, found, rooms)
    _check(effect, found)
    grace_s = rooms.settings.sweep_grace_s
    moves: list[Step] = [
        ("lock_run", {"run_id": effect.run_id}),
        ("resolve_effect", {**_values(found, effect), "grace_s": grace_s}),
        ("go_on_from_gate", {"effect_id": found.effect_id, "grace_s": grace_s}),
    ]
    if found.became == "refused":
        moves += release_moves(found.workspace_id, effect.idempotency_key, found.effect_id)
    _, resolved, gone_on, *_ = rooms.store.move_all(found.workspace_id, moves)
    if not resolved:
        _check(_effect(found, rooms), found)
        raise ConflictError(f"effect {found.effect_id} could not be resolved: look at it again")
    if found.became == "again":
        (row,) = resolved
        again = EffectWakeUp(found.workspace_id, effect.run_id, found.effect_id, row.attempt, reason="resolved")
        wake_effects(rooms, [again])
    wake_gates(found.workspace_id, effect.run_id, gone_on, rooms)
    return {"effect_id": str(found.effect_id), "run_id": str(effect.run_id), "status": resolved[0].status}


def _effect(found: Resolution, rooms: Rooms) -> Any:
    rows = rooms.store.move(found.workspace_id, "effect_to_resolve", effect_id=found.effect_id)
    if not rows:
        raise NotFoundError(f"there is no effect {found.effect_id} in this workspace", field="effect_id")
    return rows[0]


def _check_person(effect: Any, found: Resolution, rooms: Rooms) -> None:
    """Who may decide at the gate that released it may say what became of it. A refusal is told with the run."""
    if may_decide(effect.role, found.roles):
        return
    refused = ForbiddenError(f"only the role {effect.role} may resolve this: that of the gate which released it")
    told = {"run_id": effect.run_id, "effect_id": found.effect_id, "by": found.by, "asked": found.became}
    rooms.store.move(found.workspace_id, "tell_refused_resolution", **told, reason=refused.message)
    raise refused


def _check(effect: Any, found: Resolution) -> None:
    if effect.status != EffectStatus.UNKNOWN:
        raise ConflictError(f"this effect is {effect.status}: only what nobody can tell about (unknown) is resolved")
    if found.became == "again" and (effect.run_status != "running" or effect.is_cancelled):
        raise ConflictError(f"run {effect.run_id} has ended or is being cancelled: nothing of it is tried again")


def _values(found: Resolution, effect: Any) -> dict[str, Any]:
    note = clean_text(found.note)
    receipt: JsonObject | None = None
    if found.became == "done":
        receipt = {
            "vendor": "resolved",
            "reference": found.reference,
            "url": None,
            "details": {"by": found.by, "note": note},
        }
    return {
        "run_id": effect.run_id,
        "effect_id": found.effect_id,
        "status": STATUS[found.became],
        "receipt": as_jsonb(receipt),
        "by": found.by,
        "note": note,
    }

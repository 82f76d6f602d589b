"""A person says what became of an effect that nobody could tell about: it happened, it did not, or try it again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.gates import may_decide
from shared.core.status import EffectStatus
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.resolved import told_receipt
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
    """What a person found out, and how (`note`). If it happened: `reference` is the vendor's own id of what was made,
    `receipt` what else there is to say of it (`shared/effects/resolved.py` lists the fields of each kind)."""

    workspace_id: UUID
    effect_id: UUID
    by: str
    became: As
    note: str
    reference: str | None = None
    receipt: JsonObject = field(default_factory=dict)
    roles: tuple[str, ...] = ()


def resolve_effect(found: Resolution, rooms: Rooms) -> JsonObject:
    """Writes it down, and lets the gate go on that waits for it. Tried again, the vendor is looked at first.

    What was done leaves the rows and the event that the engine's own receipt would have left.

    Raises `NotFoundError`, `ForbiddenError` for who could not have released it, `ConflictError` for an effect that is
    not unknown, or that is to be tried again though its run has ended, and `InvalidInputError` for a wrong reference
    or receipt: then nothing happened.
    """
    effect = _effect(found, rooms)
    _check_person(effect, found, rooms)
    _check(effect, found)
    receipt = _receipt(found, effect) if found.became == "done" else None
    resolved, gone_on = _written(found, effect, receipt, rooms)
    if resolved is None:
        _check(_effect(found, rooms), found)
        raise ConflictError(f"effect {found.effect_id} could not be resolved: look at it again")
    if found.became == "again":
        again = EffectWakeUp(found.workspace_id, effect.run_id, found.effect_id, resolved.attempt, reason="resolved")
        wake_effects(rooms, [again])
    wake_gates(found.workspace_id, effect.run_id, gone_on, rooms)
    return {"effect_id": str(found.effect_id), "run_id": str(effect.run_id), "status": resolved.status}


def _written(found: Resolution, effect: Any, receipt: Receipt | None, rooms: Rooms) -> tuple[Any | None, list[Any]]:
    """The effect as it stands now, and the gate that goes on. None: somebody else was first, and nothing is written."""
    grace_s = rooms.settings.sweep_grace_s
    named = {"workspace_id": found.workspace_id, "run_id": effect.run_id, "effect_id": found.effect_id}
    with rooms.store.session(found.workspace_id) as session:
        lock: Step = ("lock_run", {"run_id": effect.run_id})
        move: Step = ("resolve_effect", {**_values(found, effect, receipt), "grace_s": grace_s})
        resolved = session.fetch_all([lock, move])[1]
        if not resolved:
            return None, []
        more: list[Step] = [("go_on_from_gate", {"effect_id": found.effect_id, "grace_s": grace_s})]
        if receipt is not None:
            more += [(write.statement, {**named, **write.values}) for write in receipt.writes]
        if found.became == "refused":
            more += release_moves(found.workspace_id, effect.idempotency_key, found.effect_id)
        return resolved[0], session.fetch_all(more)[0]


def _receipt(found: Resolution, effect: Any) -> Receipt:
    """The vendor's receipt as the person tells it, with who told it and how they know."""
    order = EffectOrder(
        id=found.effect_id,
        workspace_id=found.workspace_id,
        run_id=effect.run_id,
        payload=effect.payload,
        idempotency_key=effect.idempotency_key,
        released_usd=effect.released_usd,
        note=_nothing_noted,
        progress=effect.progress,
    )
    receipt = told_receipt(effect.kind, order, found.reference or "", found.receipt)
    return replace(receipt, details={**receipt.details, "by": found.by, "note": clean_text(found.note)})


async def _nothing_noted(kept: JsonObject) -> None:
    """Nothing is begun any more, so there is nothing to keep."""


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


def _values(found: Resolution, effect: Any, receipt: Receipt | None) -> dict[str, Any]:
    return {
        "run_id": effect.run_id,
        "effect_id": found.effect_id,
        "status": STATUS[found.became],
        "receipt": as_jsonb(None if receipt is None else receipt.shown()),
        "event_kind": None if receipt is None else receipt.event,
        "by": found.by,
        "note": clean_text(found.note),
    }

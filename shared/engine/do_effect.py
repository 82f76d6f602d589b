"""Does a released effect, once: claim → act under its idempotency key → receipt, in a task of its own.

    released → doing → done, with the vendor's receipt
                     → refused: the vendor said no, nothing happened
                     → released: nothing happened; later it may
                     → unknown: nobody can tell, and a person decides; never blindly repeated

An executor that dies leaves `doing` behind: whoever takes over looks at the vendor first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from shared.core.canonical import JsonObject
from shared.core.ids import new_id
from shared.core.scrub import scrubbed
from shared.core.status import EffectStatus
from shared.effects.contract import Effect, EffectOrder, Receipt
from shared.effects.registry import effect_of
from shared.effects.spend_cap import release_moves
from shared.engine.attempt import ENGINES_OWN
from shared.engine.execute_step import on_this_thread
from shared.engine.leases import KEEPER, Lease
from shared.engine.relay import EffectWakeUp, WakeUp, wake_effects, wake_steps
from shared.engine.retries import retry_delay_s
from shared.engine.rooms import Rooms
from shared.errors import (
    EffectPendingError,
    EffectRefusedError,
    EffectUnknownError,
    EngineError,
    FenceLostError,
    InvalidInputError,
    TransientError,
)
from shared.store.documents import as_jsonb, clean_text
from shared.store.session import Step

log = logging.getLogger(__name__)

MESSAGE_CHARACTERS = 2_000


class EffectOutcome(StrEnum):
    """What a wake-up of an effect came to. All are answered 200."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RETRYING = "retrying"
    NOT_OURS = "not_ours"  # another attempt took over
    NOT_DUE = "not_due"
    HELD = "held"  # the workspace holds everything back
    DONE_BEFORE = "done_before"


@dataclass(frozen=True, slots=True)
class EffectTask:
    workspace_id: UUID
    run_id: UUID
    effect_id: UUID


@dataclass(frozen=True, slots=True)
class _End:
    """What an attempt came to, on its way to the store."""

    status: EffectStatus
    receipt: Receipt | None = None
    error: EngineError | None = None
    delay_s: float = 0.0


def do_effect(task: EffectTask, rooms: Rooms) -> EffectOutcome:
    """Does one effect, if it is there to be done. Raises `StoreBusyError` only if something could not be recorded."""
    settings = rooms.settings
    rows = rooms.store.move_step(
        task.workspace_id,
        "claim_effect",
        run_id=task.run_id,
        effect_id=task.effect_id,
        lease_s=settings.step_lease_s,
        grace_s=settings.sweep_grace_s,
    )
    if not rows:
        return _not_now(task, rooms)
    (claimed,) = rows
    end = on_this_thread(_worked(task, claimed, rooms))
    return EffectOutcome.NOT_OURS if end is None else _settle(task, claimed, end, rooms)


async def _worked(task: EffectTask, claimed: Any, rooms: Rooms) -> _End | None:
    """How the attempt ended; None if it was taken over."""
    lease = Lease(task.workspace_id, task.effect_id, claimed.attempt, keep="keep_effect_lease")
    try:
        with KEEPER.holding(rooms, lease, lambda: None):
            return await _tried(task, claimed, rooms)
    except FenceLostError:
        return None


async def _tried(task: EffectTask, claimed: Any, rooms: Rooms) -> _End:
    try:
        async with asyncio.timeout(rooms.settings.effect_timeout_s):
            return _End(EffectStatus.DONE, await _receipt(task, claimed, rooms))
    except FenceLostError:
        raise
    except TimeoutError:
        return await _looked_up(task, claimed, rooms, EffectUnknownError("it took too long, and was cut off"))
    except EffectUnknownError as unknown:
        return await _looked_up(task, claimed, rooms, unknown)
    except (EngineError, ValidationError) as failed:
        return _ended(failed, claimed, rooms)


async def _receipt(task: EffectTask, claimed: Any, rooms: Rooms) -> Receipt:
    effect = effect_of(claimed.kind, rooms.settings)
    order = _order(task, claimed, rooms)
    if claimed.attempt > 1:
        found = await effect.find(order)
        if found is not None:
            return found
    return await effect.act(order)


async def _looked_up(task: EffectTask, claimed: Any, rooms: Rooms, unknown: EffectUnknownError) -> _End:
    """The platform is read back before anything is given up as unknown."""
    effect: Effect = effect_of(claimed.kind, rooms.settings)
    now = rooms.store.move(task.workspace_id, "effect_by_id", effect_id=task.effect_id)[0]
    order = _order(task, claimed, rooms, progress=now.progress)
    try:
        found = await effect.find(order)
    except FenceLostError:
        raise
    except EngineError as failed:
        if isinstance(failed, TransientError) and not isinstance(failed, EffectPendingError):
            return _End(EffectStatus.UNKNOWN, error=unknown)
        return _ended(failed, claimed, rooms)
    if found is not None:
        return _End(EffectStatus.DONE, found)
    return _later(TransientError(unknown.message), claimed, rooms)


def _order(task: EffectTask, claimed: Any, rooms: Rooms, progress: JsonObject | None = None) -> EffectOrder:
    async def note(kept: JsonObject) -> None:
        rows = rooms.store.move(
            task.workspace_id,
            "note_effect",
            effect_id=task.effect_id,
            attempt=claimed.attempt,
            progress=as_jsonb(kept),
            lease_s=rooms.settings.step_lease_s,
        )
        if not rows:
            raise FenceLostError("another attempt does this effect now")

    return EffectOrder(
        id=task.effect_id,
        workspace_id=task.workspace_id,
        run_id=task.run_id,
        payload=claimed.payload,
        idempotency_key=claimed.idempotency_key,
        released_usd=claimed.released_usd,
        note=note,
        progress=claimed.progress if progress is None else progress,
    )


def _ended(failed: EngineError | ValidationError, claimed: Any, rooms: Rooms) -> _End:
    if isinstance(failed, TransientError):
        return _later(failed, claimed, rooms)
    if isinstance(failed, EffectUnknownError):
        return _End(EffectStatus.UNKNOWN, error=failed)
    if isinstance(failed, ValidationError):
        first = failed.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "payload"
        return _End(EffectStatus.REFUSED, error=InvalidInputError(path, first["msg"]))
    return _End(EffectStatus.REFUSED, error=failed)


def _later(failed: TransientError, claimed: Any, rooms: Rooms) -> _End:
    """Nothing happened yet. Tried too often, it is given up as refused: it surely did not happen. What was begun and
    has not ended may still happen: it is given up as unknown."""
    if claimed.failures + 1 >= rooms.settings.max_effect_attempts:
        told = f"given up after {claimed.failures + 1} tries: {failed.message}"
        if isinstance(failed, EffectPendingError):
            return _End(EffectStatus.UNKNOWN, error=EffectUnknownError(told))
        return _End(EffectStatus.REFUSED, error=EffectRefusedError(failed.code, told))
    delay_s = retry_delay_s(claimed.failures, failed, ENGINES_OWN, rooms.settings)
    return _End(EffectStatus.RELEASED, error=failed, delay_s=delay_s)


_OUTCOMES = {
    EffectStatus.DONE: EffectOutcome.DONE,
    EffectStatus.REFUSED: EffectOutcome.REFUSED,
    EffectStatus.UNKNOWN: EffectOutcome.UNKNOWN,
    EffectStatus.RELEASED: EffectOutcome.RETRYING,
}


def _settle(task: EffectTask, claimed: Any, end: _End, rooms: Rooms) -> EffectOutcome:
    moves: list[Step] = [
        ("lock_run", {"run_id": task.run_id}),
        ("settle_effect", _settlement(task, claimed, end, rooms)),
        ("go_on_from_gate", {"effect_id": task.effect_id, "grace_s": rooms.settings.sweep_grace_s}),
        ("close_gates", {"run_id": task.run_id}),  # the run may have ended while this was at work
    ]
    if end.receipt is not None:
        named = {"workspace_id": task.workspace_id, "run_id": task.run_id, "effect_id": task.effect_id}
        moves += [(write.statement, {**named, **write.values}) for write in end.receipt.writes]
    if end.status == EffectStatus.REFUSED:
        moves += release_moves(task.workspace_id, claimed.idempotency_key, task.effect_id)
    _, settled, gone_on, *_ = rooms.store.move_all(task.workspace_id, moves)
    if not settled:
        return EffectOutcome.NOT_OURS
    if end.status == EffectStatus.RELEASED:
        (effect,) = settled
        due = effect.not_before
        wake_effects(rooms, [_wake_up(task, effect.attempt, "retry", due)])
    wake_gates(task.workspace_id, task.run_id, gone_on, rooms)
    return _OUTCOMES[end.status]


def wake_gates(workspace_id: UUID, run_id: UUID, gone_on: Sequence[Any], rooms: Rooms) -> None:
    """Wakes the gate step whose effects have all ended."""
    wake_steps(rooms, [WakeUp(workspace_id, run_id, step.id, step.attempt, reason="effects") for step in gone_on])


def _wake_up(task: EffectTask, count: int, reason: str, due: Any = None) -> EffectWakeUp:
    return EffectWakeUp(task.workspace_id, task.run_id, task.effect_id, count, due=due, reason=reason)


def _settlement(task: EffectTask, claimed: Any, end: _End, rooms: Rooms) -> dict[str, Any]:
    receipt, error = end.receipt, end.error
    told = None if error is None else clean_text(scrubbed(error.message, rooms.settings.secrets))[:MESSAGE_CHARACTERS]
    return {
        "run_id": task.run_id,
        "effect_id": task.effect_id,
        "attempt": claimed.attempt,
        "status": end.status,
        "receipt": as_jsonb(None if receipt is None else receipt.shown()),
        "delay_s": end.delay_s,
        "grace_s": rooms.settings.sweep_grace_s,
        "error_class": None if error is None else getattr(error, "reason", error.code),
        "error_message": told,
        "event_kind": receipt.event if receipt else None,
        "alert_id": new_id(),
    }


def _not_now(task: EffectTask, rooms: Rooms) -> EffectOutcome:
    rows = rooms.store.move(task.workspace_id, "why_no_effect", effect_id=task.effect_id)
    if not rows:
        log.warning("effect.unknown: %s", task.effect_id)
        return EffectOutcome.DONE_BEFORE
    (effect,) = rows
    is_over = effect.run_status != "running" or effect.is_cancelled
    if is_over and effect.is_lost:
        told = {"effect_id": task.effect_id, "alert_id": new_id()}
        rooms.store.move_step(task.workspace_id, "lose_effect", run_id=task.run_id, **told)
        return EffectOutcome.UNKNOWN
    if effect.is_held and (effect.status == EffectStatus.RELEASED or effect.is_lost):
        parked = [("lock_starts", {"workspace_id": task.workspace_id}), ("park_effect", {"effect_id": task.effect_id})]
        rooms.store.move_all(task.workspace_id, parked)
        return EffectOutcome.HELD
    if is_over or effect.due_at is None:
        return EffectOutcome.DONE_BEFORE
    wake_effects(rooms, [_wake_up(task, effect.attempt, "due", effect.due_at)])
    return EffectOutcome.NOT_DUE

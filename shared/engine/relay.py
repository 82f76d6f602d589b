"""After a commit: wake what became ready. If this is lost, the sweep does it again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.engine.rooms import Rooms
from shared.errors import TransientError
from shared.queue.tasks import Wake

log = logging.getLogger(__name__)

STEP_PATH = "/tasks/step"
EFFECT_PATH = "/tasks/effect"
DEADLINE_MARGIN_S = 30.0  # between the step's own timeout and the queue's: enough to settle


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A step to wake. Its task is named by step, reason and count (attempt, or the sweep's generation), so that asking
    twice wakes once, and waking again for another reason is never refused as old."""

    workspace_id: UUID
    run_id: UUID
    step_id: UUID
    count: int
    due: datetime | None = None
    reason: str = "ready"


@dataclass(frozen=True, slots=True)
class EffectWakeUp:
    """A released effect to do. Named like a step's."""

    workspace_id: UUID
    run_id: UUID
    effect_id: UUID
    count: int
    due: datetime | None = None
    reason: str = "released"


def wake_steps(rooms: Rooms, wake_ups: Iterable[WakeUp]) -> int:
    """Makes one task for each, and returns how many. A queue that does not answer is left to the sweep."""
    return _wake_all(rooms, [_wake(rooms, wake_up) for wake_up in wake_ups])


def wake_effects(rooms: Rooms, wake_ups: Iterable[EffectWakeUp]) -> int:
    """As `wake_steps`: one task for each effect."""
    return _wake_all(rooms, [_wake_effect(rooms, wake_up) for wake_up in wake_ups])


def _wake_all(rooms: Rooms, wakes: Sequence[Wake]) -> int:
    if not wakes:
        return 0
    try:
        rooms.queue.wake_many(wakes)
    except TransientError as busy:
        log.warning("relay.queue_busy: %d wake-ups are left to the sweep (%s)", len(wakes), busy)
        return 0
    return len(wakes)


def _wake(rooms: Rooms, wake_up: WakeUp) -> Wake:
    return Wake(
        url_path=STEP_PATH,
        body={
            "workspace_id": str(wake_up.workspace_id),
            "run_id": str(wake_up.run_id),
            "step_id": str(wake_up.step_id),
        },
        name_parts=(str(wake_up.step_id), wake_up.reason, wake_up.count),
        due=wake_up.due,
        deadline_s=rooms.settings.continue_within_s + rooms.settings.step_timeout_s + DEADLINE_MARGIN_S,
    )


def _wake_effect(rooms: Rooms, wake_up: EffectWakeUp) -> Wake:
    return Wake(
        url_path=EFFECT_PATH,
        body={
            "workspace_id": str(wake_up.workspace_id),
            "run_id": str(wake_up.run_id),
            "effect_id": str(wake_up.effect_id),
        },
        name_parts=(str(wake_up.effect_id), wake_up.reason, wake_up.count),
        due=wake_up.due,
        deadline_s=rooms.settings.effect_timeout_s + DEADLINE_MARGIN_S,
    )

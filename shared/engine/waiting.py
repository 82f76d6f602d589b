"""Waiting without compute: a suspended step holds no lease and no task until a signal comes or its time is over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.core.canonical import Json
from shared.engine.attempt import Attempt, Ended
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.errors import InvalidInputError, SuspendedError
from shared.store.documents import as_jsonb

MAX_KEY = 200
TASK_WITHIN_S = 3600.0  # a shorter wait gets a task of its own for its end; of a longer one the sweep takes care


@dataclass(frozen=True, slots=True)
class Received:
    """`is_new` is False for a key that was sent to before: the first signal counts. `woken`: how many steps it woke."""

    is_new: bool
    woken: int


def suspend_attempt(attempt: Attempt, wait: SuspendedError, rooms: Rooms) -> Ended | None:
    """Suspends the step; None if it is not ours any more. If the signal has come meanwhile, it is queued at once."""
    workspace_id = attempt.workspace_id
    rows = rooms.store.move_all(
        workspace_id,
        [
            ("lock_key", {"workspace_id": workspace_id, "wake_key": wait.wake_key}),
            ("lock_run", {"run_id": attempt.run_id}),
            ("suspend_step", _suspension(attempt, wait, rooms)),
        ],
    )[-1]
    if not rows:
        return None
    (step,) = rows
    short = wait.timeout_s is not None and wait.timeout_s <= TASK_WITHIN_S
    if step.status == "queued" or short:
        due = step.wait_until if step.status == "waiting" else None
        wake_steps(rooms, [WakeUp(workspace_id, attempt.run_id, step.id, step.attempt, due=due, reason="wait")])
    return "waiting"


def _suspension(attempt: Attempt, wait: SuspendedError, rooms: Rooms) -> dict[str, Any]:
    return {
        "run_id": attempt.run_id,
        "step_id": attempt.step_id,
        "attempt": attempt.number,
        "agent_run_id": attempt.agent_run_id,
        "wake_key": wait.wake_key,
        "timeout_s": wait.timeout_s,
        "latency_ms": int((time.monotonic() - attempt.started) * 1000),
        "grace_s": rooms.settings.sweep_grace_s,
    }


def receive_signal(workspace_id: UUID, wake_key: str, payload: Json, source: str, rooms: Rooms) -> Received:
    """Keeps `payload` for whoever waits for the key, now or later, and wakes the steps that do. Twice is harmless."""
    if not 1 <= len(wake_key) <= MAX_KEY:
        raise InvalidInputError("key", f"1 to {MAX_KEY} characters")
    *_, (signal,) = rooms.store.move_all(
        workspace_id,
        [
            ("lock_key", {"workspace_id": workspace_id, "wake_key": wake_key}),
            ("lock_waiting_runs", {"wake_key": wake_key}),
            (
                "receive_signal",
                {
                    "workspace_id": workspace_id,
                    "wake_key": wake_key,
                    "payload": as_jsonb(payload),
                    "source": source,
                    "grace_s": rooms.settings.sweep_grace_s,
                },
            ),
        ],
    )
    woken = [
        WakeUp(workspace_id, UUID(run_id), UUID(step_id), attempt, reason="signal")
        for run_id, step_id, attempt in signal.woken or []
    ]
    wake_steps(rooms, woken)
    return Received(is_new=signal.is_new, woken=len(woken))


def end_wait(workspace_id: UUID, step: Any, rooms: Rooms) -> bool:
    """Queues a step again whose wait is over. False if it was woken meanwhile."""
    return bool(rooms.store.move_step(workspace_id, "end_wait", run_id=step.run_id, step_id=step.id))

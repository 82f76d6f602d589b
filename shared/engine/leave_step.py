"""How a step ends without success while its run goes on: skipped before it began, or failed where that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.core.conditions import Hears, Skip
from shared.core.definitions import OnFailure
from shared.engine.parents import parent_moves, wake_parent
from shared.engine.relay import wake_steps
from shared.engine.rooms import Rooms
from shared.engine.start_run import wake_ups
from shared.store.session import Step

HEARS: dict[OnFailure, Hears] = {"skip": "failure", "continue": "success"}


@dataclass(frozen=True, slots=True)
class Left:
    """What came of leaving steps: whether each was left; and the steps to go on with at once, loaded and ready."""

    is_done: list[bool]
    following: list[Any]


def leave_step(
    workspace_id: UUID, failure: dict[str, Any], on_failure: OnFailure, closing: Sequence[Step], rooms: Rooms
) -> list[list[Any]]:
    """Fails a step, as `failure` says (the values of fail_step), and lets its run go on. The rows of each statement:
    the second's are none if the step was not ours. `closing` is sent behind it."""
    values = {**failure, "is_failure": True, "hears": HEARS[on_failure], "grace_s": rooms.settings.sweep_grace_s}
    moves: list[Step] = [("lock_run", {"run_id": failure["run_id"]}), ("leave_step", values), *closing]
    found = rooms.store.move_all(workspace_id, moves)
    for row in found[1]:
        wake_steps(rooms, wake_ups(workspace_id, failure["run_id"], row.ready))
    return found


def skip_steps(
    workspace_id: UUID, run_id: UUID, skips: Sequence[tuple[Any, Skip]], follow: Sequence[UUID], rooms: Rooms
) -> Left:
    """Skips loaded steps of one run, and wakes what that makes ready, but for the steps to follow here."""
    moves: list[Step] = [("lock_run", {"run_id": run_id})]
    moves += [("leave_step", _skipped(run_id, step, skip, rooms)) for step, skip in skips]
    moves += [("load_step", {"run_id": run_id, "step_id": step_id}) for step_id in follow]
    is_inside = skips[0][0].is_inside
    moves += parent_moves(run_id, rooms) if is_inside else []
    _, *rows = rooms.store.move_all(workspace_id, moves)
    if is_inside:
        wake_parent(workspace_id, rows[-1], rooms)
    done, loaded = rows[: len(skips)], rows[len(skips) : len(skips) + len(follow)]
    following = [step for found in loaded for step in found if step.can_claim]
    here = {step.id for step in following}
    ready = [wake for move in done if move for wake in wake_ups(workspace_id, run_id, move[0].ready)]
    wake_steps(rooms, [wake for wake in ready if wake.step_id not in here])
    return Left([bool(move) for move in done], following)


def _skipped(run_id: UUID, step: Any, skip: Skip, rooms: Rooms) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "step_id": step.id,
        "attempt": step.attempt,
        "agent_run_id": None,
        "is_failure": False,
        "hears": skip.hears,
        "latency_ms": None,
        "agent_cost_usd": None,
        "agent_error": None,
        "error_class": skip.reason,
        "error_message": skip.told,
        "grace_s": rooms.settings.sweep_grace_s,
    }

"""How a step ends without success while its run goes on: skipped before it began, or failed where that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.core.conditions import Hears, Skip
from shared.core.definitions import OnFailure
from shared.engine.admission import admit_move, as_array, let_in
from shared.engine.load_steps import load_move
from shared.engine.parents import parent_moves, wake_parent
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.store.session import Step

HEARS: dict[OnFailure, Hears] = {"skip": "failure", "continue": "success"}


@dataclass(frozen=True, slots=True)
class Left:
    """What came of leaving steps: whether each was left; the steps to go on with at once, loaded and ready; and what
    was let in besides."""

    is_done: list[bool]
    following: list[Any]
    admitted: list[WakeUp]


def leave_step(
    workspace_id: UUID, failure: dict[str, Any], on_failure: OnFailure, closing: Sequence[Step], rooms: Rooms
) -> list[list[Any]]:
    """Fails a step, as `failure` says (the values of fail_step), and lets its run go on. The rows of each statement:
    the second's are none if the step was not ours. `closing` is sent behind it."""
    own = {"is_failure": True, "hears": HEARS[on_failure], "follow": "{}", "grace_s": rooms.settings.sweep_grace_s}
    moves: list[Step] = [("lock_run", {"run_id": failure["run_id"]}), ("leave_step", {**failure, **own}), *closing]
    *found, admitted = rooms.store.move_all(workspace_id, [*moves, admit_move(rooms)])
    wake_steps(rooms, let_in(workspace_id, admitted))
    return found


def skip_steps(
    workspace_id: UUID, run_id: UUID, skips: Sequence[tuple[Any, Skip]], follow: Sequence[UUID], rooms: Rooms
) -> Left:
    """Skips loaded steps of one run, and wakes what that makes ready, but for the steps to follow here."""
    moves: list[Step] = [("lock_run", {"run_id": run_id})]
    moves += [("leave_step", _skipped(run_id, step, skip, follow, rooms)) for step, skip in skips]
    moves.append(load_move(run_id, follow))
    is_inside = skips[0][0].is_inside
    moves += parent_moves(run_id, rooms) if is_inside else []
    _, *rows, admitted = rooms.store.move_all(workspace_id, [*moves, admit_move(rooms)])
    if is_inside:
        wake_parent(workspace_id, rows[-1], rooms)
    done, loaded = rows[: len(skips)], rows[len(skips)]
    following = [step for step in loaded if step.can_claim]
    return Left([bool(move) for move in done], following, let_in(workspace_id, admitted))


def _skipped(run_id: UUID, step: Any, skip: Skip, follow: Sequence[UUID], rooms: Rooms) -> dict[str, Any]:
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
        "follow": as_array(follow),
        "grace_s": rooms.settings.sweep_grace_s,
    }

"""Who makes each move of `status.py`, and what it tells: the statements of `shared/store/queries` by name.

Tests hold this table against the statements and against the triggers; `make docs` draws it as `docs/state_machine.md`.
A legal move that no row names is one that no statement makes yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.core.events import EventKind
from shared.core.status import (
    EFFECT_MOVES,
    GATE_MOVES,
    RUN_MOVES,
    STEP_MOVES,
    EffectStatus,
    GateStatus,
    RunStatus,
    StepStatus,
)


@dataclass(frozen=True, slots=True)
class Move:
    """One move: `seen` is None where a row begins, `by` the statements that make it, `tells` the event that goes with
    it; None: what happens next tells enough."""

    seen: StrEnum | None
    goal: StrEnum
    by: tuple[str, ...]
    tells: EventKind | None
    when: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What moves: its table, its legal moves, and who makes them."""

    name: str
    table: str
    legal: Mapping[StrEnum, frozenset[StrEnum]]
    moves: tuple[Move, ...]

    def pairs(self) -> Iterator[tuple[StrEnum, StrEnum]]:
        """Every legal move, in the order of the states."""
        for seen, goals in self.legal.items():
            yield from ((seen, goal) for goal in self.legal if goal in goals)

    def of(self, seen: StrEnum | None, goal: StrEnum) -> list[Move]:
        return [move for move in self.moves if (move.seen, move.goal) == (seen, goal)]


def _legal(moves: Mapping[Any, frozenset[Any]]) -> dict[StrEnum, frozenset[StrEnum]]:
    """The moves of one kind of state, as moves of any."""
    return dict(moves)


_R, _S = RunStatus, StepStatus

RUN = Subject(
    "run",
    "tiktok_workflow_runs",
    _legal(RUN_MOVES),
    (
        Move(None, _R.RUNNING, ("start_run",), EventKind.RUN_STARTED, "somebody asked for it"),
        Move(
            _R.RUNNING,
            _R.SUCCEEDED,
            ("succeed_steps", "leave_step"),
            EventKind.RUN_COMPLETED,
            "its last open step has ended, and none has failed it",
        ),
        Move(_R.RUNNING, _R.FAILED, ("fail_step",), EventKind.RUN_FAILED, "a step cannot go on"),
        Move(
            _R.RUNNING,
            _R.CANCELLED,
            ("cancel_run", "cancel_step"),
            EventKind.RUN_CANCELLED,
            "it was cancelled, and nothing of it is at work any more",
        ),
    ),
)

_CANCELLED, _SKIPPED = EventKind.STEP_CANCELLED, EventKind.STEP_SKIPPED

STEP = Subject(
    "step",
    "tiktok_workflow_steps",
    _legal(STEP_MOVES),
    (
        Move(None, _S.PENDING, ("start_run",), None, "its run starts, and it waits for other steps"),
        Move(None, _S.QUEUED, ("start_run",), None, "its run starts, and it waits for none"),
        Move(None, _S.QUEUED, ("spread_step",), None, "it is one of the first items of a for_each step"),
        Move(None, _S.PENDING, ("spread_step",), None, "it is one of the later items of a for_each step"),
        Move(None, _S.SUCCEEDED, ("start_run",), None, "its run repeats an earlier one, whose output it takes over"),
        Move(_S.PENDING, _S.QUEUED, ("succeed_steps", "leave_step"), None, "the last step that it waits for has ended"),
        Move(_S.PENDING, _S.SKIPPED, ("fail_step",), _SKIPPED, "a step of its run has failed"),
        Move(_S.PENDING, _S.CANCELLED, ("cancel_run",), _CANCELLED, "its run was cancelled"),
        Move(_S.QUEUED, _S.RUNNING, ("claim_steps",), EventKind.STEP_STARTED, "an executor takes it, for one lease"),
        Move(_S.QUEUED, _S.SKIPPED, ("fail_step",), _SKIPPED, "a step of its run has failed"),
        Move(
            _S.QUEUED, _S.SKIPPED, ("leave_step",), _SKIPPED, "its `when` is not met, or the steps before it did not do"
        ),
        Move(_S.QUEUED, _S.CANCELLED, ("cancel_run",), _CANCELLED, "its run was cancelled"),
        Move(_S.RUNNING, _S.RUNNING, ("claim_steps",), EventKind.STEP_STARTED, "its lease is over; another takes it"),
        Move(_S.RUNNING, _S.QUEUED, ("retry_step",), EventKind.STEP_RETRYING, "it failed, and trying again may help"),
        Move(
            _S.RUNNING, _S.QUEUED, ("retry_step",), EventKind.STEP_YIELDED, "its request's time is over; it got further"
        ),
        Move(_S.RUNNING, _S.SUCCEEDED, ("succeed_steps",), EventKind.STEP_SUCCEEDED, "its agent has put something out"),
        Move(_S.RUNNING, _S.FAILED, ("fail_step",), EventKind.STEP_FAILED, "it failed, and trying again is no use"),
        Move(_S.RUNNING, _S.FAILED, ("leave_step",), EventKind.STEP_FAILED, "it failed, and its run goes on"),
        Move(_S.RUNNING, _S.CANCELLED, ("cancel_step",), _CANCELLED, "its run was cancelled while it was at work"),
        Move(_S.RUNNING, _S.WAITING, ("wait_for_sub_run",), EventKind.STEP_WAITING, "it waits for the run it started"),
        Move(_S.RUNNING, _S.QUEUED, ("wait_for_sub_run",), EventKind.STEP_WAITING, "that run had ended by then"),
        Move(_S.WAITING, _S.QUEUED, ("wake_parent",), EventKind.STEP_WOKEN, "the run it started has ended"),
        Move(_S.RUNNING, _S.WAITING, ("spread_step",), EventKind.STEP_WAITING, "it waits for its items"),
        Move(_S.WAITING, _S.QUEUED, ("succeed_steps", "leave_step"), None, "the last of its items has ended"),
        Move(_S.RUNNING, _S.WAITING, ("suspend_step",), EventKind.STEP_WAITING, "its agent waits for a signal"),
        Move(_S.RUNNING, _S.QUEUED, ("suspend_step",), EventKind.STEP_WAITING, "the signal had come by then"),
        Move(_S.RUNNING, _S.PENDING_APPROVAL, ("open_gate",), EventKind.STEP_PENDING_APPROVAL, "it asks a person"),
        Move(_S.WAITING, _S.QUEUED, ("receive_signal",), EventKind.STEP_WOKEN, "what it waits for was sent"),
        Move(_S.WAITING, _S.QUEUED, ("end_wait",), EventKind.STEP_WOKEN, "it has waited long enough"),
        Move(_S.WAITING, _S.QUEUED, ("go_on_from_gate",), EventKind.STEP_WOKEN, "all that its gate released has ended"),
        Move(
            _S.PENDING_APPROVAL, _S.WAITING, ("decide_gate",), EventKind.GATE_APPROVED, "approved, with effects to do"
        ),
        Move(_S.PENDING_APPROVAL, _S.QUEUED, ("decide_gate",), EventKind.GATE_APPROVED, "approved, with nothing to do"),
        Move(_S.PENDING_APPROVAL, _S.QUEUED, ("decide_gate",), EventKind.GATE_REJECTED, "rejected"),
        Move(
            _S.PENDING_APPROVAL,
            _S.QUEUED,
            ("time_out_gate",),
            EventKind.STEP_WOKEN,
            "its time was over before a decision",
        ),
        Move(_S.WAITING, _S.SKIPPED, ("fail_step",), _SKIPPED, "a step of its run has failed"),
        Move(_S.WAITING, _S.CANCELLED, ("cancel_run",), _CANCELLED, "its run was cancelled"),
        Move(_S.PENDING_APPROVAL, _S.SKIPPED, ("fail_step",), _SKIPPED, "a step of its run has failed"),
        Move(_S.PENDING_APPROVAL, _S.CANCELLED, ("cancel_run",), _CANCELLED, "its run was cancelled"),
    ),
)

_G, _E = GateStatus, EffectStatus

GATE = Subject(
    "gate",
    "tiktok_gates",
    _legal(GATE_MOVES),
    (
        Move(None, _G.OPEN, ("open_gate",), EventKind.STEP_PENDING_APPROVAL, "a gate step was reached, or a cap"),
        Move(_G.OPEN, _G.APPROVED, ("decide_gate",), EventKind.GATE_APPROVED, "enough people said yes"),
        Move(_G.OPEN, _G.REJECTED, ("decide_gate",), EventKind.GATE_REJECTED, "one person said no"),
        Move(_G.OPEN, _G.CANCELLED, ("close_gates",), None, "its run ended before anybody decided"),
        Move(_G.OPEN, _G.CANCELLED, ("time_out_gate",), EventKind.STEP_WOKEN, "the time of its step was over"),
    ),
)

EFFECT = Subject(
    "effect",
    "tiktok_effects",
    _legal(EFFECT_MOVES),
    (
        Move(None, _E.PROPOSED, ("propose_effects",), None, "its step succeeded"),
        Move(_E.PROPOSED, _E.RELEASED, ("decide_gate",), EventKind.EFFECT_RELEASED, "its gate was approved"),
        Move(
            _E.PROPOSED,
            _E.REFUSED,
            ("decide_gate",),
            EventKind.EFFECT_REFUSED,
            "its gate was rejected, or approved for less money",
        ),
        Move(_E.PROPOSED, _E.REFUSED, ("close_gates",), None, "its run ended"),
        Move(_E.PROPOSED, _E.REFUSED, ("time_out_gate",), EventKind.STEP_WOKEN, "nobody decided in time"),
        Move(_E.RELEASED, _E.REFUSED, ("close_gates",), None, "its run ended before it was begun"),
        Move(_E.RELEASED, _E.UNKNOWN, ("close_gates",), None, "its run ended after it was begun at the vendor"),
        Move(_E.RELEASED, _E.DOING, ("claim_effect",), EventKind.EFFECT_DOING, "an executor takes it, for one lease"),
        Move(_E.DOING, _E.DOING, ("claim_effect",), EventKind.EFFECT_DOING, "its lease is over; another looks first"),
        Move(_E.DOING, _E.DONE, ("settle_effect",), EventKind.EFFECT_DONE, "the vendor gave its receipt"),
        Move(_E.DOING, _E.REFUSED, ("settle_effect",), EventKind.EFFECT_REFUSED, "the vendor said no"),
        Move(_E.DOING, _E.RELEASED, ("settle_effect",), EventKind.EFFECT_RELEASED, "nothing happened; later it may"),
        Move(_E.DOING, _E.UNKNOWN, ("settle_effect",), EventKind.EFFECT_UNKNOWN, "nobody can tell"),
        Move(
            _E.DOING,
            _E.UNKNOWN,
            ("lose_effect",),
            EventKind.EFFECT_UNKNOWN,
            "its executor was lost, and its run has ended",
        ),
        Move(_E.UNKNOWN, _E.DONE, ("settle_effect",), EventKind.EFFECT_DONE, "a late attempt came with the receipt"),
        Move(_E.UNKNOWN, _E.DONE, ("resolve_effect",), EventKind.EFFECT_RESOLVED, "a person says that it happened"),
        Move(_E.UNKNOWN, _E.REFUSED, ("resolve_effect",), EventKind.EFFECT_RESOLVED, "a person says that it did not"),
        Move(_E.UNKNOWN, _E.RELEASED, ("resolve_effect",), EventKind.EFFECT_RESOLVED, "a person has it done again"),
    ),
)

SUBJECTS = (RUN, STEP, GATE, EFFECT)

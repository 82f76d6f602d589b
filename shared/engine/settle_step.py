"""How an attempt ends: settled, queued again for later, or failed. Each is one guarded statement, then the waking."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.agents.base import AgentResult, AgentRunEnd
from shared.config import Settings
from shared.core.canonical import JsonObject, digest_of
from shared.core.ids import new_id
from shared.core.money import usd
from shared.core.proposals import ProposedEffect
from shared.core.scrub import scrubbed
from shared.engine.admission import admit_move, as_array, let_in
from shared.engine.attempt import Attempt, Ended, left_behind
from shared.engine.claim_steps import Claim, claim_move
from shared.engine.leave_step import leave_step
from shared.engine.load_steps import load_move
from shared.engine.money import ask_for_money
from shared.engine.parents import orphan_moves, parent_moves, wake_parent
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.retries import class_of, counts, may_try_again, retry_delay_s
from shared.engine.rooms import Rooms
from shared.engine.waiting import suspend_attempt
from shared.errors import (
    BudgetReachedError,
    EngineError,
    RunCancelledError,
    SuspendedError,
    TerminalError,
    YieldedError,
)
from shared.store.connection import ConstraintError
from shared.store.documents import as_jsonb, clean_text
from shared.store.session import Step

log = logging.getLogger(__name__)

MESSAGE_CHARACTERS = 10_000
TRACEBACK_CHARACTERS = 100_000
CANCELLED_AT_WORK = "the run was cancelled while this step was at work"


@dataclass(frozen=True, slots=True)
class Success:
    """An attempt whose agent has put something out."""

    attempt: Attempt
    result: AgentResult
    end: AgentRunEnd | None
    report_md: str | None
    proposed: tuple[ProposedEffect, ...] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """What to do in the transaction that settles: steps to follow here should they become ready, those of them to claim
    at once, and steps to load. `with_more`: others are let in as there is room."""

    follow: Sequence[UUID] = ()
    claims: Sequence[Claim] = ()
    load: Sequence[UUID] = ()
    with_more: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """How each attempt ended, in order; the attempts that were claimed, by their steps; the steps that were loaded; and
    what was let in besides."""

    ended: list[Ended]
    claimed: dict[UUID, int]
    loaded: list[Any]
    admitted: list[WakeUp]


def succeed_together(successes: Sequence[Success], then: Next, rooms: Rooms) -> Settled:
    """Settles steps of one run with their outputs, and goes on to the next ones in the same network wait.

    Each settle is guarded by its own fence: one that was taken over changes nothing, and the others stand. Should the
    store refuse it all for what was to be claimed, the settles are sent again by themselves.
    """
    try:
        return _succeed(successes, then, rooms)
    except ConstraintError:
        if not then.claims:
            raise
        return _succeed(successes, replace(then, claims=()), rooms)


def _succeed(successes: Sequence[Success], then: Next, rooms: Rooms) -> Settled:
    workspace_id, run_id = successes[0].attempt.workspace_id, successes[0].attempt.run_id
    moves: list[Step] = [("lock_run", {"run_id": run_id}), ("succeed_steps", _ended(successes, then.follow, rooms))]
    settled_runs = [own for success in successes if (own := success.attempt.agent_run_id) is not None]
    moves += [claim_move(then.claims, rooms, after=settled_runs)] if then.claims else []
    moves += [load_move(run_id, then.load)] if then.load else []
    moves += [("propose_effects", _proposals(success)) for success in successes if success.proposed]
    moves += parent_moves(run_id, rooms) if successes[0].attempt.is_inside else []
    moves += [admit_move(rooms)] if then.with_more else []
    _, settled, *rows = rooms.store.move_all(workspace_id, moves)
    claimed = rows.pop(0) if then.claims else []
    loaded = rows.pop(0) if then.load else []
    admitted = let_in(workspace_id, rows.pop()) if then.with_more else []
    if successes[0].attempt.is_inside:
        wake_parent(workspace_id, rows[-1], rooms)
    costs = {row.id: row.cost_usd for row in settled}
    ended = [_settled(success, costs, rooms) for success in successes]
    return Settled(ended, {row.id: row.attempt for row in claimed}, loaded, admitted)


def _settled(success: Success, costs: Mapping[UUID, Decimal], rooms: Rooms) -> Ended:
    """How one of them ended: a step that was not settled was taken over, or its run was cancelled."""
    attempt = success.attempt
    if attempt.step_id not in costs:
        return cancel_attempt(attempt, rooms, end=success.end, result=success.result)
    _compare_costs(attempt, costs[attempt.step_id], success.result.cost_usd)
    return "succeeded"


def _ended(successes: Sequence[Success], follow: Sequence[UUID], rooms: Rooms) -> dict[str, Any]:
    return {
        "run_id": successes[0].attempt.run_id,
        "ended": as_jsonb([_success(success) for success in successes]),
        "step_ids": as_array(success.attempt.step_id for success in successes),
        "agent_run_ids": as_array(own for success in successes if (own := success.attempt.agent_run_id) is not None),
        "follow": as_array(follow),
        "grace_s": rooms.settings.sweep_grace_s,
    }


def _success(success: Success) -> JsonObject:
    attempt, end = success.attempt, success.end
    return {
        "step_id": str(attempt.step_id),
        "attempt": attempt.number,
        "agent_run_id": None if attempt.agent_run_id is None else str(attempt.agent_run_id),
        "output_jsonb": success.result.output,
        "agent_cost_usd": str(usd(success.result.cost_usd)),
        "latency_ms": end.latency_ms if end else _since(attempt),
        "model_used": success.result.model_used,
        "report_md": success.report_md,
    }


def _proposals(success: Success) -> dict[str, Any]:
    attempt = success.attempt
    effects = [
        {
            "id": str(new_id()),
            "place": place,
            "kind": effect.kind,
            "key": effect.key,
            "title": effect.title,
            "payload": effect.payload,
            "digest": effect.digest,
            "idempotency_key": digest_of([str(attempt.step_id), effect.key])[:32],
            "amount_usd": None if effect.amount_usd is None else str(usd(effect.amount_usd)),
        }
        for place, effect in enumerate(success.proposed)
    ]
    return {"step_id": attempt.step_id, "attempt": attempt.number, "effects": as_jsonb(effects)}


def _compare_costs(attempt: Attempt, of_calls: Decimal, of_agent: Decimal) -> None:
    """The journal is right. An agent that counts otherwise forgot a call, or an attempt was lost and paid for."""
    if usd(of_agent) != usd(of_calls) and attempt.number == 1:
        log.warning("step.cost_differs: %s calls cost %s, the agent says %s", attempt.key, of_calls, of_agent)


def fail_or_retry(attempt: Attempt, wrong: EngineError, end: AgentRunEnd | None, rooms: Rooms) -> Ended:
    """Queues the step again if that may help and tries are left; else fails it, and with it the run, unless its
    definition says otherwise."""
    if isinstance(wrong, RunCancelledError):
        return cancel_attempt(attempt, rooms, end=end)
    if isinstance(wrong, SuspendedError):
        return suspend_attempt(attempt, wrong, rooms) or cancel_attempt(attempt, rooms, end=end)
    if isinstance(wrong, BudgetReachedError) and (asked := ask_for_money(attempt, wrong, rooms)):
        return cancel_attempt(attempt, rooms, end=end) if asked == "not_ours" else asked
    may_try = may_try_again(wrong, attempt.failures, attempt.retry, rooms.settings)
    if may_try and _retry(attempt, wrong, end, rooms):
        return "yielded" if isinstance(wrong, YieldedError) else "retrying"
    return _fail(attempt, wrong, end, rooms)


def close_left_over(workspace_id: UUID, step: Any, rooms: Rooms) -> Ended:
    """Ends a step whose executor was lost after its run had ended: nobody will claim it again."""
    lost = left_behind(workspace_id, step)
    return _fail(lost, TerminalError("the executor was lost after the run had ended"), None, rooms)


def _retry(attempt: Attempt, wrong: EngineError, end: AgentRunEnd | None, rooms: Rooms) -> bool:
    rows = rooms.store.move_step(
        attempt.workspace_id,
        "retry_step",
        **_failure(attempt, wrong, end, rooms.settings),
        delay_s=retry_delay_s(_tries(attempt, wrong), wrong, attempt.retry, rooms.settings),
        counts=counts(wrong),
        is_yield=isinstance(wrong, YieldedError),
        grace_s=rooms.settings.sweep_grace_s,
    )
    if not rows:
        return False
    (step,) = rows
    due = WakeUp(
        attempt.workspace_id,
        attempt.run_id,
        step.id,
        step.attempt,
        due=step.not_before,
        reason="retry",
    )
    wake_steps(rooms, [due])
    return True


def _tries(attempt: Attempt, wrong: EngineError) -> int:
    """How often to double the pause: with each failure, or with each attempt that came to nothing and was none."""
    return attempt.failures if counts(wrong) else attempt.number - attempt.failures - 1


def _fail(attempt: Attempt, wrong: EngineError, end: AgentRunEnd | None, rooms: Rooms) -> Ended:
    failure, closing = _failure(attempt, wrong, end, rooms.settings), _left_open(attempt)
    closing += orphan_moves(attempt.run_id, rooms)
    closing += parent_moves(attempt.run_id, rooms) if attempt.is_inside else []
    if attempt.on_failure == "fail":
        moves: list[Step] = [("lock_run", {"run_id": attempt.run_id}), ("fail_step", failure), *closing]
        found = rooms.store.move_all(attempt.workspace_id, moves)
    else:
        found = leave_step(attempt.workspace_id, failure, attempt.on_failure, closing, rooms)
    if attempt.is_inside:
        wake_parent(attempt.workspace_id, found[-1], rooms)
    return "failed" if found[1] else cancel_attempt(attempt, rooms, end=end)


def _left_open(attempt: Attempt) -> list[Step]:
    """Sent with what ends a step before its work was done: its calls under way, and its run's gates."""
    closing: list[Step] = [("close_gates", {"run_id": attempt.run_id})]
    if attempt.agent_run_id is not None:
        closing.append(("close_calls", {"agent_run_id": attempt.agent_run_id}))
    return closing


def cancel_attempt(
    attempt: Attempt,
    rooms: Rooms,
    *,
    end: AgentRunEnd | None = None,
    result: AgentResult | None = None,
    is_lost: bool = False,
) -> Ended:
    """Ends an attempt whose run was cancelled; the last one ends the run. `not_ours` if that is not so.

    What it had put out is kept on its agent run. With `is_lost`, only if the lease of its executor is over.
    """
    values = {
        "run_id": attempt.run_id,
        "step_id": attempt.step_id,
        "attempt": attempt.number,
        "agent_run_id": attempt.agent_run_id,
        "output_jsonb": None if result is None else as_jsonb(result.output),
        "model_used": None if result is None else result.model_used,
        "latency_ms": end.latency_ms if end else _since(attempt),
        "error_message": "its executor was lost, and the run was cancelled" if is_lost else CANCELLED_AT_WORK,
        "is_lost": is_lost,
    }
    moves: list[Step] = [("lock_run", {"run_id": attempt.run_id}), ("cancel_step", values), *_left_open(attempt)]
    moves += parent_moves(attempt.run_id, rooms) if attempt.is_inside else []
    found = rooms.store.move_all(attempt.workspace_id, moves)
    if attempt.is_inside:
        wake_parent(attempt.workspace_id, found[-1], rooms)
    return "cancelled" if found[1] else "not_ours"


def _failure(attempt: Attempt, wrong: EngineError, end: AgentRunEnd | None, settings: Settings) -> dict[str, Any]:
    def kept(text: str, characters: int) -> str:
        return clean_text(scrubbed(text, settings.secrets))[:characters]

    return {
        "run_id": attempt.run_id,
        "step_id": attempt.step_id,
        "attempt": attempt.number,
        "agent_run_id": attempt.agent_run_id,
        "latency_ms": end.latency_ms if end else _since(attempt),
        "agent_cost_usd": end.cost_usd if end else Decimal(0),
        "agent_error": kept((end.error_message if end else None) or wrong.message, TRACEBACK_CHARACTERS),
        "error_class": class_of(wrong),
        "error_message": kept(wrong.message, MESSAGE_CHARACTERS) + _count(attempt, wrong),
    }


def _count(attempt: Attempt, wrong: EngineError) -> str:
    return f" (failed {attempt.failures + 1} times)" if attempt.failures and counts(wrong) else ""


def _since(attempt: Attempt) -> int:
    return int((time.monotonic() - attempt.started) * 1000)

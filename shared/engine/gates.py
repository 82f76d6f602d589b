"""A gate in the flow of steps: it asks, gives its lease back, and goes on when it was decided and all is done.

claimed → nobody asked yet: open a gate → pending_approval, without compute
        → approved, and what it released is done → the step succeeds, with what was decided
        → rejected → the step fails; or succeeds, where its workflow has a branch for that
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from shared.agents.base import AgentResult
from shared.core.canonical import JsonObject
from shared.core.gates import ANY_MEMBER, Expiry, GateOptions, digest_of_proposal, proposal_of
from shared.core.ids import new_id
from shared.core.status import EffectStatus, GateStatus
from shared.engine.attempt import Attempt, Ended
from shared.engine.relay import EffectWakeUp, WakeUp, wake_effects, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.times import Times
from shared.errors import ApprovalRejectedError, EngineError, FenceLostError, RunCancelledError, TerminalError
from shared.store.documents import as_jsonb, clean_text
from shared.store.session import Step


def pass_gate(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> AgentResult | EngineError | Ended:
    """What a claimed gate step comes to. Asking twice is impossible: a step has one open gate at most."""
    rows = rooms.store.move(attempt.workspace_id, "gate_of_step", step_id=attempt.step_id)
    if not rows:
        return _open(attempt, step, given, rooms)
    (gate,) = rows
    options = GateOptions.model_validate(step.definition["options"])
    if gate.status == GateStatus.REJECTED and options.on_reject == "fail" and not _was_branch(gate):
        return ApprovalRejectedError(_told_rejection(gate))
    if gate.status == GateStatus.CANCELLED:
        return Times.of(step, rooms.settings).error(attempt.key)
    if gate.status == GateStatus.OPEN:
        return FenceLostError(f"{attempt.key}: its gate is open")
    return _passed(gate)


def _passed(gate: Any) -> AgentResult | EngineError:
    effects = gate.effects or []
    let_go = [effect for effect in effects if effect["error"] != "above the amount that was approved"]
    is_approved = gate.status == GateStatus.APPROVED
    if is_approved and let_go and all(effect["status"] == EffectStatus.REFUSED for effect in let_go):
        told = "; ".join(f"{effect['title']}: {effect['error']}" for effect in let_go)
        return TerminalError(f"nothing of what was approved could be done: {told}")
    wanted = "approve" if is_approved else "reject"
    said = [decision for decision in gate.decisions if decision["decision"] == wanted]
    return AgentResult(
        output={
            "decision": "approved" if is_approved else "rejected",
            "by": [decision["by"] for decision in said],
            "note": next((decision["note"] for decision in reversed(said) if decision.get("note")), None),
            "amount_usd": _text(gate.amount_usd),
            "released_usd": _text(gate.released_usd),
            "effects": effects,
        }
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _was_branch(gate: Any) -> bool:
    """An expired gate whose expiry takes the branch."""
    return bool(gate.on_expiry == Expiry.BRANCH and gate.decisions and gate.decisions[-1]["by"] == EXPIRY)


def _told_rejection(gate: Any) -> str:
    last = gate.decisions[-1]
    return f"rejected by {last['by']}" + (f": {last['note']}" if last.get("note") else "")


EXPIRY = "the end of its time"


def _open(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> Ended | EngineError:
    effects = rooms.store.move(
        attempt.workspace_id,
        "effects_to_gate",
        run_id=attempt.run_id,
        step_ids=as_jsonb([source["id"] for source in step.sources or []]),
    )
    proposal = proposal_of(given.get("upstream", {}), [shown_effect(effect) for effect in effects])
    question = Question(
        kind="approval",
        title=step.label,
        proposal=proposal,
        amount_usd=amount_of(proposal["effects"]),
        role=step.definition["approval_required_by"],
        options=GateOptions.model_validate(step.definition["options"]),
        effect_ids=tuple(effect.id for effect in effects),
    )
    asked = ask(attempt, question, rooms)
    return RunCancelledError("the run was cancelled before its gate was open") if asked == "not_ours" else asked


def shown_effect(effect: Any) -> JsonObject:
    """An effect as a proposal shows it."""
    return {
        "id": str(effect.id),
        "step": effect.step,
        "key": effect.key,
        "kind": effect.kind,
        "title": effect.title,
        "payload": effect.payload,
        "amount_usd": _text(effect.amount_usd),
    }


def amount_of(effects: Sequence[JsonObject]) -> Decimal | None:
    """The most money that these effects release; None if they release none."""
    amounts = [Decimal(effect["amount_usd"]) for effect in effects if effect["amount_usd"] is not None]
    return sum(amounts, Decimal(0)) if amounts else None


@dataclass(frozen=True, slots=True)
class Question:
    """What a gate asks. `told` is what the agent run that came to this is closed with."""

    kind: Literal["approval", "budget"]
    title: str
    proposal: JsonObject
    amount_usd: Decimal | None = None
    role: str = ANY_MEMBER
    options: GateOptions = field(default_factory=GateOptions)
    effect_ids: tuple[UUID, ...] = ()
    told: str | None = None


def ask(attempt: Attempt, question: Question, rooms: Rooms) -> Ended:
    """Opens a gate on the step of this attempt, which waits for it without compute."""
    options = question.options
    rows = rooms.store.move_step(
        attempt.workspace_id,
        "open_gate",
        run_id=attempt.run_id,
        step_id=attempt.step_id,
        attempt=attempt.number,
        agent_run_id=attempt.agent_run_id,
        told=question.told,
        gate_id=new_id(),
        kind=question.kind,
        title=question.title,
        proposal=as_jsonb(question.proposal),
        digest=digest_of_proposal(question.proposal),
        amount_usd=question.amount_usd,
        role=question.role,
        quorum=options.quorum,
        self_approval=options.self_approval,
        up_to_usd=options.up_to_usd,
        on_expiry=options.on_expiry,
        expires_in_s=options.expires_in_s,
        remind_every_s=options.remind_every_s,
        effect_ids=as_jsonb([str(effect_id) for effect_id in question.effect_ids]),
    )
    return "pending_approval" if rows else "not_ours"


def see_to_gate(workspace_id: UUID, step: Any, rooms: Rooms) -> Ended:
    """A wake-up found the gate of this step open: is its time over, or the step's, or a reminder due?"""
    rows = rooms.store.move(workspace_id, "due_gate", step_id=step.id)
    if rows and rows[0].is_timed_out and not rows[0].is_expired:
        _time_out(workspace_id, rows[0], step, rooms)
    elif rows and rows[0].is_expired:
        _expire(workspace_id, rows[0], step, rooms)
    elif rows and rows[0].is_to_remind:
        (gate,) = rows
        told = {"gate_id": gate.id, "reminders": gate.reminders, "alert_id": new_id()}
        rooms.store.move_step(workspace_id, "remind_of_gate", run_id=step.run_id, **told)
    return "pending_approval"


def _time_out(workspace_id: UUID, gate: Any, step: Any, rooms: Rooms) -> None:
    values = {"gate_id": gate.id, "grace_s": rooms.settings.sweep_grace_s}
    if rooms.store.move_step(workspace_id, "time_out_gate", run_id=step.run_id, **values):
        wake_steps(rooms, [WakeUp(workspace_id, step.run_id, step.id, step.attempt, reason="timed_out")])


def _expire(workspace_id: UUID, gate: Any, step: Any, rooms: Rooms) -> None:
    if gate.on_expiry == Expiry.ESCALATE:
        told = {"gate_id": gate.id, "alert_id": new_id()}
        rooms.store.move_step(workspace_id, "escalate_gate", run_id=step.run_id, **told)
        return
    expired = Verdict(
        workspace_id=workspace_id,
        run_id=step.run_id,
        step_id=step.id,
        gate_id=gate.id,
        digest=gate.digest,
        by=EXPIRY,
        decision="approve" if gate.on_expiry == Expiry.APPROVE else "reject",
        note="nobody decided in time",
        quorum_is_met=True,
    )
    write_verdict(expired, rooms)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one gate, on exactly the proposal of this digest."""

    workspace_id: UUID
    run_id: UUID
    step_id: UUID
    gate_id: UUID
    digest: str
    by: str
    decision: Literal["approve", "reject"]
    note: str | None = None
    up_to_usd: Decimal | None = None
    quorum_is_met: bool = False


def write_verdict(verdict: Verdict, rooms: Rooms) -> Any | None:
    """Writes it down, if the gate is open and shows what was decided on, and wakes what it let go; else None."""
    workspace_id, run_id = verdict.workspace_id, verdict.run_id
    values = {
        "run_id": run_id,
        "gate_id": verdict.gate_id,
        "digest": verdict.digest,
        "by": verdict.by,
        "decision": verdict.decision,
        "note": None if verdict.note is None else clean_text(verdict.note),
        "up_to_usd": verdict.up_to_usd,
        "quorum_is_met": verdict.quorum_is_met,
        "grace_s": rooms.settings.sweep_grace_s,
    }
    moves: list[Step] = [
        ("lock_run", {"run_id": run_id}),
        ("decide_gate", values),
        ("raise_cap", {"gate_id": verdict.gate_id, "by": verdict.by}),
    ]
    rows = rooms.store.move_all(workspace_id, moves)[1]
    if not rows:
        return None
    (row,) = rows
    if row.step_status == "queued":
        wake_steps(rooms, [WakeUp(workspace_id, run_id, verdict.step_id, row.attempt, reason="decided")])
    wake_effects(rooms, [EffectWakeUp(workspace_id, run_id, UUID(one), 0) for one in row.released or []])
    return row

"""A person decides at a gate: once, on exactly what was shown, and only who may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError

from shared.core.canonical import Json, JsonObject
from shared.core.gates import OWNER, differences, digest_of_proposal, may_decide
from shared.core.money import usd
from shared.core.proposals import ProposedEffect
from shared.core.status import GateStatus
from shared.core.wording import problems_of
from shared.effects.registry import effect_of
from shared.engine.gates import Verdict, amount_of, write_verdict
from shared.engine.rooms import Rooms
from shared.errors import ChangedProposalError, ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from shared.store.documents import as_jsonb, clean_text

REASON_CHARACTERS = 500
CHANGED = " (changed by "


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides what, on which proposal. `up_to_usd`: release no more than this; of a budget gate: the new cap."""

    workspace_id: UUID
    step_id: UUID
    by: str
    roles: tuple[str, ...]
    decision: Literal["approve", "reject"]
    digest: str
    note: str | None = None
    up_to_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """Another wording of what effects at a gate would do: payloads by the ids of the effects."""

    workspace_id: UUID
    step_id: UUID
    by: str
    roles: tuple[str, ...]
    digest: str
    payloads: dict[str, JsonObject]


def decide(asked: Decision, rooms: Rooms) -> JsonObject:
    """Writes the decision down and lets the run go on. Where the gate stands then.

    Raises `NotFoundError`, `ForbiddenError`, `ConflictError` (decided, changed since, or the run has ended): then
    nothing happened, and the run's events say who wanted what.
    """
    gate = _gate(asked.workspace_id, asked.step_id, asked.digest, rooms)
    with _told_if_refused(gate, asked, asked.decision, rooms):
        _check_open(gate, asked.digest)
        _check_person(gate, asked)
        _check_amount(gate, asked)
        return _decided(gate, asked, rooms)


@contextmanager
def _told_if_refused(gate: Any, asked: Decision | Revision, what: str, rooms: Rooms) -> Iterator[None]:
    """What the block refuses is told with the run, for the audit. A wrong field is no decision."""
    try:
        yield
    except (ConflictError, ForbiddenError) as refused:
        rooms.store.move(
            asked.workspace_id,
            "tell_refused_decision",
            run_id=gate.run_id,
            gate_id=gate.id,
            step_id=asked.step_id,
            by=asked.by,
            asked=what,
            digest=asked.digest,
            refused_as=refused.code,
            reason=clean_text(refused.message)[:REASON_CHARACTERS],
        )
        raise


def _gate(workspace_id: UUID, step_id: UUID, digest: str, rooms: Rooms) -> Any:
    rows = rooms.store.move(workspace_id, "gate_of_decision", step_id=step_id, digest=digest)
    if not rows:
        raise NotFoundError(f"there is no approval for step {step_id} in this workspace", field="step_id")
    return rows[0]


def _check_open(gate: Any, digest: str) -> None:
    if gate.status in (GateStatus.APPROVED, GateStatus.REJECTED):
        raise ConflictError(_told_decided(gate))
    if gate.status != GateStatus.OPEN or gate.run_status != "running" or gate.cancel_requested_at is not None:
        raise ConflictError(f"run {gate.run_id} has ended or is being cancelled: nothing is released any more")
    if gate.digest != digest:
        raise ChangedProposalError(
            f"the proposal has changed since {digest[:12]}: look at it again; it is {gate.digest} now",
            differences=[] if gate.proposal_seen is None else differences(gate.proposal_seen, gate.proposal),
            digest=gate.digest,
        )


def _told_decided(gate: Any) -> str:
    last = gate.decisions[-1]
    note = f": {last['note']}" if last.get("note") else ""
    return f"this was {gate.status} by {last['by']} at {last['at']}{note}"


def _check_person(gate: Any, asked: Decision | Revision) -> None:
    if not may_decide(gate.role, asked.roles):
        raise ForbiddenError(f"only the role {gate.role} may decide this")
    if not gate.self_approval and asked.by == gate.requested_by:
        raise ForbiddenError("whoever asked for this run may not decide this themselves")
    if isinstance(asked, Decision) and any(
        one["by"] == asked.by and one["digest"] == asked.digest for one in gate.decisions
    ):
        raise ConflictError(f"{asked.by} has decided this already; {gate.quorum} people have to")


def _check_amount(gate: Any, asked: Decision) -> None:
    if gate.kind == "budget":
        _check_new_cap(gate, asked)
        return
    if asked.up_to_usd is not None and (gate.amount_usd is None or asked.up_to_usd > gate.amount_usd):
        most = "nothing: no money is asked for" if gate.amount_usd is None else f"at most ${gate.amount_usd:f}"
        raise InvalidInputError("up_to_usd", f"{most}, which is what the proposal would release")
    released = asked.up_to_usd if asked.up_to_usd is not None else gate.amount_usd
    over = gate.up_to_usd is not None and released is not None and released > gate.up_to_usd
    if asked.decision == "approve" and over and OWNER not in asked.roles:
        raise ForbiddenError(
            f"the role {gate.role} may release up to ${gate.up_to_usd:f} here, not ${released:f}: an owner has to"
        )


def _check_new_cap(gate: Any, asked: Decision) -> None:
    if asked.decision == "reject":
        return
    least = Decimal(gate.proposal["least_cap_usd"])
    if asked.up_to_usd is None or asked.up_to_usd < least:
        raise InvalidInputError("up_to_usd", f"the new cap in US dollars, at least {least:f}: that is what it takes")


def _decided(gate: Any, asked: Decision, rooms: Rooms) -> JsonObject:
    verdict = Verdict(
        workspace_id=asked.workspace_id,
        run_id=gate.run_id,
        step_id=asked.step_id,
        gate_id=gate.id,
        digest=asked.digest,
        by=asked.by,
        decision=asked.decision,
        note=asked.note,
        up_to_usd=asked.up_to_usd,
    )
    row = write_verdict(verdict, rooms)
    if row is None:
        now = _gate(asked.workspace_id, asked.step_id, asked.digest, rooms)
        _check_open(now, asked.digest)
        _check_person(now, asked)
        raise ConflictError(f"gate {gate.id} could not be decided: look at it again")
    return {
        "gate_id": str(gate.id),
        "run_id": str(gate.run_id),
        "step_id": str(asked.step_id),
        "status": row.status,
        "decision": asked.decision,
        "by": asked.by,
        "approvals": row.approvals if asked.decision == "approve" else row.approvals - 1,
        "quorum": row.quorum,
        "released_usd": None if row.released_usd is None else f"{row.released_usd:f}",
        "released_effects": row.released or [],
    }


def revise(asked: Revision, rooms: Rooms) -> JsonObject:
    """Changes what effects at an open gate would do. Decisions so far are void: they bind to the older digest.

    Raises as `decide` does, and `InvalidInputError` naming the effect and the field that is wrong.
    """
    gate = _gate(asked.workspace_id, asked.step_id, asked.digest, rooms)
    with _told_if_refused(gate, asked, "revise", rooms):
        _check_open(gate, asked.digest)
        if gate.kind == "budget":
            raise ConflictError("this asks for more money, and releases no effects: there is nothing to revise")
        if not may_decide(gate.role, asked.roles):
            raise ForbiddenError(f"only the role {gate.role} may change this")
        return _revised_gate(gate, asked, rooms)


def _revised_gate(gate: Any, asked: Revision, rooms: Rooms) -> JsonObject:
    effects = [_revised(effect, asked, rooms) for effect in gate.proposal.get("effects", [])]
    unknown = set(asked.payloads) - {effect["id"] for effect in effects}
    if unknown:
        raise InvalidInputError(f"effects.{sorted(unknown)[0]}", "no effect of this approval has this id")
    proposal = {**gate.proposal, "effects": effects}
    rows = rooms.store.move_step(
        asked.workspace_id,
        "revise_gate",
        run_id=gate.run_id,
        gate_id=gate.id,
        digest=asked.digest,
        new_digest=digest_of_proposal(proposal),
        proposal=as_jsonb(proposal),
        amount_usd=amount_of(effects),
        by=asked.by,
        effects=as_jsonb([_row(effect) for effect in effects if effect["id"] in asked.payloads]),
    )
    if not rows:
        raise ConflictError("the proposal has changed or was decided meanwhile: look at it again", field="digest")
    return {"gate_id": str(gate.id), "revision": rows[0].revision, "digest": rows[0].digest}


def _revised(effect: JsonObject, asked: Revision, rooms: Rooms) -> JsonObject:
    """The effect with its new payload. Its title was written for the old one, and says so from now on."""
    payloads = asked.payloads
    if effect["id"] not in payloads:
        return effect
    model = effect_of(effect["kind"], rooms.settings).Payload
    try:
        payload = model.model_validate(payloads[effect["id"]])
    except ValidationError as wrong:
        field, told = problems_of(wrong)[0]
        raise InvalidInputError(".".join(part for part in ("effects", effect["id"], field) if part), told) from wrong
    most: Decimal | None = getattr(payload, "most_usd", None)
    amount: Json = None if most is None else f"{usd(most):f}"
    title = f"{effect['title'].partition(CHANGED)[0]}{CHANGED}{asked.by})"
    return {**effect, "title": title, "payload": payload.model_dump(mode="json"), "amount_usd": amount}


def _row(effect: JsonObject) -> JsonObject:
    amount = None if effect["amount_usd"] is None else Decimal(effect["amount_usd"])
    proposed = ProposedEffect(effect["kind"], effect["key"], effect["title"], effect["payload"], amount)
    return {**effect, "digest": proposed.digest}

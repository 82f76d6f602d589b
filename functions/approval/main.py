"""The approval door: what waits for a person, what was let go, what it may cost, and what is sent from outside."""

from __future__ import annotations

import flask
import functions_framework

from shared.engine import hold_effects as holding
from shared.engine import money
from shared.engine import read_approvals as reading
from shared.engine.decide import Decision, Revision, decide, revise
from shared.engine.members import Member
from shared.engine.prove import prove_run
from shared.engine.resolve_effect import Resolution, resolve_effect
from shared.engine.settle_ad_spend import read_ad_spend, settle_workspace_ad_spend
from shared.engine.waiting import receive_signal
from shared.web.approvals import (
    ApprovalSince,
    ApprovalsPage,
    Approve,
    Caps,
    EffectsPage,
    NewProposal,
    Reject,
    Resolve,
    SentSignal,
)
from shared.web.door import Answer, Call, Door, from_user
from shared.web.requests import Reason

door = Door()


def _member(call: Call) -> Member:
    return Member(call.workspace_id, call.created_by, call.roles)


@door.route("GET", "/api/dashboard/approvals", caller=from_user, query=ApprovalsPage)
def list_approvals(call: Call) -> Answer:
    asked: ApprovalsPage = call.query
    found = reading.list_approvals(call.workspace_id, asked.status, asked.run_id, asked.before, asked.limit, call.rooms)
    return Answer({"approvals": found})


@door.route("GET", "/api/dashboard/approvals/<step_id>", caller=from_user, query=ApprovalSince)
def get_approval(call: Call) -> Answer:
    return Answer(reading.read_approval(call.workspace_id, call.id_named("step_id"), call.query.since, call.rooms))


@door.route("POST", "/api/dashboard/approvals/<step_id>/approve", caller=from_user, body=Approve)
def approve(call: Call) -> Answer:
    """What was shown is released, once enough people said so. The second decision is 409 with who took the first."""
    asked: Approve = call.body
    decision = Decision(
        workspace_id=call.workspace_id,
        step_id=call.id_named("step_id"),
        by=call.created_by,
        roles=call.roles,
        decision="approve",
        digest=asked.digest,
        note=asked.note,
        up_to_usd=asked.up_to_usd,
    )
    return Answer(decide(decision, call.rooms))


@door.route("POST", "/api/dashboard/approvals/<step_id>/reject", caller=from_user, body=Reject)
def reject(call: Call) -> Answer:
    """Nothing of it happens; the feedback is told with the run."""
    decision = Decision(
        workspace_id=call.workspace_id,
        step_id=call.id_named("step_id"),
        by=call.created_by,
        roles=call.roles,
        decision="reject",
        digest=call.body.digest,
        note=call.body.feedback,
    )
    return Answer(decide(decision, call.rooms))


@door.route("PUT", "/api/dashboard/approvals/<step_id>/proposal", caller=from_user, body=NewProposal)
def change_proposal(call: Call) -> Answer:
    """Another wording of effects; decisions so far are void, for they name the older digest."""
    revision = Revision(
        workspace_id=call.workspace_id,
        step_id=call.id_named("step_id"),
        by=call.created_by,
        roles=call.roles,
        digest=call.body.digest,
        payloads={str(effect_id): payload for effect_id, payload in call.body.effects.items()},
    )
    return Answer(revise(revision, call.rooms))


@door.route("GET", "/api/dashboard/effects", caller=from_user, query=EffectsPage)
def list_effects(call: Call) -> Answer:
    asked: EffectsPage = call.query
    return Answer(reading.list_effects(call.workspace_id, asked.status, asked.before, asked.limit, call.rooms))


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/effects", caller=from_user)
def effects_of_run(call: Call) -> Answer:
    return Answer(reading.effects_of_run(call.workspace_id, call.id_named("run_id"), call.rooms))


@door.route("POST", "/api/dashboard/effects/<effect_id>/resolve", caller=from_user, body=Resolve)
def resolve(call: Call) -> Answer:
    """A person says what became of an effect that nobody could tell about."""
    asked: Resolve = call.body
    found = Resolution(
        workspace_id=call.workspace_id,
        effect_id=call.id_named("effect_id"),
        by=call.created_by,
        became=asked.became,
        note=asked.note,
        reference=asked.reference,
        receipt=asked.receipt,
        roles=call.roles,
    )
    return Answer(resolve_effect(found, call.rooms))


@door.route("POST", "/api/dashboard/effects/hold", caller=from_user, body=Reason, has_optional_body=True)
def hold(call: Call) -> Answer:
    """From now on nothing is done to the world, whatever was approved."""
    return Answer(holding.hold_effects(_member(call), call.body.reason, call.rooms))


@door.route("DELETE", "/api/dashboard/effects/hold", caller=from_user)
def lift_hold(call: Call) -> Answer:
    return Answer(holding.lift_hold(_member(call), call.rooms))


@door.route("GET", "/api/dashboard/caps", caller=from_user)
def get_caps(call: Call) -> Answer:
    return Answer({"caps": money.read_caps(call.workspace_id, call.rooms)})


@door.route("PUT", "/api/dashboard/caps", caller=from_user, body=Caps)
def set_caps(call: Call) -> Answer:
    """What a day (UTC) may cost: model calls (`day`), ads (`ad_day`). From today on."""
    for name, cap_usd in call.body.named():
        money.set_cap(_member(call), name, cap_usd, call.rooms)
    return Answer({"caps": money.read_caps(call.workspace_id, call.rooms)})


@door.route("GET", "/api/dashboard/ad-spend", caller=from_user)
def ad_spend(call: Call) -> Answer:
    """What each campaign was allowed to spend, has been seen to spend, and did spend, day by day (UTC)."""
    return Answer({"campaigns": read_ad_spend(call.workspace_id, call.rooms)})


@door.route("POST", "/api/dashboard/ad-spend/settle", caller=from_user)
def settle_ad_spend(call: Call) -> Answer:
    """Reads the vendor's figures of the workspace's campaigns now. Twice is once."""
    return Answer(settle_workspace_ad_spend(call.workspace_id, call.rooms).shown())


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/proof", caller=from_user)
def proof(call: Call) -> Answer:
    """What the run cost, computed again from raw counters and compared with every total."""
    return Answer(prove_run(call.workspace_id, call.id_named("run_id"), call.rooms))


@door.route("POST", "/api/dashboard/signals", caller=from_user, body=SentSignal)
def send_signal(call: Call) -> Answer:
    """What a step waits for, or will. The first signal of a key counts; another one changes nothing."""
    sent: SentSignal = call.body
    received = receive_signal(call.workspace_id, sent.key, sent.payload, call.created_by, call.rooms)
    return Answer({"is_new": received.is_new, "woken": received.woken})


@functions_framework.http
def approval(request: flask.Request) -> flask.Response:
    return door(request)

"""The names of the events, the seed's own (C033-C043, A042), and how one reads on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shared.core.canonical import JsonObject, canonical_json


class EventKind(StrEnum):
    BRIEF_CREATED = "brief.created"
    RUN_STARTED = "workflow_run.started"
    RUN_REPORT_READY = "workflow_run.report_ready"
    RUN_COMPLETED = "workflow_run.completed"
    RUN_FAILED = "workflow_run.failed"
    RUN_CANCELLING = "workflow_run.cancelling"
    RUN_CANCELLED = "workflow_run.cancelled"
    RUN_PAUSED = "workflow_run.paused"
    RUN_RESUMED = "workflow_run.resumed"
    STEP_STARTED = "workflow_step.started"
    STEP_SUCCEEDED = "workflow_step.succeeded"
    STEP_FAILED = "workflow_step.failed"
    STEP_RETRYING = "workflow_step.retrying"
    STEP_YIELDED = "workflow_step.yielded"
    STEP_SKIPPED = "workflow_step.skipped"
    STEP_CANCELLED = "workflow_step.cancelled"
    STEP_PENDING_APPROVAL = "workflow_step.pending_approval"
    STEP_WAITING = "workflow_step.waiting"
    STEP_WOKEN = "workflow_step.woken"
    GATE_APPROVED = "gate.approved"
    GATE_REJECTED = "gate.rejected"
    GATE_REVISED = "gate.revised"
    GATE_ESCALATED = "gate.escalated"
    GATE_DECISION_REFUSED = "gate.decision_refused"  # nothing happened; who wanted what, and why not
    EFFECT_RELEASED = "effect.released"
    EFFECT_DOING = "effect.doing"
    EFFECT_DONE = "effect.done"
    EFFECT_REFUSED = "effect.refused"
    EFFECT_UNKNOWN = "effect.unknown"
    EFFECT_RESOLVED = "effect.resolved"
    EFFECT_RESOLUTION_REFUSED = "effect.resolution_refused"  # nothing happened; who wanted what, and why not
    EFFECTS_HELD = "effects.held"  # of the workspace: nothing is done to the world from now on
    EFFECTS_LIFTED = "effects.lifted"
    EFFECTS_HOLD_REFUSED = "effects.hold_refused"  # of the workspace, as caps.change_refused: nothing happened
    CAPS_CHANGE_REFUSED = "caps.change_refused"
    ACCOUNT_CONNECTED = "account.connected"  # of the workspace, as the three below
    ACCOUNT_DISCONNECTED = "account.disconnected"
    ACCOUNT_LOST = "account.lost"  # its tokens do not work any more: a person has to connect it again
    ACCOUNT_CHANGE_REFUSED = "account.change_refused"  # nothing happened; who wanted what, and why not
    AGENT_RUN_STARTED = "agent_run.started"
    AGENT_RUN_SUCCEEDED = "agent_run.succeeded"
    AGENT_RUN_FAILED = "agent_run.failed"
    AGENT_RUN_SKIPPED = "agent_run.skipped"
    CAMPAIGN_SPEND_SETTLED = "campaign.spend_settled"  # of the run that launched it: days whose figures are final
    CAMPAIGN_PAUSED = "campaign.paused"  # the day's ad cap was reached
    POSTED = "tiktok.posted"  # of the run that published it (A042)


FINAL_RUN_EVENTS = frozenset({EventKind.RUN_COMPLETED, EventKind.RUN_FAILED, EventKind.RUN_CANCELLED})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a run. `seq` counts up within the run, without repeats."""

    seq: int
    kind: str
    subject_id: UUID
    at: datetime
    payload: JsonObject

    def as_json(self) -> JsonObject:
        return {
            "type": self.kind,
            "seq": self.seq,
            "run_id": str(self.subject_id),
            "at": self.at.isoformat(),
            **self.payload,
        }

    def to_sse(self) -> str:
        """`id`, `event` and `data` lines, and a blank one (C049)."""
        return f"id: {self.seq}\nevent: {self.kind}\ndata: {canonical_json(self.as_json())}\n\n"

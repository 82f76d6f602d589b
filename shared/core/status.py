"""States and the legal moves between them, as data. `docs/state_machine.md` is the drawing.

Terminal states are absorbing: no move leaves them. The database holds the same line with guarded updates.
"""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return not RUN_MOVES[self]


class StepStatus(StrEnum):
    PENDING = "pending"  # waits for steps before it
    QUEUED = "queued"  # ready; a task wakes it
    RUNNING = "running"  # leased by one executor
    WAITING = "waiting"  # the agent suspended itself
    PENDING_APPROVAL = "pending_approval"  # a gate is open
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return not STEP_MOVES[self]


class AgentRunStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class TriggerType(StrEnum):
    MANUAL = "manual"
    WEBHOOK = "webhook"
    SCHEDULE = "schedule"
    API = "api"


class CallKind(StrEnum):
    LLM = "llm_call"
    TOOL = "tool_call"
    PROVIDER = "provider_call"
    SKILL = "skill_call"
    DB_WRITE = "db_write"


class CallOutcome(StrEnum):
    STARTED = "started"  # written before a billable call
    PAID = "paid"  # answered; the answer is kept
    REUSED = "reused"  # answered from an earlier attempt's row, for nothing
    IN_DOUBT = "in_doubt"  # we died between asking and writing the answer down
    WASTED = "wasted"  # answered, but the step was no longer ours
    FAILED = "failed"  # the other side said no


class GateStatus(StrEnum):
    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"  # its run ended before anybody decided

    @property
    def is_final(self) -> bool:
        return not GATE_MOVES[self]


class EffectStatus(StrEnum):
    PROPOSED = "proposed"  # kept; nothing happens
    RELEASED = "released"  # a gate let it go; its task wakes it
    DOING = "doing"  # leased by one executor
    DONE = "done"  # with the vendor's receipt
    REFUSED = "refused"  # rejected, or the vendor said no: nothing happened
    UNKNOWN = "unknown"  # nobody can tell whether it happened: a person decides

    @property
    def is_final(self) -> bool:
        return not EFFECT_MOVES[self]


GATE_MOVES: dict[GateStatus, frozenset[GateStatus]] = {
    GateStatus.OPEN: frozenset({GateStatus.APPROVED, GateStatus.REJECTED, GateStatus.CANCELLED}),
    GateStatus.APPROVED: frozenset(),
    GateStatus.REJECTED: frozenset(),
    GateStatus.CANCELLED: frozenset(),
}

EFFECT_MOVES: dict[EffectStatus, frozenset[EffectStatus]] = {
    EffectStatus.PROPOSED: frozenset({EffectStatus.RELEASED, EffectStatus.REFUSED}),
    EffectStatus.RELEASED: frozenset({EffectStatus.DOING, EffectStatus.REFUSED, EffectStatus.UNKNOWN}),
    EffectStatus.DOING: frozenset(
        {
            EffectStatus.DOING,  # a new attempt takes over after the lease ended, and looks first
            EffectStatus.RELEASED,  # nothing happened; later it may
            EffectStatus.DONE,
            EffectStatus.REFUSED,
            EffectStatus.UNKNOWN,
        }
    ),
    EffectStatus.UNKNOWN: frozenset({EffectStatus.RELEASED, EffectStatus.DONE, EffectStatus.REFUSED}),
    EffectStatus.DONE: frozenset(),
    EffectStatus.REFUSED: frozenset(),
}

RUN_MOVES: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.RUNNING: frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.SUCCEEDED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}

STEP_MOVES: dict[StepStatus, frozenset[StepStatus]] = {
    StepStatus.PENDING: frozenset({StepStatus.QUEUED, StepStatus.SKIPPED, StepStatus.CANCELLED}),
    StepStatus.QUEUED: frozenset({StepStatus.RUNNING, StepStatus.SKIPPED, StepStatus.CANCELLED}),
    StepStatus.RUNNING: frozenset(
        {
            StepStatus.RUNNING,  # a new attempt takes over after the lease ended
            StepStatus.QUEUED,  # a retryable failure, or a yield before the deadline
            StepStatus.WAITING,
            StepStatus.PENDING_APPROVAL,
            StepStatus.SUCCEEDED,
            StepStatus.FAILED,
            StepStatus.CANCELLED,
        }
    ),
    StepStatus.WAITING: frozenset({StepStatus.QUEUED, StepStatus.SKIPPED, StepStatus.CANCELLED}),
    StepStatus.PENDING_APPROVAL: frozenset(
        {
            StepStatus.QUEUED,  # decided: the step is woken and says what was decided
            StepStatus.WAITING,  # approved: until what it released is done
            StepStatus.SKIPPED,
            StepStatus.CANCELLED,
        }
    ),
    StepStatus.SUCCEEDED: frozenset(),
    StepStatus.FAILED: frozenset(),
    StepStatus.SKIPPED: frozenset(),
    StepStatus.CANCELLED: frozenset(),
}

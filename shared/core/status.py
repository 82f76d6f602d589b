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
    StepStatus.WAITING: frozenset({StepStatus.QUEUED, StepStatus.CANCELLED}),
    StepStatus.PENDING_APPROVAL: frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.CANCELLED}),
    StepStatus.SUCCEEDED: frozenset(),
    StepStatus.FAILED: frozenset(),
    StepStatus.SKIPPED: frozenset(),
    StepStatus.CANCELLED: frozenset(),
}

"""One attempt at one step, and how it may end."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from shared.core.definitions import OnFailure, RetryPolicy

ENGINES_OWN = RetryPolicy()
Ended = Literal["succeeded", "failed", "retrying", "yielded", "cancelled", "not_ours", "waiting", "pending_approval"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one step. `number` is the fence, `failures` came before it; `started` is this process's own
    monotonic clock."""

    workspace_id: UUID
    run_id: UUID
    step_id: UUID
    key: str
    number: int
    failures: int
    agent_run_id: UUID | None
    started: float
    retry: RetryPolicy = ENGINES_OWN
    on_failure: OnFailure = "fail"
    is_inside: bool = False  # of a run that a step of another one waits for


def left_behind(workspace_id: UUID, step: Any) -> Attempt:
    """The attempt that a loaded step stands at."""
    return Attempt(
        workspace_id=workspace_id,
        run_id=step.run_id,
        step_id=step.id,
        key=step.key,
        number=step.attempt,
        failures=step.failures,
        agent_run_id=step.agent_run_id,
        is_inside=step.is_inside,
        started=time.monotonic(),
    )

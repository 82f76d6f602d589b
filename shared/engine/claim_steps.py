"""Claiming steps: one statement takes those that go together, each guarded by the attempt that was seen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.definitions import APPROVAL_NODE, WORKFLOW_NODE
from shared.core.ids import new_id
from shared.engine.admission import as_array
from shared.engine.attempt import Attempt
from shared.engine.items import is_whole
from shared.engine.known import retry_of
from shared.engine.rooms import Rooms
from shared.engine.step_input import Ready
from shared.store.documents import as_jsonb
from shared.store.session import Step


@dataclass(frozen=True, slots=True)
class Claim:
    """A loaded step to take, with what it will be given."""

    step: Any
    ready: Ready
    agent_run_id: UUID | None

    @classmethod
    def of(cls, step: Any, ready: Ready) -> Claim:
        return cls(step, ready, _new_agent_run(step))

    def attempt(self, workspace_id: UUID, numbers: Mapping[UUID, int]) -> Attempt | None:
        """The attempt that was won; None if somebody else was faster. `numbers` are what the claim gave back."""
        step = self.step
        if step.id not in numbers:
            return None
        return Attempt(
            workspace_id=workspace_id,
            run_id=step.run_id,
            step_id=step.id,
            key=step.key,
            number=numbers[step.id],
            failures=step.failures,
            agent_run_id=self.agent_run_id,
            is_inside=step.is_inside,
            on_failure=step.definition.get("on_failure", "fail"),
            retry=retry_of(step),
            started=time.monotonic(),
        )

    def as_row(self) -> JsonObject:
        """What the statement is told of it."""
        return {
            "step_id": str(self.step.id),
            "seen_attempt": self.step.attempt,
            "agent_run_id": None if self.agent_run_id is None else str(self.agent_run_id),
            "input_jsonb": self.ready.given,
        }


def _new_agent_run(step: Any) -> UUID | None:
    """A gate is no agent, and has no agent run (C011); nor has what stands for all items of a list, or for a run."""
    return None if step.agent_name in (APPROVAL_NODE, WORKFLOW_NODE) or is_whole(step) else new_id()


def claim_move(claims: Sequence[Claim], rooms: Rooms, *, after: Sequence[UUID] = ()) -> Step:
    """The statement that takes the steps, all of one run. `after`: agent runs that the same transaction settles, and
    without which nothing is taken. A row for each step that was taken."""
    first = claims[0].step
    return "claim_steps", {
        "run_id": first.run_id,
        "claims": as_jsonb([claim.as_row() for claim in claims]),
        "step_ids": as_array(claim.step.id for claim in claims),
        "after": as_array(after),
        "lease_s": rooms.settings.step_lease_s,
        "brand_id": first.brief_jsonb.get("brand_id"),
        "trigger_type": first.trigger_type,
        "trigger_event_id": first.trigger_event_id,
    }

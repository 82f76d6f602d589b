"""Starting and reading runs in tests of the engine."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef, WorkflowStepDef
from shared.engine.admission import as_array
from shared.engine.members import Member
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.start_run import RunRequest, StartedRun, start_run
from shared.store.documents import as_jsonb


def step(key: str, *depends_on: str, agent: str = "echo", **more: Any) -> WorkflowStepDef:
    return WorkflowStepDef(key=key, agent_name=agent, depends_on=depends_on, **more)


def workflow(*steps: WorkflowStepDef, slug: str = "trial") -> WorkflowDef:
    return WorkflowDef(slug=slug, name="Trial", steps=steps)


def started(definition: WorkflowDef, workspace: UUID, rooms: Rooms, **more: Any) -> StartedRun:
    request = RunRequest(
        workspace_id=workspace, definition=definition, brief=more.pop("brief", {"handle": "x"}), created_by="t", **more
    )
    return start_run(request, rooms)


def owner_of(workspace: UUID, name: str = "ada") -> Member:
    return Member(workspace, name, ("owner",))


def steps_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> dict[str, JsonObject]:
    return {one["key"]: one for one in read_run(workspace, run_id, rooms)["steps"]}


def events_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "events_after", subject_id=run_id, after=0, limit=100_000)


def claim_of(step_id: UUID, agent_run_id: UUID, *, seen: int = 0, lease_s: float = 0.0) -> JsonObject:
    """The values of claim_steps for one step, but for its run: as an executor claims it. The lease is over at once."""
    claim = {"step_id": str(step_id), "seen_attempt": seen, "agent_run_id": str(agent_run_id), "input_jsonb": {}}
    return {
        "claims": as_jsonb([claim]),
        "step_ids": as_array([step_id]),
        "after": "{}",
        "lease_s": lease_s,
        "brand_id": None,
        "trigger_type": "api",
        "trigger_event_id": None,
    }

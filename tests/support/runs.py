"""Starting and reading runs in tests of the engine."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef, WorkflowStepDef
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.start_run import RunRequest, StartedRun, start_run


def step(key: str, *depends_on: str, agent: str = "echo", **more: Any) -> WorkflowStepDef:
    return WorkflowStepDef(key=key, agent_name=agent, depends_on=depends_on, **more)


def workflow(*steps: WorkflowStepDef, slug: str = "trial") -> WorkflowDef:
    return WorkflowDef(slug=slug, name="Trial", steps=steps)


def started(definition: WorkflowDef, workspace: UUID, rooms: Rooms, **more: Any) -> StartedRun:
    request = RunRequest(
        workspace_id=workspace, definition=definition, brief=more.pop("brief", {"handle": "x"}), created_by="t", **more
    )
    return start_run(request, rooms)


def steps_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> dict[str, JsonObject]:
    return {one["key"]: one for one in read_run(workspace, run_id, rooms)["steps"]}


def events_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "events_after", subject_id=run_id, after=0, limit=100_000)

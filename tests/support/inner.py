"""Steps that run workflows, the runs that they start, and how those ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.core.definitions import WorkflowDef, WorkflowStepDef
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller, store_workflow
from shared.workflows.check import check_definition
from tests.support.runs import events_of, step, steps_of


def runs(slug: str = "inner", key: str = "sub", *depends_on: str, **more: Any) -> WorkflowStepDef:
    return step(key, *depends_on, agent="workflow", workflow=slug, **more)


def stored(workspace: UUID, rooms: Rooms, *definitions: WorkflowDef) -> None:
    for definition in definitions:
        check_definition(definition)
        store_workflow(definition, Caller(workspace, "ada"), rooms)


def inner_of(run_id: UUID, workspace: UUID, rooms: Rooms, key: str = "sub") -> list[UUID]:
    """The runs that a step of the run has started, oldest first."""
    found = rooms.store.move(workspace, "runs_newest_first", status=None, workflow_slug=None, before=None, limit=100)
    step_id = steps_of(run_id, workspace, rooms)[key]["id"]
    own = [run.id for run in found if read_run(workspace, run.id, rooms)["parent_step_id"] == step_id]
    return own[::-1]


def ended(run_id: UUID, workspace: UUID, rooms: Rooms) -> dict[str, Any]:
    found = read_run(workspace, run_id, rooms)
    assert found["steps_open"] == 0
    assert [event.seq for event in events_of(run_id, workspace, rooms)] == list(range(1, found["version"] + 1))
    return found

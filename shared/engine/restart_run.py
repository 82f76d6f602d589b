"""Does a part of an earlier run again, as a run of its own: restart from a step, redrive of what failed, fork.

What comes before is taken over with its outputs and costs nothing. The old run stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.agents.registry import AGENT_REGISTRY
from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef, WorkflowStepDef
from shared.core.money import ZERO
from shared.core.status import TriggerType
from shared.engine.earlier_run import (
    Again,
    EarlierRun,
    check_may_repeat,
    done_again,
    estimate,
    fork_of,
    read_earlier,
)
from shared.engine.named_calls import check_calls
from shared.engine.read_run import shown
from shared.engine.rooms import Rooms
from shared.engine.start_run import RunRequest, StartedRun, start_run
from shared.engine.take_brief import Caller, check_subject, inner_ones
from shared.errors import ConflictError, InvalidInputError
from shared.store.documents import as_jsonb
from shared.workflows.check import OWN_FIELDS, check_brief, parse_definition

MOST_REDRIVEN = 100  # runs by one request


def repeat_run(again: Again, caller: Caller, rooms: Rooms) -> StartedRun:
    """Starts the new run. Raises `NotFoundError`, `ConflictError` (the run goes on, or there is nothing to do) and
    `InvalidInputError` (a step, field or option that is not there)."""
    earlier = read_earlier(caller.workspace_id, again.run_id, rooms)
    check_may_repeat(earlier, again)
    rerun = done_again(earlier, again)
    check_changed_steps(earlier, again, rerun)
    check_calls(caller.workspace_id, earlier, again, rooms)
    if not rerun:
        raise ConflictError(f"run {again.run_id}: every step succeeded; name the step to begin from")
    brief = _changed_brief(earlier.row.brief_jsonb, again)
    definition = _changed_definition(earlier.definition, again)
    if again.brief:
        _check_brief(definition, brief, again, caller, rooms)
    row = earlier.row
    request = RunRequest(
        workspace_id=caller.workspace_id,
        definition=definition,
        brief=brief,
        created_by=caller.subject,
        brief_id=row.brief_id,
        trigger_type=TriggerType(row.trigger_type),
        trigger_event_id=row.trigger_event_id,
        budget_usd=row.budget_usd,
        priority=row.priority,
        idempotency_key=caller.idempotency_key,
        fork=fork_of(earlier, again, rerun),
    )
    return start_run(request, rooms)


def _check_brief(definition: WorkflowDef, brief: JsonObject, again: Again, caller: Caller, rooms: Rooms) -> None:
    """What a new brief must be, a changed one must be. Fields that nobody changed are passed over."""
    changed = {name for name, value in again.brief.items() if value is not None}
    try:
        check_brief(definition, brief, changed - OWN_FIELDS, inner_ones(caller.workspace_id, rooms))
        check_subject(brief, caller, rooms)
    except InvalidInputError as wrong:
        field = (wrong.field or "").removeprefix("fields.")
        raise InvalidInputError(f"brief.{field}".rstrip("."), wrong.problem) from wrong


def _changed_brief(brief: JsonObject, again: Again) -> JsonObject:
    return {name: value for name, value in {**brief, **again.brief}.items() if value is not None}


def check_changed_steps(earlier: EarlierRun, again: Again, rerun: set[str]) -> None:
    """Only a step of the run that is done again may change. Raises `InvalidInputError`."""
    for field, keys in (("options", again.options), ("prompts", again.prompts)):
        for key in keys:
            if key not in earlier.steps:
                raise InvalidInputError(f"{field}.{key}", "is no step of this run")
            if key not in rerun:
                told = "is taken over, not done again; fork from it or from before it"
                raise InvalidInputError(f"{field}.{key}", told)


def _changed_definition(definition: WorkflowDef, again: Again) -> WorkflowDef:
    """The pinned definition, with the options and prompts of some steps changed."""
    if not again.options and not again.prompts:
        return definition
    changed = definition.model_copy(update={"steps": tuple(_changed_step(step, again) for step in definition.steps)})
    return parse_definition(changed.to_dag_jsonb())


def _changed_step(step: WorkflowStepDef, again: Again) -> WorkflowStepDef:
    """The step with other options; `model` is the step's own, where its agent has no option of that name. A changed
    prompt takes the place of one that was changed before."""
    changes = again.options.get(step.key, {})
    agent = AGENT_REGISTRY.get(step.agent_name)
    own: set[str] = set() if agent is None or "model" in agent.Input.model_fields else {"model"}
    update: dict[str, Any] = {name: value for name, value in changes.items() if name in own}
    options = {name: value for name, value in changes.items() if name not in own}
    prompts = {**step.prompts, **again.prompts.get(step.key, {})}
    return step.model_copy(update={**update, "options": _merged(step.options, options), "prompts": prompts})


def _merged(options: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**options, **changes}.items() if value is not None}


def runs_to_redrive(
    workspace_id: UUID,
    slug: str | None,
    error_class: str | None,
    limit: int,
    rooms: Rooms,
    *,
    among: Sequence[UUID] | None = None,
) -> list[UUID]:
    """Failed runs that nobody has restarted or redriven yet, newest first; only those `among` the ones given."""
    values = {
        "workflow_slug": slug,
        "error_class": error_class,
        "run_ids": None if among is None else as_jsonb([str(run_id) for run_id in among]),
        "limit": min(limit, MOST_REDRIVEN),
    }
    return [row.id for row in rooms.store.move(workspace_id, "runs_to_redrive", **values)]


def estimate_redrives(workspace_id: UUID, run_ids: list[UUID], rooms: Rooms) -> JsonObject:
    """What redriving these runs may cost together, in US dollars."""
    found = [_or_conflict(workspace_id, run_id, rooms) for run_id in run_ids]
    runs = [one for one in found if one is not None]
    total = sum((Decimal(run["estimated_usd"]) for run in runs), ZERO)
    return {"runs": runs, "estimated_usd": shown(total), "is_complete": all(run["is_complete"] for run in runs)}


def _or_conflict(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> JsonObject | None:
    try:
        return estimate(workspace_id, Again("redrive", run_id), rooms)
    except ConflictError:
        return None


def redrive_runs(run_ids: list[UUID], caller: Caller, rooms: Rooms) -> JsonObject:
    """Redrives each, once: asked again for a run that was redriven here, it is the same new run."""
    redriven: list[JsonObject] = []
    refused: list[JsonObject] = []
    for run_id in run_ids:
        own = replace(caller, idempotency_key=f"redrive of {run_id}")
        try:
            run = repeat_run(Again("redrive", run_id), own, rooms)
        except ConflictError as conflict:
            refused.append({"run_id": str(run_id), "why": conflict.message})
        else:
            redriven.append({"run_id": str(run_id), "workflow_run_id": str(run.run_id), "is_new": run.is_new})
    return {"redriven": redriven, "refused": refused}

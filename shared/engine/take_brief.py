"""Takes a brief, and starts runs of it: what the intake door calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.agents.registry import AGENT_REGISTRY
from shared.core.canonical import JsonObject, digest_of
from shared.core.definitions import WorkflowDef, WorkflowStepDef
from shared.core.ids import new_id
from shared.core.priority import Priority
from shared.engine.rooms import Rooms
from shared.engine.start_run import RunRequest, StartedRun, start_run
from shared.errors import (
    ConflictError,
    InvalidDefinitionError,
    InvalidInputError,
    NotEnoughSettingsError,
    NotFoundError,
)
from shared.providers.tiktok import check_account, normal_handle
from shared.store.connection import ConstraintError
from shared.store.documents import as_jsonb
from shared.workflows.check import OWN_FIELDS, check_brief, check_definition
from shared.workflows.seeded import SEEDED_WORKFLOWS

DEEPEST_RUN = 5  # runs inside of runs

MOST_KNOWN = 256  # definitions that a process keeps checked


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the key that makes asking twice harmless."""

    workspace_id: UUID
    subject: str
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class TakenBrief:
    brief_id: UUID
    created_at: datetime
    is_new: bool


def take_brief(outcome: str, brief: JsonObject, fields: JsonObject, caller: Caller, rooms: Rooms) -> TakenBrief:
    """Writes a brief, `pending`. Nothing is written if its workflow, its account or its dataset does not exist.

    `brief` holds the brief's own fields, `fields` what agents may need besides.
    """
    definition = definition_of(outcome, caller.workspace_id, rooms, field="outcome")
    check_brief(definition, {**fields, **brief}, fields, inner_ones(caller.workspace_id, rooms))
    check_subject(brief, caller, rooms)
    digest = digest_of({"outcome": outcome, "brief": brief, "fields": fields})
    rows = rooms.store.move(
        caller.workspace_id,
        "create_brief",
        workspace_id=caller.workspace_id,
        id=new_id(),
        brand_id=brief.get("brand_id"),
        outcome=outcome,
        handle=brief["handle"],
        target_type=brief["target_type"],
        notes=brief.get("notes"),
        dataset=brief.get("dataset"),
        budget_usd=brief.get("budget_usd"),
        fields=as_jsonb(fields),
        idempotency_key=caller.idempotency_key,
        request_digest=digest,
        created_by=caller.subject,
    )
    if rows:
        return TakenBrief(rows[0].id, rows[0].created_at, is_new=True)
    (known,) = rooms.store.move(caller.workspace_id, "brief_of_idempotency_key", idempotency_key=caller.idempotency_key)
    if known.request_digest != digest:
        raise ConflictError("was used before, with another request", field="Idempotency-Key")
    return TakenBrief(known.id, known.created_at, is_new=False)


def definition_of(slug: str, workspace_id: UUID, rooms: Rooms, *, field: str = "workflow_slug") -> WorkflowDef:
    """The definition a new run takes: the workspace's own if it stored one, else the seeded one (B054)."""
    rows = rooms.store.move(workspace_id, "newest_definition", slug=slug)
    if rows:
        return _checked(rows[0].digest, rows[0].dag_jsonb)
    if slug not in SEEDED_WORKFLOWS:
        stored = [row.slug for row in rooms.store.move(workspace_id, "stored_definitions")]
        known = ", ".join(sorted({*SEEDED_WORKFLOWS, *stored}))
        raise InvalidInputError(field, f"there is no workflow {slug!r}; there are: {known}")
    return SEEDED_WORKFLOWS[slug]


def inner_ones(workspace_id: UUID, rooms: Rooms) -> Callable[[str], WorkflowDef | None]:
    """Finds the workflows that a definition runs, for `check_brief`. One that is not there any more fails its step."""

    def named(slug: str) -> WorkflowDef | None:
        try:
            return definition_of(slug, workspace_id, rooms)
        except InvalidInputError:
            return None

    return named


_known: dict[tuple[str, frozenset[str]], WorkflowDef] = {}


def _checked(digest: str, dag_jsonb: JsonObject) -> WorkflowDef:
    """The stored definition, checked against the agents that this process knows: once for each digest."""
    key = digest, frozenset(AGENT_REGISTRY)
    if key not in _known:
        definition = WorkflowDef.from_dag_jsonb(dag_jsonb)
        check_definition(definition)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = definition
    return _known[key]


def check_subject(brief: JsonObject, caller: Caller, rooms: Rooms) -> None:
    """The account, its dataset and the brand that a brief names are there. Raises `InvalidInputError`."""
    brand_id, dataset = brief.get("brand_id"), brief.get("dataset")
    if brand_id is not None and not rooms.store.move(caller.workspace_id, "load_brand", brand_id=brand_id):
        raise InvalidInputError("brand_id", f"there is no brand {brand_id} in this workspace")
    if "handle" not in brief:
        return
    try:
        check_account(brief["handle"], dataset, caller.workspace_id)
    except NotEnoughSettingsError as none_there:
        if dataset is None:
            raise
        raise InvalidInputError("dataset", "there are no dataset files here; leave the field out") from none_there


def run_stored_brief(
    brief_id: UUID, slug: str, caller: Caller, rooms: Rooms, priority: Priority = Priority.NORMAL
) -> StartedRun:
    """Starts a run of a brief that was taken before."""
    definition = definition_of(slug, caller.workspace_id, rooms)
    rows = rooms.store.move(caller.workspace_id, "brief", brief_id=brief_id)
    if not rows:
        raise NotFoundError(f"there is no brief {brief_id} in this workspace", field="brief_id")
    brief = brief_of_row(rows[0])
    check_brief(definition, brief, rows[0].fields, inner_ones(caller.workspace_id, rooms))
    check_subject(brief, caller, rooms)
    asked = _Asked(brief_id, rows[0].budget_usd, priority)
    return _started(definition, brief, caller, rooms, asked)


def brief_of_row(row: Any) -> JsonObject:
    """A stored brief as its runs' steps see it."""
    own = {
        "handle": row.handle,
        "target_type": row.target_type,
        "notes": row.notes,
        "brand_id": None if row.brand_id is None else str(row.brand_id),
        "dataset": row.dataset,
        "budget_usd": None if row.budget_usd is None else f"{row.budget_usd.normalize():f}",
    }
    return {**row.fields, **{name: value for name, value in own.items() if value is not None}}


def run_ad_hoc(
    slug: str,
    brief: JsonObject,
    budget_usd: Decimal | None,
    caller: Caller,
    rooms: Rooms,
    priority: Priority = Priority.NORMAL,
) -> StartedRun:
    """Starts a run without a stored brief (X14)."""
    definition = definition_of(slug, caller.workspace_id, rooms)
    check_brief(definition, brief, brief.keys() - OWN_FIELDS, inner_ones(caller.workspace_id, rooms))
    check_subject(brief, caller, rooms)
    return _started(definition, brief, caller, rooms, _Asked(None, budget_usd, priority))


def run_one_agent(
    name: str, given: Mapping[str, Any], caller: Caller, rooms: Rooms, priority: Priority = Priority.NORMAL
) -> StartedRun:
    """Starts a run of one agent: a workflow of one step (DESIGN 9). Its input is checked before anything is written."""
    if name not in AGENT_REGISTRY:
        raise NotFoundError(f"unknown agent: {name}; there are: {', '.join(sorted(AGENT_REGISTRY))}", field="name")
    agent = AGENT_REGISTRY[name]()
    known = agent.Input.model_fields
    for field in given:
        if field not in known:
            raise InvalidInputError(
                f"input.{field}", f"{name} takes no such field; it takes: {', '.join(sorted(known))}"
            )
    try:
        parsed = agent.parse_input(agent.Input, given).model_dump(mode="json", exclude_unset=True)
        if "handle" in parsed:
            parsed["handle"] = normal_handle(parsed["handle"])
        check_subject(parsed, caller, rooms)
    except InvalidInputError as wrong:
        raise InvalidInputError(f"input.{wrong.field}", wrong.problem) from wrong
    step = WorkflowStepDef(key=name, agent_name=name)
    definition = WorkflowDef(slug=f"agent_{name}", name=f"One agent: {name}", steps=(step,))
    return _started(definition, parsed, caller, rooms, _Asked(priority=priority))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request for a run says besides its brief."""

    brief_id: UUID | None = None
    budget_usd: Decimal | None = None
    priority: Priority = Priority.NORMAL


def _started(definition: WorkflowDef, brief: JsonObject, caller: Caller, rooms: Rooms, asked: _Asked) -> StartedRun:
    request = RunRequest(
        workspace_id=caller.workspace_id,
        definition=definition,
        brief=brief,
        created_by=caller.subject,
        brief_id=asked.brief_id,
        budget_usd=asked.budget_usd,
        priority=asked.priority.level,
        idempotency_key=caller.idempotency_key,
    )
    return start_run(request, rooms)


def check_inner(definition: WorkflowDef, workspace_id: UUID, rooms: Rooms) -> None:
    """The workflows that a definition runs are there, none of them runs it again, and they go not too deep. Raises
    `InvalidDefinitionError`."""
    for step in definition.steps:
        if step.workflow is not None:
            try:
                _check_depth(step.workflow, (definition.slug,), workspace_id, rooms)
            except InvalidInputError as wrong:
                raise InvalidDefinitionError(step.key, "workflow", wrong.problem) from wrong
            _check_taken(step, definition_of(step.workflow, workspace_id, rooms))


def _check_taken(step: WorkflowStepDef, inner: WorkflowDef) -> None:
    keys = [one.key for one in inner.steps]
    for key in step.takes:
        if key not in keys:
            told = f"{inner.slug} has no step {key!r}; it has: {', '.join(keys[:20])}"
            raise InvalidDefinitionError(step.key, "takes", told)


def _check_depth(slug: str, outer: tuple[str, ...], workspace_id: UUID, rooms: Rooms) -> None:
    way = " -> ".join((*outer, slug))
    if slug in outer:
        raise InvalidInputError("workflow", f"runs itself: {way}")
    if len(outer) > DEEPEST_RUN:
        raise InvalidInputError("workflow", f"runs go {DEEPEST_RUN} deep inside of each other, at most: {way}")
    inner = definition_of(slug, workspace_id, rooms, field="workflow")
    for name in dict.fromkeys(step.workflow for step in inner.steps if step.workflow is not None):
        _check_depth(name, (*outer, slug), workspace_id, rooms)


def store_workflow(definition: WorkflowDef, caller: Caller, rooms: Rooms) -> str:
    """Stores a checked definition and returns its digest. A version is never overwritten with other content."""
    check_inner(definition, caller.workspace_id, rooms)
    try:
        rows = rooms.store.move(
            caller.workspace_id,
            "store_definition",
            workspace_id=caller.workspace_id,
            digest=definition.digest,
            slug=definition.slug,
            workflow_version=definition.version,
            name=definition.name,
            description=definition.description,
            dag_jsonb=definition.canonical,
        )
    except ConstraintError as taken:  # somebody stored another one at the same moment
        if taken.constraint != "tiktok_workflows_one_of_a_version":
            raise
        rows = []
    if not rows:
        raise ConflictError(
            f"{definition.slug!r} version {definition.version} is stored with other content; take the next one",
            field="version",
        )
    return str(rows[0].digest)

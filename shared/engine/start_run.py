"""Starts a run: a definition, a brief and who asked become a run with its steps, in one statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from shared.core.canonical import Json, JsonObject, digest_of
from shared.core.conditions import named_in
from shared.core.definitions import SENTINELS, WorkflowDef, WorkflowStepDef
from shared.core.graph import execution_order, successors_of
from shared.core.ids import new_id
from shared.core.inputs import BRIEF, ITEM, by_name, references_in
from shared.core.status import TriggerType
from shared.engine.admission import admit_move, as_array, let_in
from shared.engine.relay import wake_steps
from shared.engine.rooms import Rooms
from shared.errors import ConflictError
from shared.store.documents import as_jsonb
from shared.store.session import Step


@dataclass(frozen=True, slots=True)
class EarlierStep:
    """A step of the run that this one was forked from. `is_taken`: its output is taken over, it is not done again.

    `remembered` are the steps whose journals may answer the calls of this one, nearest first: those before the call
    `ask_from`, if one is named.
    """

    step_id: UUID
    agent_run_id: UUID | None
    output: Json
    is_taken: bool
    remembered: tuple[UUID, ...]
    ask_from: str | None = None


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a run begins that does a part of an earlier one again. `steps` by their keys."""

    kind: Literal["restart", "redrive", "fork"]
    run_id: UUID
    at_steps: tuple[str, ...]
    is_fresh: bool
    steps: Mapping[str, EarlierStep]


@dataclass(frozen=True, slots=True)
class Parent:
    """The step of another run that starts this one and waits for it. `depth`: how many runs this one is inside of;
    `root_run_id`: the outermost of them, whose cap bounds this one too, as do those of the step and of
    `outer_step_ids`, which wait for that other run."""

    run_id: UUID
    step_id: UUID
    depth: int
    root_run_id: UUID
    outer_step_ids: tuple[UUID, ...] = ()

    @property
    def waiting_step_ids(self) -> tuple[UUID, ...]:
        return (self.step_id, *self.outer_step_ids)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run to start. `brief` is what its steps see as `brief.x`; `idempotency_key` makes asking twice harmless. Of
    two runs of a workspace whose steps wait, those of the higher `priority` are let in first."""

    workspace_id: UUID
    definition: WorkflowDef
    brief: JsonObject
    created_by: str
    brief_id: UUID | None = None
    trigger_type: TriggerType = TriggerType.API
    trigger_event_id: str | None = None
    budget_usd: Decimal | None = None
    priority: int = 0
    idempotency_key: str | None = None
    fork: Fork | None = None
    parent: Parent | None = None

    @property
    def digest(self) -> str:
        """What the request asks for: two requests with one idempotency key must agree in it."""
        asked = {
            "definition": self.definition.digest,
            "brief_id": str(self.brief_id),
            "brief": self.brief,
            "budget_usd": str(self.budget_usd),
            **({"priority": self.priority} if self.priority and self.fork is None else {}),
        }
        if self.fork is not None:
            own = (self.fork.kind, str(self.fork.run_id), *self.fork.at_steps, str(self.fork.is_fresh))
            asked["fork"] = list(own)
        return digest_of(asked)


@dataclass(frozen=True, slots=True)
class StartedRun:
    run_id: UUID
    started_at: datetime
    is_new: bool


def start_run(request: RunRequest, rooms: Rooms) -> StartedRun:
    """Writes the run and wakes its first steps. The same idempotency key again gives the first answer.

    Raises `ConflictError` if the key was used for another request.
    """
    moves = starting(request, rooms)
    _, rows, *_, admitted = rooms.store.move_all(request.workspace_id, [*moves, admit_move(rooms)])
    wake_steps(rooms, let_in(request.workspace_id, admitted))
    if not rows:
        return _started_before(request, rooms)
    (run,) = rows
    return StartedRun(run_id=run.id, started_at=run.started_at, is_new=True)


def starting(request: RunRequest, rooms: Rooms) -> list[Step]:
    """The statements that start the run, for one transaction. The second one's row is the run, whose first
    steps are in the backlog then: `admit_move` goes behind."""
    values = _values(request, rooms)
    moves: list[Step] = [("lock_starts", {"workspace_id": request.workspace_id}), ("start_run", values)]
    if request.budget_usd is not None or request.brief_id is not None or request.definition.has_step_caps:
        capped = {"run_id": values["run_id"], "has_step_caps": request.definition.has_step_caps}
        moves += [("lock_spending", {"workspace_id": request.workspace_id}), ("cap_run", capped)]
    return moves


def _started_before(request: RunRequest, rooms: Rooms) -> StartedRun:
    (run,) = rooms.store.move(request.workspace_id, "run_of_idempotency_key", idempotency_key=request.idempotency_key)
    if run.request_digest != request.digest:
        raise ConflictError("was used before, with another request", field="Idempotency-Key")
    return StartedRun(run_id=run.id, started_at=run.started_at, is_new=False)


def _values(request: RunRequest, rooms: Rooms) -> dict[str, Any]:
    definition, fork = request.definition, request.fork
    taken = sum(step.is_taken for step in fork.steps.values()) if fork else 0
    return {
        "workspace_id": request.workspace_id,
        "run_id": new_id(),
        "digest": definition.digest,
        "slug": definition.slug,
        "workflow_version": definition.version,
        "name": definition.name,
        "description": definition.description,
        "dag_jsonb": definition.canonical,
        "brief_id": request.brief_id,
        "brief_jsonb": as_jsonb(request.brief),
        "trigger_type": request.trigger_type.value,
        "trigger_event_id": request.trigger_event_id,
        "budget_usd": request.budget_usd,
        "steps_total": len(definition.steps),
        "steps_open": len(definition.steps) - taken,
        "fork_kind": fork.kind if fork else None,
        "forked_from_run_id": fork.run_id if fork else None,
        "forked_at_steps": as_jsonb(list(fork.at_steps)) if fork else None,
        "parent_run_id": request.parent.run_id if request.parent else None,
        "parent_step_id": request.parent.step_id if request.parent else None,
        "depth": request.parent.depth if request.parent else 0,
        "root_run_id": request.parent.root_run_id if request.parent else None,
        "outer_step_ids": as_array(request.parent.waiting_step_ids) if request.parent else None,
        "created_by": request.created_by,
        "idempotency_key": request.idempotency_key,
        "request_digest": request.digest,
        "steps": as_jsonb(step_rows(definition, fork)),
        "grace_s": rooms.settings.sweep_grace_s,
        "priority": request.priority,
    }


def step_rows(definition: WorkflowDef, fork: Fork | None = None) -> list[JsonObject]:
    """The steps as rows, in execution order. Each holds all it needs, so that no step ever loads the whole run."""
    earlier = fork.steps if fork else {}
    taken = {key for key, step in earlier.items() if step.is_taken}
    by_key = {step.key: step for step in definition.steps}
    depends_on = {step.key: tuple(dict.fromkeys(step.depends_on)) for step in definition.steps}
    after = successors_of(depends_on)
    keys = by_key.keys()
    ids = dict(zip(keys, sorted(str(new_id()) for _ in keys), strict=True))  # in the order of the definition
    return [
        {
            "id": ids[key],
            "idx": idx,
            "key": key,
            "agent_name": by_key[key].agent_name,
            "label": by_key[key].title,
            "definition": {**_own_part(by_key[key], ids), **_asked_from(earlier.get(key))},
            "depends_on": depends_on[key],
            "successors": [ids[name] for name in after[key]],
            "sources": [ids[name] for name in sources_of(by_key[key], keys)],
            "waiting_on": len(set(depends_on[key]) - taken),
            **(_from_earlier(earlier[key]) if key in earlier else {}),
        }
        for idx, key in enumerate(execution_order(depends_on))
    ]


def _asked_from(step: EarlierStep | None) -> JsonObject:
    """Of the run, not of its definition: a redrive of it need not ask anew what this one was answered."""
    return {} if step is None or step.ask_from is None else {"ask_from": step.ask_from}


def _from_earlier(step: EarlierStep) -> JsonObject:
    """What a step of a forked run has from the earlier one; of a step that is done again, no more than its memory."""
    memory = {"earlier_steps": [str(step_id) for step_id in step.remembered] or None}
    if not step.is_taken:
        return memory
    agent_run = None if step.agent_run_id is None else str(step.agent_run_id)
    return {**memory, "taken_from": str(step.step_id), "agent_run_id": agent_run, "output_jsonb": step.output}


def _own_part(step: WorkflowStepDef, ids: Mapping[str, str]) -> JsonObject:
    own = {
        "input_map": {field: by_name(value, ids) for field, value in step.input_map.items()},
        "options": step.options,
        "target_output_field": step.target_output_field,
        "approval_required_by": step.approval_required_by,
        **step.flow,
    }
    if step.for_each is not None:
        named = dict.fromkeys(_roots(step.input_map.values(), ids))
        own["for_each"] = by_name(step.for_each, ids)
        own["item_sources"] = [ids[name] for name in named if name in ids]
    return own


def sources_of(step: WorkflowStepDef, keys: Collection[str]) -> list[str]:
    """The steps whose ends this one reads: those its input_map and its condition name, of a sentinel all before it. A
    for_each step reads what its list is in; what its input_map names is for its items to read."""
    paths = step.input_map.values() if step.for_each is None else (step.for_each,)
    found = dict.fromkeys(_roots(paths, keys))
    if step.when is not None:
        found.update(dict.fromkeys(named.root for named in named_in(step.when)))
    if step.agent_name in SENTINELS:
        found.update(dict.fromkeys(step.depends_on))
    return [root for root in found if root not in (BRIEF, ITEM)]


def _roots(paths: Iterable[str], keys: Collection[str]) -> Iterator[str]:
    for path in paths:
        yield from (reference.root for reference in references_in(path, keys))

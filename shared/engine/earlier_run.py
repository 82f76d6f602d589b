"""An earlier run, read to do a part of it again: which steps are done again, which are taken over, what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from shared.core.canonical import Json, JsonObject
from shared.core.definitions import APPROVAL_NODE, WorkflowDef
from shared.core.graph import successors_of
from shared.core.money import ZERO, usd
from shared.core.prompts import PromptChange
from shared.core.status import RunStatus, StepStatus
from shared.engine.read_run import no_run, shown
from shared.engine.rooms import Rooms
from shared.engine.start_run import EarlierStep, Fork
from shared.errors import ConflictError, InvalidInputError
from shared.store.documents import as_jsonb

Kind = Literal["restart", "redrive", "fork"]
MOST_REMEMBERED = 8  # earlier runs whose journals are asked, the nearest ones


@dataclass(frozen=True, slots=True)
class Again:
    """What to do again of a run. Without `from_step`: what did not succeed.

    `is_fresh` makes every call anew, also those that the journal has the answer to; `from_call` those of `from_step`
    from this one on. `brief` changes fields of the brief (None takes one out), `options` those of steps, by the step's
    key, and `prompts` those of their calls.
    """

    kind: Kind
    run_id: UUID
    from_step: str | None = None
    from_call: str | None = None
    is_fresh: bool = False
    brief: Mapping[str, Json] = field(default_factory=dict)
    options: Mapping[str, JsonObject] = field(default_factory=dict)
    prompts: Mapping[str, Mapping[str, PromptChange]] = field(default_factory=dict)

    @property
    def from_place(self) -> str | None:
        """The step to begin at, or the call of it."""
        return self.from_step if self.from_call is None else f"{self.from_step}:{self.from_call}"


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A run with its pinned definition and its steps by key."""

    row: Any
    definition: WorkflowDef
    steps: Mapping[str, Any]

    @property
    def depends_on(self) -> dict[str, tuple[str, ...]]:
        return {step.key: step.depends_on for step in self.definition.steps}


def read_earlier(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> EarlierRun:
    """Raises `NotFoundError`."""
    asked = {"run_id": run_id}
    runs, steps = rooms.store.move_all(workspace_id, [("run_to_repeat", asked), ("steps_to_repeat", asked)])
    if not runs:
        raise no_run(run_id)
    return EarlierRun(runs[0], WorkflowDef.from_dag_jsonb(runs[0].dag_jsonb), {step.key: step for step in steps})


def check_may_repeat(earlier: EarlierRun, again: Again) -> None:
    """Raises `ConflictError` for a run that goes on, or that a redrive has nothing to do in."""
    status, run_id = earlier.row.status, earlier.row.id
    if again.kind == "fork":
        return
    if not RunStatus(status).is_final:
        raise ConflictError(f"run {run_id} is still running; cancel it first, or fork it")
    at_work = [key for key, step in earlier.steps.items() if step.is_at_work]
    if at_work:
        raise ConflictError(f"run {run_id} has ended, but {', '.join(at_work)} is still at work; try again in a moment")
    if again.kind == "redrive" and status == RunStatus.SUCCEEDED:
        raise ConflictError(f"run {run_id} succeeded: there is nothing to redrive; restart it from a step")


def done_again(earlier: EarlierRun, again: Again) -> set[str]:
    """The steps to do: the chosen one, those that did not succeed, and all that come after any of them.

    Where a gate is among them, so is whatever proposed the effects that it would show: effects belong to their run.
    """
    if again.from_step is not None and again.from_step not in earlier.steps:
        raise InvalidInputError("from_step", f"the run has no step {again.from_step!r}; {_known(earlier.steps)}")
    unfinished = {key for key, step in earlier.steps.items() if step.status != StepStatus.SUCCEEDED}
    starts = unfinished | ({again.from_step} if again.from_step else set())
    depends_on = earlier.depends_on
    while True:
        rerun = downstream(depends_on, starts)
        gates = (step.key for step in earlier.definition.steps if step.agent_name == APPROVAL_NODE)
        asked_about = {key for gate in gates if gate in rerun for key in depends_on[gate]}
        proposers = {key for key in asked_about - rerun if earlier.steps[key].has_proposed}
        if not proposers:
            return rerun
        starts |= proposers


def _known(keys: Iterable[str]) -> str:
    return f"it has: {', '.join(list(keys)[:50])}"


def downstream(depends_on: Mapping[str, Sequence[str]], starts: Iterable[str]) -> set[str]:
    """The keys given, and every key that comes after one of them."""
    after = successors_of(depends_on)
    found, to_visit = set(starts), list(starts)
    while to_visit:
        for key in after[to_visit.pop()]:
            if key not in found:
                found.add(key)
                to_visit.append(key)
    return found


def fork_of(earlier: EarlierRun, again: Again, rerun: set[str]) -> Fork:
    """What the new run has from the earlier one."""
    frontier = (key for key in earlier.steps if key in rerun and not rerun & set(earlier.depends_on[key]))
    steps = {
        key: EarlierStep(
            step_id=step.id,
            agent_run_id=step.agent_run_id,
            output=step.output_jsonb,
            is_taken=key not in rerun,
            remembered=remembered_by(step, again) if key in rerun else memory_of(step),
            ask_from=_asked_from(step, again) if key in rerun else None,
        )
        for key, step in earlier.steps.items()
    }
    at_steps = (again.from_place,) if again.from_place else tuple(frontier)
    return Fork(again.kind, earlier.row.id, at_steps, again.is_fresh, steps)


def remembered_by(step: Any, again: Again) -> tuple[UUID, ...]:
    """The steps whose journals may answer the calls of this one when it is done again: none for one that changed, but
    for what comes before the call to begin at, or beside a changed prompt."""
    is_cut = again.from_call is not None and step.key == again.from_step
    is_changed = bool(again.brief) or step.key in again.options
    return () if again.is_fresh or (is_changed and not is_cut) else memory_of(step)


def memory_of(step: Any) -> tuple[UUID, ...]:
    """The step and those that it had done again, nearest first. One that was to ask anew from a call on, and has begun,
    has of the earlier ones all that it was to have."""
    has_begun = step.ask_from is not None and step.attempt > 0
    return (step.id, *(() if has_begun else step.earlier_steps or ()))[:MOST_REMEMBERED]


def _asked_from(step: Any, again: Again) -> str | None:
    """The call from which on the step is to ask anew."""
    if step.key == again.from_step and again.from_call is not None:
        return again.from_call
    return step.ask_from if step.attempt == 0 and not again.is_fresh else None


def estimate(workspace_id: UUID, again: Again, rooms: Rooms) -> JsonObject:
    """What doing it again may cost, in US dollars, from what those steps cost before. Starts nothing.

    Of a step that succeeded, its own cost counts; of another, what it usually costs in this workflow; less what its
    journal has the answers to. `is_complete` is false if a step has never succeeded in this workflow.
    """
    earlier = read_earlier(workspace_id, again.run_id, rooms)
    check_may_repeat(earlier, again)
    rerun = done_again(earlier, again)
    remembered, usual = _costs(workspace_id, earlier, rerun, rooms)
    steps = [_estimated(step, again, remembered, usual) for step in _in(earlier, rerun)]
    return {
        "workflow_run_id": str(earlier.row.id),
        "kind": again.kind,
        "workflow_slug": earlier.row.workflow_slug,
        "steps": steps,
        "taken_over": [key for key in earlier.steps if key not in rerun],
        "estimated_usd": shown(sum((Decimal(step["estimated_usd"]) for step in steps), ZERO)),
        "is_complete": all(step["basis"] != "unknown" for step in steps),
    }


def _in(earlier: EarlierRun, keys: set[str]) -> list[Any]:
    return [step for key, step in earlier.steps.items() if key in keys]


def _costs(
    workspace_id: UUID, earlier: EarlierRun, rerun: set[str], rooms: Rooms
) -> tuple[dict[UUID, Decimal], dict[str, Decimal]]:
    """What is remembered, by step id, and what is usual, by step key."""
    ids = [str(one) for step in _in(earlier, rerun) for one in memory_of(step)]
    remembered, usual = rooms.store.move_all(
        workspace_id,
        [("costs_remembered", {"step_ids": as_jsonb(ids)}), ("usual_costs", {"slug": earlier.row.workflow_slug})],
    )
    return {row.step_id: row.cost_usd for row in remembered}, {row.key: row.cost_usd for row in usual}


def _estimated(step: Any, again: Again, remembered: Mapping[UUID, Decimal], usual: Mapping[str, Decimal]) -> JsonObject:
    whole, basis = _whole_cost(step, usual)
    reusable = sum((remembered.get(one, ZERO) for one in remembered_by(step, again)), ZERO)
    return {
        "key": step.key,
        "status": step.status,
        "cost_before_usd": shown(step.cost_usd or ZERO),
        "reusable_usd": shown(reusable),
        "estimated_usd": shown(usd(max(whole - reusable, ZERO))),
        "basis": basis,
    }


def _whole_cost(step: Any, usual: Mapping[str, Decimal]) -> tuple[Decimal, str]:
    """What the step costs from its first call to its last, and how we know."""
    if step.status == StepStatus.SUCCEEDED and step.taken_from is None:
        return step.cost_usd or ZERO, "this_run"
    if step.key in usual:
        return usual[step.key], "earlier_runs"
    return step.cost_usd or ZERO, "unknown"

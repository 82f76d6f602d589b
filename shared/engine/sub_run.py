"""A step that runs a workflow: its input is the brief of a run of its own, and the step waits for the end of that.

claimed → no run yet: it is started → waiting, without compute
        → the run has ended → the step succeeds with what it came to, or fails as it did
        → no run yet, but the step takes one that is recent enough: it succeeds with what that came to
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from shared.agents.base import AgentResult
from shared.core.canonical import Json, JsonObject
from shared.core.status import RunStatus, TriggerType
from shared.engine.admission import admit_move, let_in
from shared.engine.attempt import Attempt, Ended
from shared.engine.earlier_run import Again, fork_of, read_earlier
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.start_run import Fork, Parent, RunRequest, starting
from shared.engine.take_brief import DEEPEST_RUN, Caller, check_subject, definition_of
from shared.engine.times import Times
from shared.errors import EngineError, RunCancelledError, SubWorkflowFailedError
from shared.providers.handles import handle_or_none, normal_handle
from shared.store.documents import as_jsonb
from shared.store.session import Step
from shared.workflows.check import OWN_FIELDS, check_brief


def run_sub_workflow(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> AgentResult | EngineError | Ended:
    """What a claimed step comes to. Each try of its retry policy is a run of its own; asking twice starts it once."""
    key = f"sub-run of step {attempt.step_id}, try {attempt.failures + 1}"
    rows = rooms.store.move(attempt.workspace_id, "sub_run_of_step", idempotency_key=key, takes=_takes(step))
    if rows and RunStatus(rows[0].status).is_final:
        return _came_to(rows[0])
    times = Times.of(step, rooms.settings)
    if times.is_over:
        return times.error(attempt.key)
    if not rows and (recent := _recent(attempt, step, given, rooms)) is not None:
        return recent
    try:
        starts = [] if rows else starting(_request(attempt, step, given, key, rooms), rooms)
    except EngineError as wrong:
        return wrong
    return _wait(attempt, key, starts, rooms)


def _recent(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> AgentResult | None:
    """What a run came to that makes a new one needless; None if the step takes none, or there is none."""
    within_s = step.definition.get("reuse_within_s")
    if within_s is None:
        return None
    handle = given.get("handle")
    rows = rooms.store.move(
        attempt.workspace_id,
        "recent_run_of_workflow",
        run_id=attempt.run_id,
        key=attempt.key,
        slug=step.definition["workflow"],
        within_s=within_s,
        takes=_takes(step),
        handle=handle_or_none(handle) if isinstance(handle, str) else None,
        brand_id=_text(given.get("brand_id")),
        dataset=_text(given.get("dataset")),
    )
    if not rows:
        return None
    (run,) = rows
    day, age = f"{run.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", days(run.age_s)
    told = f"not run again: run {run.id} began on {day}, {age} ago; one of the last {days(within_s)} will do"
    reused = {"started_at": run.started_at.isoformat(), "age_s": round(run.age_s), "told": told}
    return AgentResult(output=_output(run, reused))


def _takes(step: Any) -> str | None:
    """The keys of the inner steps whose outputs are wanted besides those of the last ones, as jsonb."""
    return as_jsonb(step.definition.get("takes", []))


def _text(value: Json) -> str | None:
    return None if value is None else str(value)


def days(seconds: float) -> str:
    """A time for people: days where there are whole ones, else hours or minutes."""
    for unit, length in (("day", 86_400), ("hour", 3_600)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "less than an hour"


def _came_to(run: Any) -> AgentResult | EngineError:
    if run.status != RunStatus.SUCCEEDED:
        why = run.error_message or "it was ended"
        return SubWorkflowFailedError(f"run {run.id} of {run.workflow_slug} {run.status}: {why}")
    return AgentResult(output=_output(run, None))


def _output(run: Any, reused: JsonObject | None) -> JsonObject:
    """`cost_usd` is what the run cost when it was made; `reused` says that this was before, and why it will do."""
    return {
        "run_id": str(run.id),
        "status": run.status,
        "report_md": run.report_md,
        "outputs": run.outputs or {},
        "cost_usd": None if run.total_cost_usd is None else f"{run.total_cost_usd:f}",
        "reused": reused,
    }


def _wait(attempt: Attempt, key: str, starts: list[Step], rooms: Rooms) -> Ended | EngineError:
    """Starts the run and lets go of the step, both or neither."""
    waiting = {
        "run_id": attempt.run_id,
        "step_id": attempt.step_id,
        "attempt": attempt.number,
        "idempotency_key": key,
    }
    moves: list[Step] = [*starts[:1], ("lock_run", {"run_id": attempt.run_id}), *starts[1:]]  # as a pause locks
    moves += [("wait_for_sub_run", waiting), admit_move(rooms)]
    found = rooms.store.move_all(attempt.workspace_id, moves)
    begun = {name: rows for (name, _), rows in zip(moves, found, strict=True)}
    wake_steps(rooms, let_in(attempt.workspace_id, begun["admit_steps"]))
    for step in begun["wait_for_sub_run"]:
        if step.status == "queued":
            wake_steps(rooms, [WakeUp(attempt.workspace_id, attempt.run_id, step.id, step.attempt, reason="sub_run")])
        return "waiting"
    return RunCancelledError("the run was cancelled, or another attempt owns this step now")


def _request(attempt: Attempt, step: Any, given: JsonObject, key: str, rooms: Rooms) -> RunRequest:
    """The run to start. Raises for a workflow that is not there, or a brief that it does not take."""
    (outer,) = rooms.store.move(attempt.workspace_id, "parent_of_sub_run", run_id=attempt.run_id)
    slug = step.definition["workflow"]
    if outer.depth >= DEEPEST_RUN:
        raise SubWorkflowFailedError(f"{slug} was not run: runs go {DEEPEST_RUN} deep inside of each other, at most")
    definition = definition_of(slug, attempt.workspace_id, rooms, field="workflow")
    own = {*step.definition["input_map"], *step.definition["options"]}
    if isinstance(given.get("handle"), str):
        given = {**given, "handle": normal_handle(given["handle"])}  # in its one spelling, as in every other brief
    check_brief(definition, given, own - OWN_FIELDS)
    check_subject(given, Caller(attempt.workspace_id, outer.created_by), rooms)
    return RunRequest(
        workspace_id=attempt.workspace_id,
        definition=definition,
        brief=given,
        created_by=outer.created_by,
        brief_id=outer.brief_id,
        trigger_type=TriggerType(outer.trigger_type),
        trigger_event_id=outer.trigger_event_id,
        idempotency_key=key,
        fork=_memory(attempt, step, definition.digest, rooms),
        priority=outer.priority,
        parent=Parent(
            attempt.run_id, attempt.step_id, outer.depth + 1, outer.root_run_id, tuple(outer.outer_step_ids or ())
        ),
    )


def _memory(attempt: Attempt, step: Any, digest: str, rooms: Rooms) -> Fork | None:
    """Where this step is done again: the run it had started before. All of that is done again, and answers from its
    journals what it had asked."""
    for earlier_step in step.earlier_steps or ():
        for row in rooms.store.move(attempt.workspace_id, "earlier_sub_run", step_id=earlier_step):
            earlier = read_earlier(attempt.workspace_id, row.id, rooms)
            if earlier.row.definition_digest == digest:
                return fork_of(earlier, Again("redrive", row.id), set(earlier.steps))
    return None

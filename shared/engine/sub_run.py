"""A step that runs a workflow: its input is the brief of a run of its own, and the step waits for the end of that.

claimed → no run yet: it is started → waiting, without compute
        → the run has ended → the step succeeds with what it came to, or fails as it did
"""

from __future__ import annotations

from typing import Any

from shared.agents.base import AgentResult
from shared.core.canonical import JsonObject
from shared.core.status import RunStatus, TriggerType
from shared.engine.admission import admit_move, let_in
from shared.engine.attempt import Attempt, Ended
from shared.engine.earlier_run import Again, fork_of, read_earlier
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.engine.start_run import Fork, Parent, RunRequest, starting
from shared.engine.take_brief import DEEPEST_RUN, Caller, check_subject, definition_of
from shared.errors import EngineError, RunCancelledError, SubWorkflowFailedError
from shared.store.session import Step
from shared.workflows.check import OWN_FIELDS, check_brief


def run_sub_workflow(attempt: Attempt, step: Any, given: JsonObject, rooms: Rooms) -> AgentResult | EngineError | Ended:
    """What a claimed step comes to. Each try of its retry policy is a run of its own; asking twice starts it once."""
    key = f"sub-run of step {attempt.step_id}, try {attempt.failures + 1}"
    rows = rooms.store.move(attempt.workspace_id, "sub_run_of_step", idempotency_key=key)
    if rows and RunStatus(rows[0].status).is_final:
        return _came_to(rows[0])
    try:
        starts = [] if rows else starting(_request(attempt, step, given, key, rooms), rooms)
    except EngineError as wrong:
        return wrong
    return _wait(attempt, key, starts, rooms)


def _came_to(run: Any) -> AgentResult | EngineError:
    if run.status != RunStatus.SUCCEEDED:
        why = run.error_message or "it was ended"
        return SubWorkflowFailedError(f"run {run.id} of {run.workflow_slug} {run.status}: {why}")
    output = {"run_id": str(run.id), "status": run.status, "report_md": run.report_md, "outputs": run.outputs or {}}
    return AgentResult(output=output)


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

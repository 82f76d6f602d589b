"""The calls that a fork names: each must be one that its step has made, or it would silently change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from shared.core.prompts import EVERY_CALL, CallName
from shared.core.status import StepStatus
from shared.engine.earlier_run import Again, EarlierRun, memory_of
from shared.engine.rooms import Rooms
from shared.errors import InvalidInputError
from shared.llm.claude import REPAIR
from shared.store.documents import as_jsonb
from shared.workflows.check_flow import asks_a_model

MOST_TOLD = 20  # calls that an error lists

Made = Mapping[tuple[str, bool], int]  # how many calls of a label a step made; whether of a model


def check_calls(workspace_id: UUID, earlier: EarlierRun, again: Again, rooms: Rooms) -> None:
    """Raises `InvalidInputError` for a call that its step has not made, or a step that asks no model."""
    if again.from_call is not None:
        _check_cut(workspace_id, earlier, again, rooms)
    for key, changes in again.prompts.items():
        agent = earlier.definition.step(key).agent_name
        if not asks_a_model(agent):
            raise InvalidInputError(f"prompts.{key}", f"the step asks no model: its agent is {agent}")
        made = _made_by(workspace_id, earlier, key, rooms)
        if earlier.steps[key].status == StepStatus.SUCCEEDED and not _of_models(made):
            raise InvalidInputError(f"prompts.{key}", "the step made no call of a model")
        for name in changes:
            if name != EVERY_CALL:
                _check_named(f"prompts.{key}.{name}", CallName.parse(name), _of_models(made), key)


def _check_cut(workspace_id: UUID, earlier: EarlierRun, again: Again, rooms: Rooms) -> None:
    if again.from_step is None:
        raise InvalidInputError("from_call", "needs from_step: the step that made it")
    if again.is_fresh:
        raise InvalidInputError("fresh", "makes every call anew; leave it out, or from_call")
    made = _made_by(workspace_id, earlier, again.from_step, rooms)
    _check_named("from_call", CallName.parse(again.from_call or ""), made, again.from_step)


def _made_by(workspace_id: UUID, earlier: EarlierRun, key: str, rooms: Rooms) -> Made:
    ids = as_jsonb([str(one) for one in memory_of(earlier.steps[key])])
    rows = rooms.store.move(workspace_id, "calls_to_name", step_ids=ids)
    return {(row.label, row.is_model): row.calls for row in rows}


def _of_models(made: Made) -> Made:
    """Those of a model, but for corrections: these go on with what the call that they correct was told."""
    return {named: calls for named, calls in made.items() if named[1] and not named[0].endswith(REPAIR)}


def _check_named(field: str, name: CallName, made: Made, key: str) -> None:
    calls = max((many for (label, _), many in made.items() if label == name.label), default=0)
    if calls >= (name.number or 1):
        return
    if calls:
        raise InvalidInputError(field, f"step {key!r} made {calls} calls {name.label!r}")
    known = [label if many == 1 else f"{label} ({many})" for (label, _), many in list(made.items())[:MOST_TOLD]]
    told = f"; it made: {', '.join(known)}" if known else "; it made none"
    raise InvalidInputError(field, f"step {key!r} made no call {name.label!r}{told}")

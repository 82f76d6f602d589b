"""What a step that is ready comes to before it is claimed: it is skipped, or done with an input, or fails for want of
one. All of it follows from rows that cannot change any more, so whoever looks again decides the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.canonical import Json, JsonObject
from shared.core.conditions import Skip, holds, joined
from shared.core.definitions import APPROVAL_NODE, SENTINELS
from shared.core.inputs import BRIEF, ITEM, BadPathError, resolve_inputs, resolved_value
from shared.core.status import StepStatus
from shared.engine.items import MOST_ITEMS, is_whole
from shared.engine.known import check_known
from shared.errors import EngineError, InputUnresolvedError, LostTooOftenError, TerminalError

SHOWN = ("agent_name", "label", "status", "output")


@dataclass(frozen=True, slots=True)
class Ready:
    """A step to claim. `wrong` says why it has no input: a failure of the step, which is claimed all the same."""

    given: JsonObject
    wrong: EngineError | None = None


def decided(step: Any, max_lost_attempts: int) -> Ready | Skip:
    """What to do with a loaded step. Whether it is done at all is asked once, before its first attempt."""
    lost = step.lost + (step.status == StepStatus.RUNNING)
    if lost > max_lost_attempts:
        return Ready({}, LostTooOftenError(f"{lost} executors died doing this step; it is not tried again"))
    try:
        check_known(step)
        skip = _skip(step) if step.attempt == 0 else None
        return skip or Ready(_input_of(step))
    except TerminalError as wrong:
        return Ready({}, wrong)


def _skip(step: Any) -> Skip | None:
    own = step.definition
    if step.failed_before or step.skipped_before:
        skip = joined(own.get("join", "all"), step.expected, step.failed_before, step.skipped_before)
        if skip is not None:
            return skip
    condition = own.get("when")
    if condition is None:
        return None
    ends = {source["key"]: {"output": source["output"], "status": source["status"]} for source in step.sources or ()}
    try:
        if holds(condition, step.brief_jsonb, ends):
            return None
    except BadPathError as wrong:
        raise InputUnresolvedError(step.key, "when", condition, str(wrong)) from wrong
    return Skip("condition_false", f"not begun: its condition is not met: {condition}", "skip")


def _input_of(step: Any) -> JsonObject:
    if not is_whole(step):
        return resolved_input(step)
    return {} if step.items is not None else {"items": _items(step)}


def _items(step: Any) -> list[Json]:
    """The list that a for_each step goes through. Raises `InputUnresolvedError`."""
    path = step.definition["for_each"]
    outputs, without_output = sources_of(step)
    roots = {BRIEF: step.brief_jsonb, **outputs}
    found = resolved_value(step.key, "for_each", path, roots, outputs.keys() | without_output, without_output)
    if not isinstance(found, list):
        raise InputUnresolvedError(step.key, "for_each", path, f"is {_kind(found)}, not a list")
    if len(found) > MOST_ITEMS:
        raise InputUnresolvedError(step.key, "for_each", path, f"has {len(found)} items; {MOST_ITEMS} at most")
    return found


def _kind(value: Json) -> str:
    kinds = {dict: "an object", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


def resolved_input(step: Any) -> JsonObject:
    """The input of a loaded step. Raises `InputUnresolvedError`."""
    own = step.definition
    outputs, without_output = sources_of(step)
    keys = outputs.keys() | without_output
    if step.parent_step_id is not None:
        outputs[ITEM] = step.item
    given = resolve_inputs(step.key, own["input_map"], own["options"], step.brief_jsonb, outputs, keys, without_output)
    if step.agent_name in SENTINELS:
        given = {**given, **_what_came_before(step, step.sources or [])}
    return given


def sources_of(step: Any) -> tuple[dict[str, Json], frozenset[str]]:
    """The outputs that a loaded step reads, by key; and the keys of the steps that ended without one."""
    sources = step.sources or []
    outputs = {source["key"]: source["output"] for source in sources if source["output"] is not None}
    without = (source["key"] for source in sources if source["status"] != StepStatus.SUCCEEDED)
    return outputs, frozenset(without)


def _what_came_before(step: Any, sources: list[Mapping[str, Json]]) -> JsonObject:
    """The steps before a gate or a report. A report also tells what they cost; a proposal is the same at any cost."""
    names = SHOWN if step.agent_name == APPROVAL_NODE else (*SHOWN, "cost_usd")
    return {
        "workflow": step.workflow,
        "brief": step.brief_jsonb,
        "upstream": {source["key"]: {name: source[name] for name in names} for source in sources},
    }

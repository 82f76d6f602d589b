"""Checks a definition when it is stored and when a run starts: errors name the step and the field (DESIGN 9)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.agents.registry import AGENT_REGISTRY
from shared.core.canonical import Json
from shared.core.conditions import named_in
from shared.core.definitions import APPROVAL_NODE, SENTINELS, WORKFLOW_NODE, WorkflowDef, WorkflowStepDef
from shared.core.graph import CycleError, execution_order
from shared.core.inputs import BRIEF, ITEM, BadPathError, Reference, references_in
from shared.core.wording import problems_of, told
from shared.errors import InvalidDefinitionError, InvalidInputError
from shared.workflows.check_flow import DEPENDS_ON, Before, check_field, check_flow
from shared.workflows.check_gate import check_gate, check_gated

BUILT_IN = SENTINELS | {WORKFLOW_NODE}
RESERVED_KEYS = frozenset({BRIEF, ITEM, "workflow", "upstream"})
OWN_FIELDS = frozenset({"handle", "target_type", "notes", "brand_id", "dataset", "budget_usd"})


def parse_definition(given: Json) -> WorkflowDef:
    """The definition in a JSON document, checked. Raises `InvalidDefinitionError`."""
    try:
        definition = WorkflowDef.model_validate(given)
    except ValidationError as wrong:
        path, message = problems_of(wrong)[0]
        raise InvalidDefinitionError(None, path or "definition", message) from wrong
    check_definition(definition)
    return definition


def check_definition(definition: WorkflowDef) -> None:
    """Raises `InvalidDefinitionError` for the first thing that is wrong."""
    keys = [step.key for step in definition.steps]
    known = set(keys)
    if len(known) < len(keys):
        twice = next(key for at, key in enumerate(keys) if key in keys[:at])
        raise InvalidDefinitionError(twice, "key", "is used by two steps")
    for step in definition.steps:
        _check_names(step, known)
    depends_on = {step.key: step.depends_on for step in definition.steps}
    try:
        execution_order(depends_on)
    except CycleError as cycle:
        raise InvalidDefinitionError(cycle.keys[0], DEPENDS_ON, f"a cycle: {cycle}") from cycle
    before = Before.of(definition)
    for step in definition.steps:
        check_flow(step, before)
        if step.agent_name == APPROVAL_NODE:
            check_gate(step)
        _check_paths(step, before)
    check_gated(definition)


def _check_names(step: WorkflowStepDef, known: set[str]) -> None:
    if step.key in RESERVED_KEYS:
        raise InvalidDefinitionError(step.key, "key", "is a reserved name")
    if step.agent_name not in AGENT_REGISTRY and step.agent_name not in BUILT_IN:
        allowed = ", ".join([*sorted(AGENT_REGISTRY), *sorted(BUILT_IN)])
        raise InvalidDefinitionError(step.key, "agent_name", f"unknown agent: {step.agent_name}; there are: {allowed}")
    for name in step.depends_on:
        if name not in known:
            raise InvalidDefinitionError(step.key, DEPENDS_ON, f"names no step {name!r}")
        if name == step.key:
            raise InvalidDefinitionError(step.key, DEPENDS_ON, "names itself")


def _check_paths(step: WorkflowStepDef, before: Before) -> None:
    for field, value in step.input_map.items():
        where = f"input_map.{field}"
        try:
            found = references_in(value, before.steps)
        except BadPathError as wrong:
            raise InvalidDefinitionError(step.key, where, f"path {value!r} {wrong}") from wrong
        for reference in found:
            if reference.root == BRIEF:
                continue
            if reference.root == ITEM and step.for_each is not None:
                continue
            if reference.root == ITEM:
                raise InvalidDefinitionError(step.key, where, f"path {value!r}: only a for_each step has an item")
            before.check(step, where, reference.text, reference.root)
            _check_output(step, where, reference, before.steps[reference.root])


def _check_output(step: WorkflowStepDef, where: str, reference: Reference, source: WorkflowStepDef) -> None:
    """The first name below `<step>.output` must be a field of what that step puts out."""
    if reference.first_field is not None:
        check_field(step, where, reference.text, source, reference.first_field)


Named = Callable[[str], WorkflowDef | None]


def check_brief(
    definition: WorkflowDef, brief: Mapping[str, Any], fields: Iterable[str], named: Named | None = None
) -> None:
    """Checks a brief before anything is written: each field besides its own must be one that some step takes, or that
    an input_map reads; every value must be one that the steps will take; and none that a step requires may be missing.
    Steps of workflows inside of it count too, as `named` finds these by their slug; one that is not found may take
    anything. Raises `InvalidInputError`, with `fields.` before the names of what are not the brief's own fields.
    """
    taken = _taken(definition, brief, named or _nothing, frozenset())
    if taken is None:
        return
    for name in fields:
        if name not in taken:
            known = ", ".join(sorted(taken - OWN_FIELDS))
            raise InvalidInputError(f"fields.{name}", f"no step of {definition.slug} takes it; they take: {known}")


def _nothing(_slug: str) -> None:
    return None


def _taken(definition: WorkflowDef, brief: Mapping[str, Any], named: Named, given: frozenset[str]) -> set[str] | None:
    """The fields that the steps take of a brief; None if they may take any. Their values are checked on the way, but
    for those `given` to a workflow inside of another by its step."""
    keys = dict.fromkeys(step.key for step in definition.steps)
    taken: set[str] = {name for step in definition.steps for name in _read_from_brief(step, keys)}
    takes_any = False
    for step in definition.steps:
        if step.workflow is not None:
            inner = named(step.workflow)
            more = None if inner is None else _taken_inside(step, inner, brief, named, given)
            takes_any, taken = takes_any or more is None, taken | (more or set())
        if step.agent_name in AGENT_REGISTRY:
            model = AGENT_REGISTRY[step.agent_name].Input
            takes_any = takes_any or model.model_config.get("extra") == "allow"
            taken |= set(model.model_fields)
            _check_values(step, model, {**brief, **step.options}, given)
    return None if takes_any else taken


def _taken_inside(
    step: WorkflowStepDef, inner: WorkflowDef, brief: Mapping[str, Any], named: Named, given: frozenset[str]
) -> set[str] | None:
    """What a workflow that a step runs takes of the brief. What the step gives it is checked when that run starts."""
    return _taken(inner, brief, named, given | step.input_map.keys() | step.options.keys())


def _read_from_brief(step: WorkflowStepDef, keys: Collection[str]) -> list[str]:
    paths = [*step.input_map.values(), *([step.for_each] if step.for_each else [])]
    found = [reference for path in paths for reference in references_in(path, keys)]
    read = [reference.first_field for reference in found if reference.root == BRIEF]
    conditions = named_in(step.when) if step.when else []
    read += [named.part for named in conditions if named.root == BRIEF]
    return [field for field in read if field is not None]


def _check_values(
    step: WorkflowStepDef, model: type[BaseModel], given: dict[str, Any], unknown: frozenset[str]
) -> None:
    """What comes from steps before this one is not known yet, and is left to the step itself."""
    try:
        model.model_validate(given)
    except ValidationError as wrong:
        for problem in wrong.errors(include_url=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            if name and name not in step.input_map and name not in step.options and name not in unknown:
                path = ".".join(str(part) for part in problem["loc"])
                field = path if name in OWN_FIELDS else f"fields.{path}"
                raise InvalidInputError(field, f"{step.agent_name}: {told(problem)}") from wrong

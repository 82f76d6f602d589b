"""Checks the fields of a step that say when and how often it is done: retries, conditions, items, sub-workflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shared.agents.catalog import SPECS
from shared.agents.registry import AGENT_REGISTRY
from shared.core.conditions import Named, named_in
from shared.core.definitions import (
    APPROVAL_NODE,
    SENTINELS,
    SYNTHESIS_NODE,
    WORKFLOW_NODE,
    WorkflowDef,
    WorkflowStepDef,
)
from shared.core.graph import Ancestors
from shared.core.inputs import BRIEF, ITEM, BadPathError, is_alone, references_in
from shared.errors import InvalidDefinitionError, InvalidInputError, retryable_classes
from shared.llm.models import check_model
from shared.workflows.check_gate import OUTPUT_FIELDS

DEPENDS_ON = "depends_on"


@dataclass(frozen=True)
class Before:
    """Which steps are there, and which come before which."""

    slug: str
    steps: Mapping[str, WorkflowStepDef]
    depends_on: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, definition: WorkflowDef) -> Before:
        return cls(
            definition.slug,
            {step.key: step for step in definition.steps},
            {step.key: frozenset(step.depends_on) for step in definition.steps},
        )

    @cached_property
    def _ancestors(self) -> Ancestors:
        """Made when the first path reads from further back than a direct dependency."""
        return Ancestors(self.depends_on)

    def check(self, step: WorkflowStepDef, field: str, path: str, root: str) -> None:
        """Raises unless what `path` names has always ended before the step begins."""
        if root not in self.depends_on[step.key] and not self._ancestors.comes_before(root, step.key):
            told = f"path {path!r} needs {root!r} to be done before, but it is not in {DEPENDS_ON}"
            raise InvalidDefinitionError(step.key, field, told)


def check_flow(step: WorkflowStepDef, before: Before) -> None:
    """Raises `InvalidDefinitionError` for the first field that is wrong."""
    _check_retry(step)
    _check_when(step, before)
    _check_for_each(step, before)
    _check_workflow(step, before)
    _check_prompts(step)
    if step.model is not None:
        try:
            check_model(step.model)
        except InvalidInputError as wrong:
            raise InvalidDefinitionError(step.key, "model", wrong.problem) from wrong


def _check_prompts(step: WorkflowStepDef) -> None:
    if step.prompts and not asks_a_model(step.agent_name):
        raise InvalidDefinitionError(step.key, "prompts", f"{step.agent_name} asks no model")


def asks_a_model(agent_name: str) -> bool:
    """Whether steps of this agent may ask a model. A step that runs a workflow does not: the steps of its run do."""
    if agent_name in SPECS:
        return SPECS[agent_name].typical_model is not None
    return agent_name not in (APPROVAL_NODE, WORKFLOW_NODE)


def _check_retry(step: WorkflowStepDef) -> None:
    known = retryable_classes()
    for name in (step.retry.on if step.retry else None) or ():
        if name not in known:
            told = f"no failure of class {name!r} is tried again; there are: {', '.join(sorted(known))}"
            raise InvalidDefinitionError(step.key, "retry.on", told)


def _check_when(step: WorkflowStepDef, before: Before) -> None:
    if step.when is None:
        return
    try:
        found = named_in(step.when)
    except BadPathError as wrong:
        raise InvalidDefinitionError(step.key, "when", f"{step.when!r} {wrong}") from wrong
    for named in found:
        if named.root != BRIEF:
            _check_named(step, named, before)


def _check_named(step: WorkflowStepDef, named: Named, before: Before) -> None:
    assert step.when is not None
    if named.root not in before.steps:
        told = f"{step.when!r} names no step {named.root!r}; text is written 'like this'"
        raise InvalidDefinitionError(step.key, "when", told)
    before.check(step, "when", step.when, named.root)
    if named.part == "output" and named.field is not None:
        check_field(step, "when", step.when, before.steps[named.root], named.field)


def _check_for_each(step: WorkflowStepDef, before: Before) -> None:
    if step.for_each is None:
        if step.max_parallel is not None:
            raise InvalidDefinitionError(step.key, "max_parallel", "is for a step with for_each")
        return
    if step.agent_name in SENTINELS:
        raise InvalidDefinitionError(step.key, "for_each", f"{step.agent_name} cannot be done for each item")
    try:
        found = references_in(step.for_each, before.steps)
    except BadPathError as wrong:
        raise InvalidDefinitionError(step.key, "for_each", f"path {step.for_each!r} {wrong}") from wrong
    if len(found) != 1 or found[0].root == ITEM or not is_alone(step.for_each):
        raise InvalidDefinitionError(
            step.key, "for_each", "is one path to a list: brief.<field> or <step>.output.<field>"
        )
    (reference,) = found
    if reference.root != BRIEF:
        before.check(step, "for_each", reference.text, reference.root)
        if reference.first_field is not None:
            check_field(step, "for_each", reference.text, before.steps[reference.root], reference.first_field)


def _check_workflow(step: WorkflowStepDef, before: Before) -> None:
    if (step.agent_name == WORKFLOW_NODE) != (step.workflow is not None):
        told = f"is for a step whose agent is {WORKFLOW_NODE}, and names the workflow that it runs"
        raise InvalidDefinitionError(step.key, "workflow", told)
    if step.workflow == before.slug:
        raise InvalidDefinitionError(step.key, "workflow", "runs itself")
    for field in ("takes", "reuse_within_s"):
        if getattr(step, field) and step.workflow is None:
            raise InvalidDefinitionError(step.key, field, f"is for a step whose agent is {WORKFLOW_NODE}")


def check_field(step: WorkflowStepDef, where: str, path: str, source: WorkflowStepDef, field: str) -> None:
    """Raises if `path` reads a field that the step `source` does not put out."""
    fields = _fields_of(source)
    if fields and field not in fields:
        who = source.key if source.for_each else source.agent_name
        told = f"path {path!r}: {who} puts out no {field!r}; it puts out: {', '.join(sorted(fields))}"
        raise InvalidDefinitionError(step.key, where, told)


def _fields_of(source: WorkflowStepDef) -> set[str]:
    """The fields of what a step puts out; none if that is not known."""
    if source.for_each is not None:
        return {"items", "failed", "count"}
    if source.agent_name == WORKFLOW_NODE:
        return {"run_id", "status", "report_md", "outputs", "cost_usd", "reused"}
    if source.agent_name == SYNTHESIS_NODE:
        return {"report_md"}
    if source.agent_name == APPROVAL_NODE:
        return set(OUTPUT_FIELDS)
    agent = AGENT_REGISTRY.get(source.agent_name)
    return set(agent.Output.model_fields) if agent else set()

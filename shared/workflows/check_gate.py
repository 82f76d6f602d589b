"""Checks the gates of a definition: what each asks, who may answer, and that nothing acts on the world without one."""

from __future__ import annotations

import re

from pydantic import ValidationError

from shared.agents.catalog import SPECS
from shared.core.definitions import APPROVAL_NODE, WorkflowDef, WorkflowStepDef
from shared.core.gates import GateOptions
from shared.core.wording import problems_of
from shared.errors import InvalidDefinitionError

ROLE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
OUTPUT_FIELDS = frozenset({"decision", "by", "note", "amount_usd", "released_usd", "effects"})


def check_gate(step: WorkflowStepDef) -> None:
    """Raises `InvalidDefinitionError` for the first field that is wrong."""
    if not step.depends_on:
        raise InvalidDefinitionError(step.key, "depends_on", "must name what is to be approved: a gate asks about it")
    if not ROLE.fullmatch(step.approval_required_by):
        told = "must be a role: lower case letters, digits, _ and -, beginning with a letter, at most 64"
        raise InvalidDefinitionError(step.key, "approval_required_by", told)
    try:
        GateOptions.model_validate(step.options)
    except ValidationError as wrong:
        field, told = problems_of(wrong)[0]
        raise InvalidDefinitionError(step.key, f"options.{field}" if field else "options", told) from wrong


def check_gated(definition: WorkflowDef) -> None:
    """What publishes, sends or spends has a gate right behind it: nothing else would release what it proposes (X15)."""
    gated = {name for step in definition.steps if step.agent_name == APPROVAL_NODE for name in step.depends_on}
    for step in definition.steps:
        proposed = SPECS[step.agent_name].proposes if step.agent_name in SPECS else ()
        if proposed and step.key not in gated:
            told = (
                f"{step.agent_name} proposes {', '.join(proposed)}: a step with agent_name {APPROVAL_NODE} "
                f"must have {step.key!r} in its depends_on"
            )
            raise InvalidDefinitionError(step.key, "agent_name", told)

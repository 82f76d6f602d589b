"""Checks a gate when its definition is stored: what it asks, who may answer, and what it does without an answer."""

from __future__ import annotations

import re

from pydantic import ValidationError

from shared.core.definitions import WorkflowStepDef
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

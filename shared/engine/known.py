"""Whether this version of the engine knows what a step's row says: it may have been written by a newer one."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from shared.core.canonical import JsonObject
from shared.core.definitions import APPROVAL_NODE, RetryPolicy
from shared.core.gates import GateOptions
from shared.core.prompts import PromptChange
from shared.core.wording import problems_of
from shared.engine.attempt import ENGINES_OWN
from shared.errors import DefinitionUnknownError


def check_known(step: Any) -> None:
    """Raises `DefinitionUnknownError` for a loaded step, naming the field. A step that says nothing special costs
    nothing to check."""
    own: JsonObject = step.definition
    field = "retry"
    try:
        if "retry" in own:
            RetryPolicy.model_validate(own["retry"])
        field = "prompts"
        for change in own.get("prompts", {}).values():
            PromptChange.model_validate(change)
        field = "options"
        if step.agent_name == APPROVAL_NODE:
            GateOptions.model_validate(own["options"])
    except ValidationError as wrong:
        path, told = problems_of(wrong)[0]
        where = ".".join(part for part in (field, path) if part)
        raise DefinitionUnknownError(f"step {step.key!r}, {where}: {told}; a newer version may know it") from wrong


def retry_of(step: Any) -> RetryPolicy:
    """The step's own policy, or the engine's: also for a step whose policy nobody here can read, which fails."""
    try:
        return RetryPolicy.model_validate(step.definition["retry"]) if "retry" in step.definition else ENGINES_OWN
    except ValidationError:
        return ENGINES_OWN

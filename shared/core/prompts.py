"""Other words for the model calls of a step, and how a single call of a step is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

EVERY_CALL = "*"
MOST_PROMPT = 20_000  # characters of a changed prompt
MOST_CHANGES = 20  # calls of a step whose prompts are changed

_NUMBERED = re.compile(r"(.+)#([1-9][0-9]{0,5})", re.DOTALL)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Prompt = Annotated[str, Field(max_length=MOST_PROMPT), AfterValidator(_not_blank)]
CallKey = Annotated[str, Field(min_length=1, max_length=200)]


class PromptChange(BaseModel):
    """What becomes of the system prompt that an agent gives along: `replace` stands in its place, `append` below it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replace: Prompt | None = None
    append: Prompt | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> PromptChange:
        if self.replace is None and self.append is None:
            raise ValueError("must replace the prompt, or append to it")
        return self

    def applied_to(self, system: str) -> str:
        parts = (system if self.replace is None else self.replace, self.append)
        return "\n\n".join(part for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class CallName:
    """A call of a step, as `label` (the first of that label) or `label#2` (the second)."""

    label: str
    number: int | None = None

    @classmethod
    def parse(cls, text: str) -> CallName:
        found = _NUMBERED.fullmatch(text)
        return cls(text) if found is None else cls(found[1], int(found[2]))

    @property
    def place(self) -> int:
        """How many calls of this label come before it."""
        return (self.number or 1) - 1


def change_for(changes: Mapping[str, PromptChange], label: str, place: int) -> PromptChange | None:
    """The change for one call: the one that names it alone, else its label, else every call."""
    names = (f"{label}#{place + 1}", label, EVERY_CALL)
    return next((changes[name] for name in names if name in changes), None)

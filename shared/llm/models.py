"""Which model a name means today, and what that model can do. The facts stand in models.yaml."""

from __future__ import annotations

import re
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import InvalidInputError

Effort = Literal["low", "medium", "high", "xhigh", "max"]
_DATED = re.compile(r"[-@]\d{8}$")


class ModelFacts(BaseModel):
    """What is known of one model. `effort` is None for a model that does not know it, or of which nothing is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_cacheable: int = Field(default=0, ge=0)
    max_output: int | None = Field(default=None, ge=1)
    effort: tuple[Effort, ...] | None = None


class Retirement(BaseModel):
    """From the day `since`, `use` answers in its place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date
    use: str


class ModelTable(BaseModel):
    """models.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aliases: dict[str, str]
    retired: dict[str, Retirement]
    models: dict[str, ModelFacts]


class Model(BaseModel):
    """A model as asked for, and as it will be asked. `note` says why the two differ, where that is a surprise."""

    model_config = ConfigDict(frozen=True)

    asked: str
    id: str
    facts: ModelFacts
    note: str | None = None


@cache
def model_table() -> ModelTable:
    """models.yaml, read once."""
    text = (Path(__file__).parent / "models.yaml").read_text(encoding="utf-8")
    return ModelTable.model_validate(yaml.safe_load(text))


def check_model(asked: str) -> None:
    """Raises InvalidInputError for a name that is neither an alias nor an id."""
    table = model_table()
    if not table.aliases.get(asked, asked).startswith("claude-"):
        raise InvalidInputError("model", f"{asked!r} is not one of {', '.join(table.aliases)}, nor a claude-... id")


@lru_cache(maxsize=256)
def find_model(asked: str, today: date) -> Model:
    """The model that an alias or an id means on that day. Raises InvalidInputError for a name that is neither."""
    check_model(asked)
    table = model_table()
    wanted = table.aliases.get(asked, asked)
    gone = table.retired.get(wanted)
    if gone is None or today < gone.since:
        return Model(asked=asked, id=wanted, facts=facts_of(wanted))
    note = f"{wanted} is retired: used {gone.use}"
    return Model(asked=asked, id=gone.use, facts=facts_of(gone.use), note=note)


def facts_of(model_id: str) -> ModelFacts:
    """What is known of the model; a dated id (`...-20251001`) shares the facts of the undated one."""
    table = model_table()
    return table.models.get(model_id) or table.models.get(undated(model_id)) or ModelFacts()


def undated(model_id: str) -> str:
    return _DATED.sub("", model_id)

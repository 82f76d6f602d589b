"""Schemas for structured output: the same as the vendor's SDK makes, and refused where they could not work."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, RootModel

from shared.errors import InvalidInputError
from shared.llm.sample import sample_of, satisfies_keys
from shared.llm.schema import schema_of


class Tone(StrEnum):
    WARM = "warm"
    DRY = "dry"


class Line(BaseModel):
    """One line of a script."""

    second: int = Field(ge=0, le=60, description="When it is spoken")
    text: str = Field(min_length=60, max_length=200)


class Script(BaseModel):
    """A script with every kind of field that agents use."""

    tone: Tone
    kind: Literal["hook", "story"]
    version: Literal[2] = 2
    lines: list[Line] = Field(min_length=2, max_length=9)
    first: Line = Field(description="Comes before the others")
    day: date
    budget: float | None = None
    tags: tuple[str, ...] = ()
    aliases: list[str] = Field(min_length=1)
    is_ad: bool = False


class Lines(RootModel[list[Line]]):
    """A list at the top."""


class FreeForm(BaseModel):
    inputs: list[dict[str, float]]


class Untyped(BaseModel):
    anything: Any


class Tree(BaseModel):
    children: list[Tree] = []


class Forest(BaseModel):
    trees: list[Tree]


@pytest.mark.parametrize("model", [Line, Script, Lines])
def test_schema_is_the_sdks(model: type[BaseModel]) -> None:
    """Our port of the SDK's transformation gives exactly its result."""
    import anthropic

    assert schema_of(model) == anthropic.transform_schema(model)


@pytest.mark.parametrize(
    ("model", "where"),
    [(FreeForm, "FreeForm.inputs[]"), (Untyped, "Untyped.anything"), (Tree, "Tree"), (Forest, "Forest")],
)
def test_impossible_schemas_are_refused(model: type[BaseModel], where: str) -> None:
    """What structured output cannot express fails when the agent is written, naming the field, not in production."""
    with pytest.raises(InvalidInputError) as refused:
        schema_of(model)

    assert refused.value.field == where


@pytest.mark.parametrize("choice", range(4))
def test_sample_satisfies_its_model(choice: int) -> None:
    """A value made from a schema passes the validation of the model that the schema came from."""
    sample = sample_of(schema_of(Script), choice)

    assert satisfies_keys(sample, schema_of(Script))
    assert Script.model_validate(sample).lines[1].second == 0


def test_samples_choose_among_enums() -> None:
    """Different prompts get different choices."""
    tones = {sample_of(schema_of(Script), choice)["tone"] for choice in range(4)}

    assert tones == {"warm", "dry"}


@pytest.mark.parametrize("value", [{}, {"second": 1}, {"second": 1, "text": "x", "more": 1}, [], None, "text"])
def test_other_keys_do_not_satisfy(value: Any) -> None:
    """Missing keys, unknown keys and things that are no object do not fit."""
    assert not satisfies_keys(value, schema_of(Line))

"""What is wrong with a field is told in words: what is allowed, without a library's wording or a pattern."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.core.definitions import Slug
from shared.core.status import RunStatus
from shared.core.wording import SLUG_RULE, problems_of, told
from shared.web import requests


class Inner(BaseModel):
    """An object within."""

    x: int = 0


class Asked(BaseModel):
    """One field of each kind that a request may have."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=2, max_length=5)] = "ab"
    word: Annotated[str, Field(min_length=1)] = "a"
    slug: Slug = "a"
    odd: Annotated[str, Field(pattern="^[xyz]+$")] = "x"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    usd: Annotated[Decimal, Field(max_digits=5, decimal_places=2, allow_inf_nan=False)] = Decimal(1)
    yes: bool = True
    id: UUID = UUID(int=1)
    at: datetime = datetime(2026, 1, 1)
    day: date = date(2026, 1, 1)
    inner: Inner = Inner()
    map: dict[str, int] = {}
    items: Annotated[tuple[Inner, ...], Field(min_length=1, max_length=2)] = (Inner(),)
    kind: Literal["a", "b"] = "a"
    status: RunStatus = RunStatus.RUNNING
    own: str = ""

    @field_validator("own")
    @classmethod
    def _never(cls, own: str) -> str:
        raise ValueError(f"{own!r} breaks a rule of its own")


def told_of(**given: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as wrong:
        Asked.model_validate(given)
    return problems_of(wrong.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("text", 5, "must be text"),
        ("text", None, "must be text"),
        ("text", "a", "must have at least 2 characters"),
        ("text", "abcdef", "must have at most 5 characters"),
        ("word", "", "must not be empty"),
        ("slug", "A b", SLUG_RULE),
        ("odd", "a", "is not written in a form that is allowed here"),
        ("count", "x", "must be a whole number"),
        ("count", 1.5, "must be a whole number"),
        ("count", 0, "must be at least 1"),
        ("count", 10, "must be at most 9"),
        ("count", "9" * 5000, "must be a whole number of fewer digits"),
        ("share", "x", "must be a number"),
        ("share", 0, "must be more than 0.0"),
        ("share", 1, "must be less than 1.0"),
        ("usd", [], "must be a number, such as 2.50"),
        ("usd", "ten", "must be a number, such as 2.50"),
        ("usd", "NaN", "must be a finite number"),
        ("usd", "1.001", "must have at most 2 digits after the point"),
        ("usd", "123456", "must have at most 5 digits"),
        ("yes", "x", "must be true or false"),
        ("yes", [], "must be true or false"),
        ("id", "x", "must be a UUID"),
        ("id", 5, "must be a UUID"),
        ("at", "x", "must be a time such as 2026-11-20T09:30:00Z"),
        ("at", [], "must be a time such as 2026-11-20T09:30:00Z"),
        ("day", "x", "must be a day such as 2026-11-20"),
        ("inner", 5, "must be an object"),
        ("map", [], "must be an object"),
        ("items", 5, "must be an array"),
        ("items", (), "must not be empty"),
        ("items", ({}, {}, {}), "must have at most 2 items"),
        ("kind", "c", "must be 'a' or 'b'"),
        ("status", "x", "must be 'running', 'succeeded', 'failed' or 'cancelled'"),
        ("own", "x", "'x' breaks a rule of its own"),
        ("colour", 1, "is not a field of this request"),
    ],
)
def test_each_kind_has_its_words(field: str, value: Any, message: str) -> None:
    """The field, and what it must be."""
    assert told_of(**{field: value}) == [(field, message)]


def test_wrong_items_are_not_a_short_list() -> None:
    """An item that is wrong does not count: that the list is empty without it is not told on top."""
    assert told_of(items=[5]) == [("items.0", "must be an object")]


@pytest.mark.parametrize("model", [*requests.Request.__subclasses__(), requests.NewBrief, requests.NewWorkflow])
def test_every_pattern_of_a_request_has_words(model: type[BaseModel]) -> None:
    """No request can be refused by a pattern that has no words."""
    for text in patterns_in(model.model_json_schema()):
        problem = {"type": "string_pattern_mismatch", "ctx": {"pattern": text}, "msg": ""}
        assert "is not written in a form" not in told(problem), text


def patterns_in(schema: Any) -> list[str]:
    """Every pattern anywhere in a JSON schema, but that which pydantic writes for decimals, which are not matched."""
    if isinstance(schema, list):
        return [found for item in schema for found in patterns_in(item)]
    if not isinstance(schema, dict):
        return []
    own = (
        [schema["pattern"]]
        if isinstance(schema.get("pattern"), str) and not schema["pattern"].startswith("^(?!")
        else []
    )
    return own + [found for item in schema.values() for found in patterns_in(item)]

"""Reading answers: text among blocks, JSON among words, counters in any form."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, Field

from shared.errors import ModelRefusedError
from shared.llm.answer import Misfit, fitted, has_other_charges, json_in, refuse_unfinished, text_of, usage_of
from shared.trace.calls import Usage

OBJECT = {"a": 1, "b": ["x", "```", "}"]}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": ["x", "```", "}"]}',
        '\ufeff \n {"a": 1, "b": ["x", "```", "}"]} ',
        'Here:\n```json\n{"a": 1, "b": ["x", "`" , "}"]}\n```\n'.replace('"`"', '"```"'),
        '{"a": 1, "b": ["x", "```", "}"]}\nI hope this helps {you}.',
        'Sure! {"a": 1, "b": ["x", "```", "}"]} Done.',
        '```\nnot json\n```\n{"a": 1, "b": ["x", "```", "}"]}',
    ],
)
def test_json_is_found(text: str) -> None:
    """Bare, fenced, in prose, with backticks and braces inside strings."""
    assert json_in(text) == OBJECT


@pytest.mark.parametrize(
    ("text", "value"), [('```json\n{"a": 1}\n```', {"a": 1}), ("[1, 2] and more", [1, 2]), ('"alone"', "alone")]
)
def test_fences_and_arrays(text: str, value: Any) -> None:
    """A fence's body is taken; arrays and plain values count as JSON too."""
    assert json_in(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot do that.",
        '{"a": {"b": 1}, "c": [1, 2',
        '```json\n{"a": {"b": 1}, "c"',
        '{"a": NaN}',
        "{'a': 1}",
        "[" * 100_000,
    ],
)
def test_nothing_is_repaired(text: str) -> None:
    """A cut-off object is not replaced by the smaller one inside it, and near-JSON is not JSON."""

    class Anything(BaseModel):
        b: int = 0

    assert isinstance(fitted(text, Anything), Misfit)


class Strict(BaseModel):
    """A model with bounds that structured output does not hold."""

    score: int = Field(ge=0, le=10)
    day: date
    tags: tuple[str, ...] = ()


def test_fitting_object_is_built() -> None:
    """JSON types become the model's types."""
    assert fitted('{"score": 3, "day": "2026-11-20", "tags": ["a"]}', Strict) == Strict(
        score=3, day=date(2026, 11, 20), tags=("a",)
    )


def test_misfit_names_each_field() -> None:
    """The reasons name the fields, and never repeat the values."""
    found = fitted('{"score": 11, "tags": ["secret", 5]}', Strict)

    assert isinstance(found, Misfit)
    assert all(part in found.why for part in ("score:", "day:", "tags.1:"))
    assert "secret" not in found.why


def test_unstorable_characters_are_replaced() -> None:
    """NUL and lone surrogates, which Postgres cannot hold, do not come through JSON escapes."""
    found = fitted('{"score": 1, "day": "2026-11-20", "tags": ["a\\u0000b\\ud800c"]}', Strict)

    assert isinstance(found, Strict)
    assert found.tags == ("a\ufffdb\ufffdc",)


def test_only_text_blocks_are_text() -> None:
    """Thinking, tool calls and unknown kinds are passed over; texts are joined."""
    content = [
        {"type": "thinking", "thinking": "", "signature": "x"},
        {"type": "text", "text": "a"},
        {"type": "hologram", "text": "no"},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}},
        {"type": "text", "text": "b"},
    ]

    assert text_of({"content": content}) == "ab"
    assert text_of({"content": None}) == ""


@pytest.mark.parametrize(
    ("raw", "ttl", "usage"),
    [
        ({"input_tokens": 1, "output_tokens": 2}, "5m", Usage(1, 2)),
        ({"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 5}, "5m", Usage(1, 2, 0, 5, 0)),
        ({"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 5}, "1h", Usage(1, 2, 0, 0, 5)),
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_read_input_tokens": 3,
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
                "output_tokens_details": {"thinking_tokens": 1},
            },
            "5m",
            Usage(1, 2, 3, 4, 5, 1),
        ),
        ({"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": None}, "5m", Usage(1, 2)),
        ({"input_tokens": 1}, "5m", None),
        (None, "5m", None),
        ("many", "5m", None),
    ],
)
def test_usage_in_any_form(raw: Any, ttl: str, usage: Usage | None) -> None:
    """The split of cache writes may be missing; missing usage is unknown, not zero."""
    assert usage_of({"usage": raw}, ttl) == usage


@pytest.mark.parametrize(
    ("usage", "other"),
    [
        ({"server_tool_use": {"web_search_requests": 2}}, True),
        ({"speed": "fast"}, True),
        ({"server_tool_use": {"web_search_requests": 0}}, False),
        ({"server_tool_use": None}, False),
        (None, False),
    ],
)
def test_other_charges_are_seen(usage: Any, other: bool) -> None:
    """Server tools and the fast lane cost more than the counters show."""
    assert has_other_charges({"usage": usage}) is other


@pytest.mark.parametrize(
    ("details", "category"),
    [({"type": "refusal", "category": "bio"}, "bio"), ({"category": None}, "not given"), (None, "not given")],
)
def test_refusal_raises(details: Any, category: str) -> None:
    """A refusal is an error that says of what kind, where the API says so."""
    with pytest.raises(ModelRefusedError, match=category):
        refuse_unfinished({"stop_reason": "refusal", "stop_details": details}, False, "x")


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded"])
def test_cut_off_object_raises(reason: str) -> None:
    """A cut-off text may be of use; a cut-off object is not."""
    refuse_unfinished({"stop_reason": reason}, False, "x")
    with pytest.raises(ModelRefusedError, match="truncated"):
        refuse_unfinished({"stop_reason": reason}, True, "x")

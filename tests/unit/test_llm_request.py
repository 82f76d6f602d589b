"""Requests: what is refused, what makes one the same as another, and what goes on the wire."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shared.core.canonical import digest_of
from shared.errors import InvalidInputError
from shared.llm.lint import problems_of, warn_once
from shared.llm.models import find_model, model_table
from shared.llm.request import ModelRequest, Tool, build_request

TODAY = date(2026, 11, 20)
SEARCH = Tool("search", "Finds posts", {"type": "object", "properties": {"q": {"type": "string", "minLength": 1}}})
ABOUT = Tool("about", "Tells", {"type": "object", "properties": {"deep": {"type": "object"}}}, strict=False)


def request(**changes: Any) -> ModelRequest:
    """A request, with some arguments changed."""
    given: dict[str, Any] = {
        "system": "Be brief.",
        "user_message": "hi",
        "model": "haiku",
        "max_tokens": 100,
        "schema": None,
        "tools": (),
        "effort": None,
        "cache_ttl": "5m",
    }
    return build_request(**{**given, **changes})


def test_body_is_small() -> None:
    """Only what was asked for is sent: the marker on the system text, no temperature, nothing empty."""
    assert request().body(user_id=None) == {
        "model": "claude-haiku-5-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_body_has_what_was_asked() -> None:
    """Schema, effort, time to live, tools by name, and the workspace's hash."""
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    body = request(schema=schema, effort="low", cache_ttl="1h", tools=(SEARCH, ABOUT)).body(user_id="abc")

    assert body["output_config"] == {"effort": "low", "format": {"type": "json_schema", "schema": schema}}
    assert body["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert [tool["name"] for tool in body["tools"]] == ["about", "search"]
    assert [tool.get("strict") for tool in body["tools"]] == [None, True]
    assert body["tools"][1]["input_schema"]["additionalProperties"] is False
    assert body["metadata"] == {"user_id": "abc"}


def test_conversations_are_marked_at_their_end() -> None:
    """What grows is cached as far as it has grown; a single question is not: nobody would read it back."""
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]

    assert request(user_message=turns).body(None)["cache_control"] == {"type": "ephemeral"}
    assert request(tools=(SEARCH,)).body(None)["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in request().body(None)
    assert "cache_control" not in request().followed_by([], "again").body(None)


def test_content_blocks_are_one_message() -> None:
    """A list of blocks is what the user says; a list of messages is a conversation."""
    blocks = [{"type": "text", "text": "hi"}]

    assert request(user_message=blocks).messages == ({"role": "user", "content": blocks},)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "gpt"}, "model"),
        ({"model": ""}, "model"),
        ({"system": " \n"}, "system_stable"),
        ({"user_message": ""}, "user_message"),
        ({"user_message": []}, "user_message"),
        ({"user_message": [{"text": "x"}]}, "user_message"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 128_001}, "max_tokens"),
        ({"cache_ttl": "2h"}, "cache_ttl"),
        ({"effort": "extreme"}, "effort"),
        ({"effort": "xhigh", "model": "claude-sonnet-4-6"}, "effort"),
        ({"tools": (Tool("api.define", "", {}),)}, "tools"),
        ({"tools": (SEARCH, SEARCH)}, "tools"),
    ],
)
def test_wrong_arguments_are_named(changes: dict[str, Any], field: str) -> None:
    """A wrong argument is refused by name before anything is sent."""
    with pytest.raises(InvalidInputError) as refused:
        request(**changes)

    assert refused.value.field == field


def test_effort_is_dropped_where_unknown() -> None:
    """A model without effort would answer 400: it is left out, and the row says so."""
    asked = request(model="claude-haiku-4-5-20251001", effort="low")

    assert "output_config" not in asked.body(None)
    assert asked.note == "claude-haiku-4-5-20251001 does not know effort: left out"
    assert request(model="claude-new-model", effort="low").effort == "low"


def test_identity_is_the_content() -> None:
    """Time to live changes nothing in the answer; everything the model reads does. An alias outlives its model."""
    same = digest_of(request().content)
    changes: list[dict[str, Any]] = [
        {"system": "Be long."},
        {"user_message": "ho"},
        {"max_tokens": 101},
        {"effort": "low"},
        {"schema": {"type": "object"}},
        {"tools": (SEARCH,)},
        {"model": "sonnet"},
    ]

    assert digest_of(request(cache_ttl="1h").content) == same
    assert len({same, *(digest_of(request(**change).content) for change in changes)}) == len(changes) + 1
    assert request().content["model"] == "haiku"


def test_unstorable_text_is_replaced() -> None:
    """NUL and lone surrogates can neither be sent nor stored; they must not fail a step."""
    asked = request(system="a\x00b", user_message=[{"role": "user", "content": [{"type": "text", "text": "\ud83d"}]}])

    json.dumps(asked.body(None), ensure_ascii=False).encode()
    assert asked.system == "a\ufffdb"


@pytest.mark.parametrize(
    ("asked", "day", "used"),
    [
        ("haiku", TODAY, "claude-haiku-5-5"),
        ("sonnet", TODAY, "claude-sonnet-5-5"),
        ("opus", TODAY, "claude-opus-5-5"),
        ("claude-haiku-4-5-20251001", TODAY, "claude-haiku-4-5-20251001"),
        ("claude-sonnet-4-20250514", TODAY, "claude-sonnet-5-5"),
        ("claude-sonnet-4-5", TODAY, "claude-sonnet-4-5"),
        ("claude-sonnet-4-5", date(2026, 11, 30), "claude-sonnet-5-5"),
        ("claude-3-5-sonnet-20241022", TODAY, "claude-sonnet-5-5"),
        ("claude-unheard-of", TODAY, "claude-unheard-of"),
    ],
)
def test_models_resolve_by_day(asked: str, day: date, used: str) -> None:
    """Aliases are current models, retired ids map to their successors from the day they retire, and that is noted."""
    model = find_model(asked, day)

    assert model.id == used
    assert (model.note is not None) == (asked.startswith("claude-") and asked != used)


def test_models_agree_with_the_sdk() -> None:
    """Every model that the SDK knows to be going has a date in our table, and no alias is going."""
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    table = model_table()
    ours = {
        name
        for name in DEPRECATED_MODELS
        if name.startswith(("claude-3-5", "claude-3-7", "claude-sonnet", "claude-opus"))
    }
    assert ours <= {*table.retired}
    assert not {*table.aliases.values()} & {*table.retired}


def test_volatile_system_prompts_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """A UUID, a timestamp or too short a prompt never meets the cache; the log says so once, and shows no prompt."""
    system = f"Run {uuid4()} at 2026-11-20T10:00:00Z"
    model = find_model("haiku", TODAY)
    with caplog.at_level(logging.WARNING, logger="claude"):
        warn_once("tester", system, model)
        warn_once("tester", system, model)

    problems = [record.__dict__["problem"] for record in caplog.records]
    assert len(problems) == 3
    assert "UUID" in problems[0]
    assert "timestamp" in problems[1]
    assert "512" in problems[2]
    assert system not in caplog.text
    assert problems_of("A steady prompt of 2026. " * 100, 512) == []

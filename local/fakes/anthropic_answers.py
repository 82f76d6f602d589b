"""What the fake model says: the words of the mock's fixtures where one fits the request, else a value made to fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace

from local.fakes.anthropic_wire import message_body
from shared.core.canonical import Json, JsonObject, canonical_json
from shared.errors import OutputInvalidError
from shared.llm.fixtures import Fixture, all_fixtures
from shared.llm.mock import data_of
from shared.llm.prefixes import token_count
from shared.llm.sample import sample_of, satisfies_keys
from shared.trace.calls import Usage

PLAIN = "This is the fake model: no fixture fits this request."


def answer_to(body: JsonObject, request_id: str, fault: str, prompt: Usage, model: str) -> tuple[JsonObject, Usage]:
    """The message that this fault allows, and all its token counters; `prompt` has those of the request."""
    content, stop_reason = _content(body, fault)
    thought = 64 if fault == "thinking" else 0
    written = sum(token_count(block.get("text") or json.dumps(block)) for block in content)
    usage = replace(prompt, output_tokens=written + thought, thinking_tokens=thought)
    message_id = request_id.replace("req", "msg")
    return message_body(model, message_id, content, stop_reason, usage), usage


def _content(body: JsonObject, fault: str) -> tuple[list[JsonObject], str]:
    if fault == "refusal":
        return [], "refusal"
    if fault == "tool_use" and body.get("tools"):
        return [_tool_call(body)], "tool_use"
    thinking = [{"type": "thinking", "thinking": "", "signature": "c2lnbmVk"}] if fault == "thinking" else []
    text = _spoiled(words_for(body), fault)
    return [*thinking, {"type": "text", "text": text}], "max_tokens" if fault == "truncated" else "end_turn"


def _spoiled(text: str, fault: str) -> str:
    """The good answer, as the fault leaves it."""
    if fault == "truncated":
        return text[: len(text) // 2] or "{"
    if fault == "fenced":
        return f"Here it is:\n```json\n{text}\n```\nTell me if you need `more`."
    return '{"unexpected": true}' if fault == "bad_schema" else text


def _tool_call(body: JsonObject) -> JsonObject:
    """A call of the first tool, with the smallest input that fits."""
    tool = body["tools"][0]
    value = sample_of(tool["input_schema"], 0)
    return {
        "type": "tool_use",
        "id": "toolu_fake_1",
        "name": tool["name"],
        "input": value,
        "caller": {"type": "direct"},
    }


def words_for(body: JsonObject) -> str:
    """The text of a good answer. No agent's name is on the wire, so the fixture is found by what fits.

    It must take all its inputs from data blocks that are there, the one with most inputs first (among equals, one whose
    agent or workflow the request speaks of), and give the keys of the schema; without a schema, it must give text.
    """
    schema = schema_in(body)
    data = data_of(body)
    seed = hashlib.sha256(canonical_json(body["messages"]).encode()).digest()
    spoken = canonical_json([body.get("system"), body["messages"]])
    for text in _texts(data, seed, spoken, wants_object=schema is not None):
        if schema is None or satisfies_keys(json.loads(text), schema):
            return text
    return PLAIN if schema is None else json.dumps(sample_of(schema, seed[0]), ensure_ascii=False)


def schema_in(body: JsonObject) -> JsonObject | None:
    """The schema that the request asks its answer to have."""
    form = (body.get("output_config") or {}).get("format") or {}
    return form.get("schema")


def _texts(data: dict[str, Json], seed: bytes, spoken: str, *, wants_object: bool) -> Iterator[str]:
    def rank(fixture: Fixture) -> tuple[int, bool, str]:
        return -len(fixture.inputs), fixture.name.removeprefix("synthesis-") not in spoken, fixture.name

    for fixture in sorted((one for one in all_fixtures() if one.inputs <= {*data}), key=rank):
        text = _text(fixture, data, seed, wants_object)
        if text is not None:
            yield text


def _text(fixture: Fixture, data: dict[str, Json], seed: bytes, wants_object: bool) -> str | None:
    """The fixture's words; None if it is of the other kind, or its templates do not fit this data after all."""
    try:
        variant = fixture.choose(data, seed)
        return variant.text(data) if wants_object == (variant.keys is not None) else None
    except OutputInvalidError:
        return None

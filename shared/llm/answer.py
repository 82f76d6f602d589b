"""Reading a model's answer: its text, what it used, why it stopped, and the object that was asked for (A051)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from shared.core.canonical import Json, JsonObject, canonical_json
from shared.core.wording import problems_of
from shared.errors import ModelRefusedError
from shared.llm.request import storable
from shared.trace.calls import Usage

_FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_CUT_OFF = {"max_tokens", "model_context_window_exceeded"}


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an answer is not the object that was asked for, in words the model can act on."""

    why: str


def text_of(response: JsonObject) -> str:
    """The text blocks, joined. A thinking block often comes first, and unknown kinds may come: both are passed over."""
    texts = [block.get("text") for block in blocks_of(response) if block.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def blocks_of(response: JsonObject) -> list[dict[str, Any]]:
    """All content blocks as they came: thinking with its signature, tool calls, kinds we do not know."""
    content = response.get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def usage_of(response: JsonObject, cache_ttl: str) -> Usage | None:
    """The token counters; None if they are missing, which means cost unknown, not zero.

    Cache writes that come without their split by time to live are counted to the `cache_ttl` that was asked for.
    """
    raw = response.get("usage")
    if not isinstance(raw, dict) or not {"input_tokens", "output_tokens"} <= {*_counted(raw)}:
        return None
    split = _counted(raw.get("cache_creation"))
    kept_5m, kept_1h = split.get("ephemeral_5m_input_tokens", 0), split.get("ephemeral_1h_input_tokens", 0)
    counts = _counted(raw)
    rest = max(0, counts.get("cache_creation_input_tokens", 0) - kept_5m - kept_1h)
    return Usage(
        input_tokens=counts["input_tokens"],
        output_tokens=counts["output_tokens"],
        cache_read_tokens=counts.get("cache_read_input_tokens", 0),
        cache_write_tokens=kept_5m + (0 if cache_ttl == "1h" else rest),
        cache_write_1h_tokens=kept_1h + (rest if cache_ttl == "1h" else 0),
        thinking_tokens=_counted(raw.get("output_tokens_details")).get("thinking_tokens", 0),
    )


def has_other_charges(response: JsonObject) -> bool:
    """Whether something was charged that token counters do not show: server tools, or the fast lane."""
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return False
    return any(_counted(usage.get("server_tool_use")).values()) or usage.get("speed") == "fast"


def _counted(value: Json) -> dict[str, int]:
    """The whole numbers among the members of an object."""
    return {key: n for key, n in value.items() if isinstance(n, int)} if isinstance(value, dict) else {}


def refuse_unfinished(response: JsonObject, wants_object: bool, who: str) -> None:
    """Raises ModelRefusedError if the model declined, or if an object was asked for and its text was cut off."""
    reason = response.get("stop_reason")
    if reason == "refusal":
        details = response.get("stop_details")
        category = details.get("category") if isinstance(details, dict) else None
        raise ModelRefusedError(f"{who}: the model refused to answer (category: {category or 'not given'})")
    if wants_object and reason in _CUT_OFF:
        raise ModelRefusedError(f"{who}: the answer was truncated ({reason}); a larger max_tokens may help")


def fitted(text: str, output_model: type[BaseModel]) -> BaseModel | Misfit:
    """The object in the text as `output_model`, or why it does not fit."""
    try:
        return output_model.model_validate_json(canonical_json(storable(json_in(text))))
    except ValidationError as wrong:
        return Misfit("; ".join(_problems(wrong)))
    except (ValueError, RecursionError) as wrong:
        return Misfit(f"no JSON could be read: {wrong}")


def json_in(text: str) -> Json:
    """The JSON in a model's text, or ValueError.

    Tried in this order: the whole text; the body of the first ``` fence; what begins at the first { or [, whatever
    follows it. Nothing is ever completed: a cut-off object is an error, not a smaller object.
    """
    bare = text.strip().lstrip("\ufeff").strip()
    fence = _FENCE.search(bare)
    for candidate in (bare, fence[1] if fence else None):
        try:
            return _decode(candidate)
        except ValueError:
            continue
    opening = _OPENING.search(bare)
    if opening is None:
        raise ValueError("there is no { or [ in the answer")
    return _DECODER.raw_decode(bare, opening.start())[0]


def _decode(text: str | None) -> Json:
    if text is None:
        raise ValueError("nothing to read")
    return _DECODER.decode(text)


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _problems(wrong: ValidationError) -> list[str]:
    """The first ten problems as `path: message`; values are left out, they may be long."""
    return [f"{path or 'answer'}: {message}" for path, message in problems_of(wrong)[:10]]

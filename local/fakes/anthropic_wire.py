"""The wire of the messages API as documented: what it refuses, and the shapes of responses, errors and events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.canonical import Json, JsonObject
from shared.llm.models import facts_of, model_table, undated
from shared.trace.calls import Usage

CURRENT_VERSION = "2026-10-21"
VERSIONS = {"2023-06-01", CURRENT_VERSION}
SAMPLING = {"temperature", "top_p", "top_k"}
_KNOWN = {
    *("model", "max_tokens", "messages", "system", "tools", "tool_choice", "stop_sequences", "stream", "metadata"),
    *("output_config", "thinking", "cache_control", "container", "diagnostics", "inference_geo", "service_tier"),
    "speed",
}
_UNSUPPORTED_IN_SCHEMA = {
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("pattern", "maxItems", "default", "oneOf"),
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the API does not take. It is not billed."""

    status: int
    message: str


def refusal_of(body: JsonObject, version: str) -> Refusal | None:
    """Why the API would refuse this body; None if it takes it."""
    for name in body:
        if name not in _KNOWN and not (name in SAMPLING and version != CURRENT_VERSION):
            return Refusal(400, f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            return Refusal(400, f"{name}: Field required")
    return _model_refusal(body) or _messages_refusal(body) or _schema_refusal(body)


def _model_refusal(body: JsonObject) -> Refusal | None:
    model, table = str(body["model"]), model_table()
    gone = table.retired.get(model)
    if undated(model) not in table.models or (gone is not None and gone.since <= datetime.now(UTC).date()):
        return Refusal(404, f"model: {model}")
    facts = facts_of(model)
    if not 1 <= int(body["max_tokens"]) <= (facts.max_output or 0):
        return Refusal(400, f"max_tokens: {body['max_tokens']} > {facts.max_output}, the maximum for {model}")
    effort = (body.get("output_config") or {}).get("effort")
    if effort is not None and effort not in (facts.effort or ()):
        return Refusal(400, "output_config.effort: not supported by this model")
    return None


def _messages_refusal(body: JsonObject) -> Refusal | None:
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        return Refusal(400, "messages: at least one message is required")
    if messages[-1].get("role") != "user":
        return Refusal(400, "messages: prefilling assistant messages is not supported for this model")
    for number, message in enumerate(messages):
        texts = [message["content"]] if isinstance(message["content"], str) else _block_texts(message["content"])
        if not all(text.strip() for text in texts):
            return Refusal(400, f"messages.{number}: text content blocks must be non-empty")
    if json.dumps(body).count('"cache_control"') > 4:
        return Refusal(400, "A maximum of 4 blocks with cache_control may be provided")
    return None


def _block_texts(content: list[JsonObject]) -> list[str]:
    return [str(block.get("text", "")) for block in content if block.get("type") == "text"]


def _schema_refusal(body: JsonObject) -> Refusal | None:
    schemas = [("output_config.format.schema", (body.get("output_config") or {}).get("format", {}).get("schema"))]
    schemas += [(f"tools.{one['name']}", one["input_schema"]) for one in body.get("tools") or [] if one.get("strict")]
    for where, schema in schemas:
        wrong = _first_unsupported(schema)
        if wrong:
            return Refusal(400, f"{where}: {wrong}")
    return None


def _first_unsupported(schema: Json) -> str | None:
    """The first keyword that structured output does not know. The names of properties are no keywords."""
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    unknown = _UNSUPPORTED_IN_SCHEMA & {*schema}
    if unknown:
        return f"property '{min(unknown)}' is not supported"
    below = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), schema.get("items")]
    below += [*schema.get("anyOf", []), *schema.get("allOf", [])]
    return next((wrong for part in below if (wrong := _first_unsupported(part))), None)


def error_body(status: int, message: str, request_id: str, code: str | None = None) -> JsonObject:
    error: JsonObject = {"type": ERROR_TYPES.get(status, "api_error"), "message": message}
    if code:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": request_id}


def usage_body(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.thinking_tokens},
        "service_tier": "standard",
        "inference_geo": "global",
    }


def message_body(model: str, message_id: str, content: list[JsonObject], stop_reason: str, usage: Usage) -> JsonObject:
    details = {"type": "refusal", "category": "cyber", "explanation": "This request was declined."}
    return {
        "model": model,
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "content": content,
        "container": None,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": details if stop_reason == "refusal" else None,
        "usage": usage_body(usage),
        "diagnostics": None,
    }


def rate_limit_headers(remaining: int) -> dict[str, str]:
    """As on every response of the real API."""
    reset = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    headers = {"anthropic-organization-id": "00000000-0000-4000-8000-00000000fa4e"}
    for kind, limit in (
        ("requests", 4000),
        ("tokens", 4_800_000),
        ("input-tokens", 4_000_000),
        ("output-tokens", 800_000),
    ):
        headers[f"anthropic-ratelimit-{kind}-limit"] = str(limit)
        headers[f"anthropic-ratelimit-{kind}-remaining"] = str(min(limit, remaining))
        headers[f"anthropic-ratelimit-{kind}-reset"] = reset
    return headers


def events_of(message: JsonObject) -> Iterator[JsonObject]:
    """The message as the events of a stream. Only the first one has the split of cache writes by time to live."""
    opening = {**message, "content": [], "stop_reason": None, "stop_details": None}
    opening["usage"] = {**message["usage"], "output_tokens": 1} if message.get("usage") else None
    yield {"type": "message_start", "message": opening}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    totals = {key: n for key, n in (message.get("usage") or {}).items() if key != "cache_creation"}
    stop = {key: message[key] for key in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": stop, "usage": totals}
    yield {"type": "message_stop"}


def _block_events(index: int, block: JsonObject) -> Iterator[JsonObject]:
    empty: dict[str, JsonObject] = {"text": {"text": ""}, "thinking": {"signature": ""}, "tool_use": {"input": {}}}
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty[block["type"]]}}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: JsonObject) -> list[dict[str, Any]]:
    if block["type"] == "thinking":
        return [{"type": "signature_delta", "signature": block["signature"]}]
    if block["type"] == "tool_use":
        return [{"type": "input_json_delta", "partial_json": part} for part in _pieces(json.dumps(block["input"]))]
    return [{"type": "text_delta", "text": part} for part in _pieces(block["text"])]


def _pieces(text: str, size: int = 40) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]

"""What is asked of a model: checked once, then the same for the journal, the mock and the wire."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from shared.core.canonical import Json, JsonObject, canonical_json
from shared.errors import InvalidInputError
from shared.llm.models import Effort, Model, find_model
from shared.llm.schema import strict_schema

CacheTtl = Literal["5m", "1h"]

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # neither UTF-8 nor Postgres can hold these


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call. `strict`: the API keeps the input within `input_schema`."""

    name: str
    description: str
    input_schema: JsonObject
    strict: bool = True

    def on_the_wire(self) -> JsonObject:
        wire: JsonObject = {"name": self.name, "description": self.description, "input_schema": self.input_schema}
        if self.strict:
            wire |= {"input_schema": strict_schema(self.input_schema, f"tools.{self.name}"), "strict": True}
        return wire


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request. `grows`: more turns will follow. `note` tells what was changed on the way, for the trace row."""

    model: Model
    system: str
    messages: tuple[JsonObject, ...]
    max_tokens: int
    schema: JsonObject | None
    tools: tuple[JsonObject, ...]
    effort: Effort | None
    cache_ttl: CacheTtl
    grows: bool
    note: str | None

    @property
    def content(self) -> JsonObject:
        """What makes this request the one it is. The alias stands for the model, so that an upgrade changes nothing."""
        return {
            "model": self.model.asked,
            "system": self.system,
            "messages": list(self.messages),
            "max_tokens": self.max_tokens,
            "schema": self.schema,
            "tools": list(self.tools),
            "effort": self.effort,
        }

    @property
    def user_prompt(self) -> str:
        """The one user message as text; a conversation, or blocks, as JSON."""
        first = self.messages[0]["content"]
        return first if len(self.messages) == 1 and isinstance(first, str) else canonical_json(list(self.messages))

    def body(self, user_id: str | None) -> JsonObject:
        """The body of POST /v1/messages. The marker stands on the system text: that is what every call shares.

        A conversation that grows is marked at its end too, so that each turn reads the turns before it.
        """
        marker = {"type": "ephemeral"} | ({"ttl": "1h"} if self.cache_ttl == "1h" else {})
        output_config: JsonObject = {} if self.effort is None else {"effort": self.effort}
        if self.schema is not None:
            output_config["format"] = {"type": "json_schema", "schema": self.schema}
        optional = {
            "tools": list(self.tools),
            "output_config": output_config,
            "cache_control": marker if self.grows else None,
            "metadata": {"user_id": user_id} if user_id else None,
        }
        return {
            "model": self.model.id,
            "max_tokens": self.max_tokens,
            "system": [{"type": "text", "text": self.system, "cache_control": marker}],
            "messages": list(self.messages),
            **{name: value for name, value in optional.items() if value},
        }

    def followed_by(self, answer: list[JsonObject], correction: str) -> ModelRequest:
        """The conversation after the model's answer and our word on it. The API refuses empty texts: left out."""
        kept = [block for block in answer if block.get("type") != "text" or str(block.get("text", "")).strip()]
        said = [{"role": "assistant", "content": kept}] if kept else []
        return replace(self, messages=(*self.messages, *said, {"role": "user", "content": correction}))


def build_request(
    *,
    system: str,
    user_message: str | list[dict[str, Any]],
    model: str,
    max_tokens: int,
    schema: JsonObject | None,
    tools: Sequence[Tool],
    effort: str | None,
    cache_ttl: CacheTtl,
) -> ModelRequest:
    """The request, or InvalidInputError naming the argument and what is allowed."""
    found = find_model(model, datetime.now(UTC).date())
    level, effort_note = _effort(effort, found)
    notes = [note for note in (found.note, effort_note) if note]
    if not system.strip():
        raise InvalidInputError("system_stable", "must not be empty")
    most = found.facts.max_output
    if max_tokens < 1 or (most is not None and max_tokens > most):
        raise InvalidInputError("max_tokens", f"{max_tokens} is outside 1..{most or ''} of {found.id}")
    if cache_ttl not in get_args(CacheTtl):
        raise InvalidInputError("cache_ttl", f"{cache_ttl!r} is not one of 5m, 1h")
    messages = _messages(user_message)
    return ModelRequest(
        model=found,
        system=storable(system),
        messages=tuple(storable(messages)),
        max_tokens=max_tokens,
        schema=schema,
        tools=tuple(_tools(tools)),
        effort=level,
        cache_ttl=cache_ttl,
        grows=len(messages) > 1 or bool(tools),
        note="; ".join(notes) or None,
    )


def storable(value: Json) -> Json:
    """The same JSON with NUL and lone surrogates replaced by U+FFFD, so that it can be sent and stored."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {storable(key): storable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [storable(part) for part in value]
    return value


def _messages(given: str | list[dict[str, Any]]) -> list[JsonObject]:
    """A text, the messages of a conversation (`role`), or the content blocks of one user message (`type`)."""
    if isinstance(given, str):
        if not given.strip():
            raise InvalidInputError("user_message", "must not be empty")
        return [{"role": "user", "content": given}]
    if given and all("role" in message and "content" in message for message in given):
        return given
    if given and all("type" in block for block in given):
        return [{"role": "user", "content": given}]
    raise InvalidInputError("user_message", "a list must hold messages (role, content) or content blocks (type)")


def _tools(tools: Sequence[Tool]) -> list[JsonObject]:
    """Sorted by name, because a different order would be a different cache prefix."""
    names = [tool.name for tool in tools]
    for name in names:
        if not _TOOL_NAME.fullmatch(name):
            raise InvalidInputError("tools", f"{name!r} must be 1-64 letters, digits, _ or -")
        if names.count(name) > 1:
            raise InvalidInputError("tools", f"{name!r} comes twice")
    return [tool.on_the_wire() for tool in sorted(tools, key=lambda tool: tool.name)]


def _effort(asked: str | None, model: Model) -> tuple[Effort | None, str | None]:
    """The level to send. A known model without effort would answer 400, so it is left out, with a note."""
    level = next((one for one in get_args(Effort) if one == asked), None)
    if asked is not None and level is None:
        raise InvalidInputError("effort", f"{asked!r} is not one of {', '.join(get_args(Effort))}")
    is_known = model.facts.max_output is not None
    if level is None or not is_known:
        return level, None
    if model.facts.effort is None:
        return None, f"{model.id} does not know effort: left out"
    if level not in model.facts.effort:
        raise InvalidInputError("effort", f"{model.id} knows {', '.join(model.facts.effort)}, not {level}")
    return level, None

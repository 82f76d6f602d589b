"""A value that satisfies a schema, for mock and fake answers that have no fixture. Says in its words what it is."""

from __future__ import annotations

import re

from shared.core.canonical import Json, JsonObject

NO_FIXTURE = "mock response: no fixture for this agent yet"
_BOUND = re.compile(r"\b(minimum|exclusiveMinimum|minLength|maxLength|minItems): (-?\d+(?:\.\d+)?)")
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "nobody@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample_of(schema: JsonObject, choice: int) -> Json:
    """The smallest value that fits: zeros, one-element lists, `choice` picks from enums. Bounds that structured
    output does not know are read from the description, where schema.py put them; patterns are not."""
    return _sample(schema, schema.get("$defs", {}), choice)


def satisfies_keys(value: Json, schema: JsonObject) -> bool:
    """Whether the object has all keys that the schema requires, and none that it does not know."""
    if not isinstance(value, dict) or schema.get("type") != "object":
        return False
    return set(schema.get("required", [])) <= {*value} <= {*schema.get("properties", {})}


def _sample(schema: JsonObject, defs: JsonObject, choice: int) -> Json:
    if "$ref" in schema:
        return _sample(defs[str(schema["$ref"]).rpartition("/")[2]], defs, choice)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][choice % len(schema["enum"])]
    variants = schema.get("anyOf") or schema.get("allOf")
    if variants:
        return _sample(variants[0], defs, choice)
    return _typed(schema, defs, choice)


def _typed(schema: JsonObject, defs: JsonObject, choice: int) -> Json:
    bounds = {name: float(number) for name, number in _BOUND.findall(schema.get("description", ""))}
    kind = schema["type"]
    if kind == "object":
        return {name: _sample(part, defs, choice) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        count = max(1, int(bounds.get("minItems", 1)))
        return [_sample(schema["items"], defs, choice + n) for n in range(count)] if "items" in schema else []
    if kind == "string":
        return _FORMATS.get(schema.get("format", "")) or _words(bounds)
    if kind in ("integer", "number"):
        return _number(bounds, kind)
    return False if kind == "boolean" else None


def _words(bounds: dict[str, float]) -> str:
    text = NO_FIXTURE.ljust(int(bounds.get("minLength", 0)), ".")
    return text[: int(bounds["maxLength"])] if "maxLength" in bounds else text


def _number(bounds: dict[str, float], kind: str) -> int | float:
    least = max(0.0, bounds.get("minimum", 0.0), bounds.get("exclusiveMinimum", -1.0) + 1)
    return int(least) if kind == "integer" else least

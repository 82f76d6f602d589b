"""JSON values as Firestore's own, in the form its API takes."""

from __future__ import annotations

from typing import Any

from shared.core.canonical import Json, JsonObject

PLAIN = {bool: "boolean_value", int: "integer_value", float: "double_value", str: "string_value"}


def as_fields(document: JsonObject) -> dict[str, Any]:
    """The fields of a document."""
    return {name: as_value(value) for name, value in document.items()}


def as_value(value: Json) -> dict[str, Any]:
    """One value. What is neither text, truth, number, list nor object is refused with a TypeError."""
    if isinstance(value, list):
        return {"array_value": {"values": [as_value(one) for one in value]}}
    if isinstance(value, dict):
        return {"map_value": {"fields": as_fields(value)}}
    if value is None:
        return {"null_value": 0}
    if type(value) not in PLAIN:
        raise TypeError(f"a document holds no {type(value).__name__}")
    return {PLAIN[type(value)]: value}

"""A pydantic model as the JSON schema that structured output understands.

The API refuses bounds, patterns, defaults and open objects. As the vendor's SDK does, what it does not know moves into
the description, where the model may still read it; our own validation holds the line. The SDK's version is not used
because importing it costs most of a second, and mock mode needs the same schema (the tests compare the two).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from shared.core.canonical import JsonObject
from shared.errors import InvalidInputError

_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
_UNIONS = (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf"))


@lru_cache(maxsize=512)
def schema_of(output_model: type[BaseModel]) -> JsonObject:
    """The schema to send for `output_model`. Shared between calls: do not change it.

    Raises InvalidInputError, naming the field, for what structured output cannot express: a free-form object
    (`dict[str, ...]`: use a list of name and value), a field without a type, a model that contains itself.
    """
    schema = output_model.model_json_schema()
    _refuse_recursion(schema, schema, output_model.__name__, ())
    return strict_schema(schema, output_model.__name__)


def strict_schema(schema: JsonObject, where: str) -> JsonObject:
    """The same schema in the dialect of structured output. `where` names it in errors."""
    left = dict(schema)
    strict: JsonObject = {}
    if "$defs" in left:
        strict["$defs"] = {name: strict_schema(one, name) for name, one in left.pop("$defs").items()}
    if "$ref" in left:
        return {**strict, "$ref": left["$ref"]}
    kind = left.pop("type", None)
    is_literal = _take_literals(left, strict)
    if not _take_union(left, strict, where) and not is_literal:
        if kind is None:
            raise InvalidInputError(where, "structured output needs a type here, not Any")
        strict["type"] = kind
    for key in ("description", "title"):
        if left.get(key) is not None:
            strict[key] = left[key]
        left.pop(key, None)
    if not is_literal:
        _take_details(kind, left, strict, where)
    if left:
        strict["description"] = _with_rest(strict.get("description"), left)
    return strict


def _take_literals(left: JsonObject, strict: JsonObject) -> bool:
    enum = left.get("enum")
    if isinstance(enum, list) and enum and all(_is_plain(value) for value in enum):
        strict["enum"] = left.pop("enum")
    if "const" in left and _is_plain(left["const"]):
        strict["const"] = left.pop("const")
    return "enum" in strict or "const" in strict


def _take_union(left: JsonObject, strict: JsonObject, where: str) -> bool:
    found = [(goal, left.pop(name)) for name, goal in _UNIONS if isinstance(left.get(name), list)]
    if found:
        goal, variants = found[0]
        strict[goal] = [strict_schema(variant, where) for variant in variants]
    return bool(found)


def _take_details(kind: str | None, left: JsonObject, strict: JsonObject, where: str) -> None:
    if kind == "object":
        _take_object(left, strict, where)
    elif kind == "string" and left.get("format") in _FORMATS:
        strict["format"] = left.pop("format")
    elif kind == "array":
        if "items" in left:
            strict["items"] = strict_schema(left.pop("items"), f"{where}[]")
        if left.get("minItems") in (0, 1):
            strict["minItems"] = left.pop("minItems")


def _take_object(left: JsonObject, strict: JsonObject, where: str) -> None:
    if left.pop("additionalProperties", False) is not False and "properties" not in left:
        raise InvalidInputError(where, "structured output has no free-form objects: use a list of name and value")
    parts = left.pop("properties", {})
    strict["properties"] = {name: strict_schema(part, f"{where}.{name}") for name, part in parts.items()}
    strict["additionalProperties"] = False
    if left.get("required") is not None:
        strict["required"] = list(left["required"])
    left.pop("required", None)


def _with_rest(description: str | None, left: JsonObject) -> str:
    rest = "{" + ", ".join(f"{key}: {value}" for key, value in left.items()) + "}"
    return rest if description is None else f"{description}\n\n{rest}"


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _refuse_recursion(node: Any, root: JsonObject, where: str, above: tuple[str, ...]) -> None:
    """Follows every reference once on each way down; one that comes back to itself has no end."""
    if isinstance(node, list):
        for part in node:
            _refuse_recursion(part, root, where, above)
    if not isinstance(node, dict):
        return
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name in above:
        raise InvalidInputError(where, f"structured output cannot hold {name}, which contains itself")
    if name:
        _refuse_recursion(root.get("$defs", {}).get(name), root, where, (*above, name))
    for key, part in node.items():
        if key != "$defs":
            _refuse_recursion(part, root, where, above)

"""What is wrong with a value, in words for people: what is allowed, never a library's wording or a pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

SLUG_RULE = "must be lower case letters, digits and _, beginning with a letter, at most 64"
_A_TIME = "must be a time such as 2026-11-20T09:30:00Z"
_A_DAY = "must be a day such as 2026-11-20"
_PATTERNS = {
    r"^[a-z][a-z0-9_]{0,63}$": SLUG_RULE,
    r"^[A-Z]{2}$": "must be two capital letters, such as US",
    r"^[0-9a-f]{64}$": "must be a sha-256: 64 digits and lower case letters a to f",
    r"^[0-9A-Za-z_-]{1,64}$": "must be letters, digits, _ and -, 1 to 64",
    r"^[A-Za-z0-9_-]{1,200}$": "must be letters, digits, _ and -, 1 to 200",
    r"^[A-Za-z0-9._-]{1,100}$": "must be letters, digits, dots, _ and -, 1 to 100",
    r"^\w{1,100}$": "must be letters, digits and _, 1 to 100, without #",
    r"^https?://[^\s]+$": "must be an address that begins with https:// or http://",
}
_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
    "none_required": "must be null",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "decimal_type": "must be a number, such as 2.50",
    "decimal_parsing": "must be a number, such as 2.50",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be an array",
    "tuple_type": "must be an array",
    "set_type": "must be an array",
    "frozen_set_type": "must be an array",
    "datetime_type": _A_TIME,
    "datetime_parsing": _A_TIME,
    "datetime_from_date_parsing": _A_TIME,
    "datetime_object_invalid": _A_TIME,
    "timezone_aware": "must be a time with its zone, such as 2026-11-20T09:30:00Z",
    "date_type": _A_DAY,
    "date_parsing": _A_DAY,
    "date_from_datetime_parsing": _A_DAY,
    "date_from_datetime_inexact": _A_DAY,
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "decimal_max_places": "must have at most {decimal_places} digits after the point",
    "decimal_whole_digits": "must have at most {whole_digits} digits before the point",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}


def told(problem: Mapping[str, Any]) -> str:
    """One error of a pydantic ValidationError, as what the field must be."""
    kind, limits = str(problem["type"]), problem.get("ctx", {})
    if kind in ("string_too_short", "too_short") and limits["min_length"] == 1:
        return "must not be empty"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(limits["pattern"], "is not written in a form that is allowed here")
    if kind in _LIMITS:
        return _LIMITS[kind].format_map(limits)
    return _WORDS.get(kind) or str(problem["msg"]).removeprefix("Value error, ")


def problems_of(wrong: ValidationError) -> list[tuple[str, str]]:
    """What is wrong, field by field: dotted path (empty for the whole) and words.

    A list that seems short only because its items are wrong is not told of.
    """
    errors = wrong.errors(include_url=False)
    paths = [error["loc"] for error in errors]
    kept = [error for error in errors if error["type"] != "too_short" or not _has_wrong_items(error["loc"], paths)]
    return [(".".join(str(part) for part in error["loc"]), told(error)) for error in kept]


def _has_wrong_items(path: Sequence[Any], paths: Sequence[Sequence[Any]]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in paths)

"""Reads a request's JSON, and says no clearly: which field, and what is allowed (DESIGN 12)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.core.canonical import Json
from shared.core.wording import problems_of
from shared.errors import BodyTooLargeError, InvalidInputError, MalformedBodyError

Model = TypeVar("Model", bound=BaseModel)
MAX_DEPTH = 50
ERRORS_TOLD = 20
NAME_CHARACTERS = 200
PATH_CHARACTERS = 500
MAX_DIGITS = 1000


class InvalidFieldsError(InvalidInputError):
    """One or more fields are wrong. The message is about the first; `errors` lists the first twenty."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(errors[0]["field"], errors[0]["message"])
        self.errors = errors[:ERRORS_TOLD]


def read_limited(stream: Any, announced: int | None, limit: int) -> bytes:
    """The whole body, never more than `limit` bytes of it, whatever length was announced."""
    if announced is not None and announced > limit:
        raise BodyTooLargeError(f"the body has {announced} bytes; the limit is {limit}")
    body = bytearray()
    try:
        while len(body) <= limit and (part := stream.read(limit + 1 - len(body))):
            body += part
    except Exception as broken:  # each server has errors of its own for a transfer that broke off
        raise MalformedBodyError("the body broke off, or was sent in malformed chunks") from broken
    if len(body) > limit:
        raise BodyTooLargeError(f"the body has more than {limit} bytes, the limit")
    if len(body) < (announced or 0):
        raise MalformedBodyError(f"the body broke off after {len(body)} of {announced} bytes")
    return bytes(body)


def parse_json(body: bytes) -> Json:
    """Strict JSON: no NaN, no name twice, no text that Postgres cannot hold."""
    try:
        value = json.loads(body, object_pairs_hook=_no_name_twice, parse_constant=_no_constant, parse_int=_integer)
    except (ValueError, RecursionError) as wrong:
        told = "is nested too deeply" if isinstance(wrong, RecursionError) else f"is not JSON: {_short(wrong)}"
        raise MalformedBodyError(f"the body {told}") from wrong
    for path, problem in _bad_texts(value, ()):
        raise InvalidInputError(".".join(path) or "body", problem)
    return value


def parse_body(body: bytes, model: type[Model]) -> Model:
    """The body as its model. Unknown fields are refused, every wrong field is named."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise MalformedBodyError(f"the body must be a JSON object, not {_kind(value)}")
    return parse_fields(value, model)


def parse_fields(value: dict[str, Any], model: type[Model]) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        found = [{"field": _shortened(path) or "body", "message": message} for path, message in problems_of(wrong)]
        raise InvalidFieldsError(found) from wrong


def _shortened(path: str) -> str:
    return path if len(path) <= PATH_CHARACTERS else path[:PATH_CHARACTERS] + "…"


def _no_name_twice(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(n for n in names if names.count(n) > 1)!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number has more than {MAX_DIGITS} digits")
    return int(digits)


def _bad_texts(value: Json, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        problem = text_problem(value)
        if problem:
            yield path, problem
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        yield path, "is too large a number"
    elif isinstance(value, dict | list):
        if len(path) >= MAX_DEPTH:
            raise MalformedBodyError(f"the body is nested more than {MAX_DEPTH} levels deep")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            if text_problem(str(name)):
                yield (*path, ascii(name)[:NAME_CHARACTERS]), "is not a usable name"
            yield from _bad_texts(item, (*path, str(name)[:NAME_CHARACTERS]))


def text_problem(text: str) -> str | None:
    """Why this text cannot be kept; None if it can."""
    if "\x00" in text:
        return "holds a NUL character, which is not allowed"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "holds a lone surrogate, which is not a character"
    return None


def _kind(value: Json) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _short(wrong: Exception) -> str:
    return str(wrong).encode("ascii", "replace").decode()[:200]

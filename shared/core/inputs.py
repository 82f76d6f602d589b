"""What a step is given: brief fields, its options, and what `input_map` points at (DESIGN 9, A018, X18, E028).

A value of `input_map` is `brief.x`, `<step>.output.x`, `item.x`, or text with `{{ … }}` in it. Inside braces a step is
named by its key or, counted from 1, as `step1`; `.output` may be left out there. A lone reference keeps its type; among
other text it is written as text. What follows the first name is a JMESPath. A path that leads nowhere is an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from shared.core.canonical import Json, JsonObject, canonical_json
from shared.errors import InputUnresolvedError

BRIEF = "brief"
ITEM = "item"
_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ROOT = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(.*?)\s*$", re.DOTALL)
_NUMBERED = re.compile(r"^step([1-9][0-9]*)$")
_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")


LONGEST_PATH = 1000
# What jmespath raises for a path it cannot read or follow; ValueError also for a number that JSON has no form for.
UNREADABLE = (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError, AttributeError)


class BadPathError(ValueError):
    """A path that cannot be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One path: `root` is `brief`, `item` or a step's key; `rest` is a JMESPath below it, "" for all of it."""

    text: str
    root: str
    rest: str

    @property
    def first_field(self) -> str | None:
        """The first plain name of `rest`; None where the path starts with an expression, or is empty."""
        found = re.match(r"[A-Za-z_][A-Za-z0-9_]*", self.rest)
        return found.group(0) if found else None


def references_in(value: str, keys: Collection[str]) -> list[Reference]:
    """Every reference in one `input_map` value. `keys` are the steps in the order of the definition."""
    inside = _BRACES.findall(value)
    if inside:
        return [_reference(text, keys, in_braces=True) for text in inside]
    return [_reference(value, keys, in_braces=False)]


def is_alone(value: str) -> bool:
    """Whether the value is one reference and no text around it, so that it keeps its type."""
    spans = list(_BRACES.finditer(value))
    return not spans or (len(spans) == 1 and spans[0].span() == (0, len(value)))


def by_name(value: str, keys: Collection[str]) -> str:
    """The same `input_map` value with `step1` written as that step's key, so that it can be read without the list."""

    def named(found: re.Match[str]) -> str:
        reference = _reference(found.group(1), keys, in_braces=True)
        text = found.group(1).strip()
        numbered = _NUMBERED.match(text.partition(".")[0])
        if numbered is None or reference.root == text.partition(".")[0]:
            return found.group(0)
        return "{{" + reference.root + text[len(numbered.group(0)) :] + "}}"

    return _BRACES.sub(named, value)


def _reference(text: str, keys: Collection[str], *, in_braces: bool) -> Reference:
    found = _ROOT.match(text)
    if found is None:
        raise BadPathError("is not a path; write brief.<field>, <step>.output.<field>, or text with {{ … }}")
    root, rest = found.group(1), found.group(2)
    if root in (BRIEF, ITEM):
        return _parsed(text, root, rest)
    numbered = _NUMBERED.match(root)
    if in_braces and numbered and root not in keys:
        root = _by_number(int(numbered.group(1)), keys)
    if root not in keys:
        raise BadPathError(f"names no step {root!r}; there are: brief, {', '.join(list(keys)[:20])}")
    if rest == ".output" or re.match(r"\.output\b(?!\w)", rest):
        return _parsed(text, root, rest.removeprefix(".output"))
    if not in_braces:
        raise BadPathError(f"must read {root}.output.<field>")
    return _parsed(text, root, rest)


def _by_number(number: int, keys: Collection[str]) -> str:
    if number > len(keys):
        raise BadPathError(f"names step {number}, but there are {len(keys)}")
    return list(keys)[number - 1]


def _parsed(text: str, root: str, rest: str) -> Reference:
    path = rest.removeprefix(".")
    if rest and not path:
        raise BadPathError("ends in a dot")
    if len(path) > LONGEST_PATH:
        raise BadPathError(f"is longer than {LONGEST_PATH} characters")
    if path:
        try:
            jmespath.compile(path)
        except UNREADABLE as wrong:
            raise BadPathError(f"is not a JMESPath: {first_line(wrong)}") from wrong
    return Reference(text=text.strip(), root=root, rest=path)


def resolve_inputs(
    step_key: str,
    input_map: Mapping[str, str],
    options: Mapping[str, Any],
    brief: Mapping[str, Any],
    outputs: Mapping[str, Json],
    keys: Collection[str],
    without_output: Collection[str] = (),
) -> JsonObject:
    """The input of one step: the brief's fields, under its options, under what `input_map` points at.

    `outputs` holds the outputs of the steps that are referred to, and the `item` of a step that is one of many. What
    stands alone and reads from a step `without_output` (it failed or was skipped) is null. Raises
    `InputUnresolvedError`.
    """
    resolved: JsonObject = {**brief, **options}
    roots = {BRIEF: dict(brief), **outputs}
    for field, value in input_map.items():
        resolved[field] = resolved_value(step_key, field, value, roots, keys, without_output)
    return resolved


def resolved_value(
    step_key: str,
    field: str,
    value: str,
    roots: Mapping[str, Json],
    keys: Collection[str],
    without_output: Collection[str] = (),
) -> Json:
    """What one value of an `input_map` (or a `for_each`) points at. Raises `InputUnresolvedError`."""
    try:
        found = references_in(value, keys)
    except BadPathError as wrong:
        raise InputUnresolvedError(step_key, field, value, str(wrong)) from wrong
    alone = is_alone(value)
    if alone and found[0].root in without_output:
        return None
    values = [_looked_up(step_key, field, reference, roots) for reference in found]
    if alone:
        return values[0]
    texts = iter(values)
    return _BRACES.sub(lambda _: _as_text(next(texts)), value)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _looked_up(step_key: str, field: str, reference: Reference, roots: Mapping[str, Json]) -> Json:
    def nowhere(why: str) -> InputUnresolvedError:
        return InputUnresolvedError(step_key, field, reference.text, why)

    if reference.root not in roots:
        raise nowhere(f"needs the output of {reference.root!r}, which has none")
    value = roots[reference.root]
    if not reference.rest:
        return value
    if _PLAIN.match(reference.rest):
        for name in reference.rest.split("."):
            if not isinstance(value, Mapping) or name not in value:
                held = ", ".join(sorted(value)[:20]) if isinstance(value, Mapping) else type(value).__name__
                raise nowhere(f"finds no {name!r}; there is: {held or 'nothing'}")
            value = value[name]
        return value
    try:
        found = jmespath.search(reference.rest, value)
        canonical_json(found)
    except UNREADABLE as wrong:
        raise nowhere(f"failed: {first_line(wrong)}") from wrong
    if found is None:
        raise nowhere("leads nowhere")
    return found


def first_line(wrong: Exception) -> str:
    """What an error says first, of a length that can be shown."""
    return (str(wrong).splitlines() or [type(wrong).__name__])[0][:200]

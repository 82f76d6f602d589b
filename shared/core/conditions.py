"""Whether a step is done at all: its `when`, and what its `join` makes of how the steps before it ended.

A `when` is a JMESPath over {"brief": …, "<step>": {"output": …, "status": …}}. Its literals are written as JMESPath has
them: text in single quotes ('own_brand'), everything else as JSON in backticks (`100`, `true`). As JMESPath says, false
are: false, null, the empty text, the empty list and the empty object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jmespath

from shared.core.canonical import Json
from shared.core.inputs import BRIEF, UNREADABLE, BadPathError, first_line

LONGEST_WHEN = 1000
Join = Literal["all", "any", "done"]
Hears = Literal["failure", "skip", "success"]  # what the steps behind a step hear of its end
_HOW = "text is written 'like this', a number or true in backticks: `100`"
_PARTS = ("output", "status")


@dataclass(frozen=True, slots=True)
class Named:
    """What a condition reads: `root` is `brief` or a step's key, `part` what of it, `field` the name behind that."""

    root: str
    part: str | None
    field: str | None


@dataclass(frozen=True, slots=True)
class Skip:
    """A step that is not done: the class and the sentence of why, and what the steps behind it hear."""

    reason: str
    told: str
    hears: Hears


def named_in(expression: str) -> list[Named]:
    """What a condition reads. Raises `BadPathError` for one that cannot be read, or that reads from nothing named."""
    if len(expression) > LONGEST_WHEN:
        raise BadPathError(f"is longer than {LONGEST_WHEN} characters")
    try:
        tree = jmespath.compile(expression).parsed
    except UNREADABLE as wrong:
        raise BadPathError(f"is not a JMESPath ({first_line(wrong)}); {_HOW}") from wrong
    found = list(_named(tree))
    for named in found:
        if named.root != BRIEF and named.part not in _PARTS:
            raise BadPathError(
                f"must read {named.root}.output or {named.root}.status; {_HOW}; write !(…) around a path"
            )
    return found


def _named(node: Any) -> Iterator[Named]:
    """The paths that begin at the whole; what stands behind a dot, an index or a pipe begins at what is before it."""
    kind, children = node["type"], node["children"]
    if kind in ("current", "identity"):
        raise BadPathError("must name brief or a step; @ and * read everything")
    if kind == "field":
        yield Named(node["value"], None, None)
    elif kind == "subexpression" and children[0]["type"] == "field":
        yield Named(children[0]["value"], _name_of(children[1]), _name_of(children[2]) if len(children) > 2 else None)
    elif kind in ("literal", "expref"):
        return
    elif kind in ("subexpression", "index_expression", "pipe", "flatten") or kind.endswith("projection"):
        yield from _named(children[0])
    else:
        for child in children:
            yield from _named(child)


def _name_of(node: Any) -> str | None:
    """The first plain name of what stands behind a dot; None where it is an expression."""
    while node["type"] in ("index_expression", "projection", "filter_projection", "value_projection", "flatten"):
        node = node["children"][0]
    return node["value"] if node["type"] == "field" else None


def holds(expression: str, brief: Mapping[str, Json], steps: Mapping[str, Mapping[str, Json]]) -> bool:
    """Whether the condition is met. Raises `BadPathError` if it cannot be told: a function was given what it does not
    take."""
    try:
        found: Any = jmespath.search(expression, {**steps, BRIEF: dict(brief)})
    except UNREADABLE as wrong:
        raise BadPathError(f"failed: {first_line(wrong)}") from wrong
    return not (found is None or found is False or found in ("", [], {}))


def joined(join: Join, expected: int, failed: int, skipped: int) -> Skip | None:
    """What a step makes of the ends of the `expected` steps before it; None: it is done."""
    if join == "done" or not expected:
        return None
    is_met = failed == 0 and skipped < expected if join == "all" else failed + skipped < expected
    if is_met:
        return None
    if failed:
        told = f"not begun: {failed} of the {expected} steps before it failed, or were skipped because of a failure"
        return Skip("upstream_failed", told, "failure")
    told = "the step before it was" if expected == 1 else f"all {expected} steps before it were"
    return Skip("upstream_skipped", f"not begun: {told} skipped", "skip")

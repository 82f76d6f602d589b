"""What a condition reads, and what a join makes of the ends before it."""

from __future__ import annotations

import pytest

from shared.core.conditions import LONGEST_WHEN, Join, holds, joined, named_in
from shared.core.inputs import BadPathError


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("brief.x", {("brief", "x", None)}),
        ("a.output.x > `3` || b.status == 'failed'", {("a", "output", "x"), ("b", "status", None)}),
        ("length(a.output.posts[?views > `10`].id) > `0`", {("a", "output", "posts")}),
        ("a.output.posts[0].id", {("a", "output", "posts")}),
        ("a.output.posts[].tags[] | [0]", {("a", "output", "posts")}),
        ("sort_by(a.output.posts, &views)[0].id == brief.id", {("a", "output", "posts"), ("brief", "id", None)}),
        ("[a.output.x, b.output][0]", {("a", "output", "x"), ("b", "output", None)}),
        ("{n: a.output.x}.n", {("a", "output", "x")}),
        ("!(a.output.*.x)", {("a", "output", None)}),
        ("`true`", set()),
    ],
)
def test_what_is_read_is_known(expression: str, expected: set[tuple[str, str | None, str | None]]) -> None:
    """Names behind a dot, inside a filter or behind a pipe are no roots."""
    found = {(named.root, named.part, named.field) for named in named_in(expression)}

    assert {one[:2] for one in found} == {one[:2] for one in expected}
    assert all(one[2] in (None, *(field for *_, field in expected)) for one in found)


@pytest.mark.parametrize(
    "expression", ["@.a.output", "*", "keys(@)", "a", "a.x", "!a.output.x", "(", "a == 1", "x" * 2000]
)
def test_what_cannot_be_told_is_refused(expression: str) -> None:
    """Everything at once, a step without a part of it, and what is no JMESPath."""
    with pytest.raises(BadPathError):
        named_in(expression)


def test_too_long_is_refused() -> None:
    """A condition is a line, not a program."""
    with pytest.raises(BadPathError, match=str(LONGEST_WHEN)):
        named_in("brief.x && " * 200 + "brief.x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), (False, False), ("", False), ([], False), ({}, False), (0, True), ("0", True)],
)
def test_what_is_false(value: object, expected: bool) -> None:
    """As JMESPath has it."""
    assert holds("brief.x", {"x": value}, {}) == expected


def test_a_step_may_be_called_as_a_field_of_the_brief() -> None:
    """Roots do not mix."""
    assert holds("a.status == 'failed' && brief.a == `1`", {"a": 1}, {"a": {"output": None, "status": "failed"}})


@pytest.mark.parametrize(
    ("join", "ends", "expected"),
    [
        ("all", (3, 0, 0), None),
        ("all", (3, 1, 0), "upstream_failed"),
        ("all", (3, 1, 2), "upstream_failed"),
        ("all", (3, 0, 2), None),
        ("all", (3, 0, 3), "upstream_skipped"),
        ("all", (0, 0, 0), None),
        ("any", (3, 2, 0), None),
        ("any", (3, 1, 1), None),
        ("any", (3, 1, 2), "upstream_failed"),
        ("any", (3, 0, 3), "upstream_skipped"),
        ("any", (0, 0, 0), None),
        ("done", (3, 1, 2), None),
    ],
)
def test_joins(join: Join, ends: tuple[int, int, int], expected: str | None) -> None:
    """(expected, failed, skipped) and why the step behind them is skipped, if it is."""
    skip = joined(join, *ends)

    assert (skip.reason if skip else None) == expected
    assert skip is None or skip.hears == ("failure" if expected == "upstream_failed" else "skip")

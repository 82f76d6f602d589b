"""The figures that scores are made of, worked out by hand."""

from __future__ import annotations

import pytest

from shared.agents.scores.figures import (
    compare,
    deviation,
    engagement_rate,
    engagements,
    is_owners,
    linear,
    mean,
    median,
    ratio_score,
    rounded,
    whole,
)
from tests.support.accounts import HANDLE, a_comment, a_post


@pytest.mark.parametrize(("values", "middle"), [([], None), ([7], 7.0), ([3, 1, 2], 2.0), ([4, 1, 3, 2], 2.5)])
def test_median(values: list[float], middle: float | None) -> None:
    """The middle value, or the mean of the middle two; of nothing it is unknown."""
    assert median(values) == middle


def test_deviation_is_over_n() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9 has the mean 5 and the population deviation 2."""
    values = [2, 4, 4, 4, 5, 5, 7, 9]

    assert (mean(values), deviation(values)) == (5.0, 2.0)


@pytest.mark.parametrize(("value", "nearest"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.49, 2), (79.999999, 80)])
def test_whole_rounds_halves_up(value: float, nearest: int) -> None:
    """Halves go up, always, unlike in Python's own rounding."""
    assert whole(value) == nearest


@pytest.mark.parametrize(
    ("ratio", "score"), [(0, 0), (0.5, 40), (1, 80), (1.25, 100), (3, 100), (-1, 0), (0.99375, 80)]
)
def test_ratio_score(ratio: float, score: int) -> None:
    """As before is 80, half is 40, a quarter more is 100 and the most."""
    assert ratio_score(ratio) == score


@pytest.mark.parametrize(("value", "place"), [(0.5, 0.0), (0.35, 0.5), (0.2, 1.0), (0.1, 1.0), (0.9, 0.0)])
def test_linear_runs_both_ways(value: float, place: float) -> None:
    """From 0.5 down to 0.2 the place grows from 0 to 1, and stays inside."""
    assert rounded(linear(value, 0.5, 0.2)) == place


def test_engagement_needs_all_parts() -> None:
    """One unknown part makes the sum unknown; a known zero does not."""
    assert engagements(a_post(3, shares=None)) is None
    assert engagements(a_post(3, shares=0)) == 95


def test_rate_of_no_view_is_unknown() -> None:
    """A post without a view, or with unknown views, has no rate; 100 acts on 1,000 views are 0.1."""
    assert engagement_rate(a_post(3, views=0)) is None
    assert engagement_rate(a_post(3, views=None)) is None
    assert engagement_rate(a_post(3)) == 0.1


def test_compare_says_what_is_missing() -> None:
    """Too few values on either side give no ratio, and the reason counts both."""
    found = compare([1.0, 2.0], [3.0])

    assert (found.ratio, found.recent, found.baseline) == (None, 1.5, 3.0)
    assert found.reason == (
        "2 recent posts with this figure, 3 are needed; 1 baseline post with this figure, 5 are needed"
    )


def test_compare_at_the_least() -> None:
    """Three recent and five baseline values are just enough: 2 over 4."""
    assert compare([1, 2, 3], [2, 3, 4, 5, 6]).ratio == 0.5


def test_compare_with_zero() -> None:
    """Zero now is a ratio of zero; zero before allows no ratio."""
    assert compare([0, 0, 0], [2, 2, 2, 2, 2]).ratio == 0
    assert compare([1, 1, 1], [0, 0, 0, 0, 0]).reason == "the median before is zero, which nothing can be compared with"


@pytest.mark.parametrize(("author", "own"), [(HANDLE, True), ("@Aster", True), ("asterix", False), (None, False)])
def test_owner_in_any_spelling(author: str | None, own: bool) -> None:
    """The account's own comments are known by its handle, with or without @, in any case."""
    assert is_owners(a_comment(a_post(3), 1, author=author), HANDLE) is own

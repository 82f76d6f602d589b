"""The few figures that every score is made of. `None` is unknown and is never counted as zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from shared.providers.records import Comment, Post
from shared.providers.text import many

MIN_RECENT = 3
MIN_BASELINE = 5
AS_BEFORE = 80  # the score of a figure that is what it was before


class Figures(BaseModel):
    """The base of everything computed here: fixed once made, and with no field but the named ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(Figures):
    """A median now and a median before, and one over the other. `ratio` is None where `reason` says why."""

    recent: float | None
    baseline: float | None
    ratio: float | None
    recent_count: int
    baseline_count: int
    reason: str | None = None


def median(values: Sequence[float]) -> float | None:
    """The middle value; of an even number of values the mean of the middle two; None of no values."""
    if not values:
        return None
    ordered, half = sorted(values), len(values) // 2
    return float(ordered[half]) if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """The population standard deviation: over n, not over n - 1."""
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / len(values))


def rounded(value: float | None, places: int = 6) -> float | None:
    """Six places are kept of every figure, so that no machine's last bit shows."""
    return None if value is None else round(float(value), places)


def whole(value: float) -> int:
    """The nearest whole number, halves up."""
    return math.floor(value + 0.5)


def ratio_score(ratio: float) -> int:
    """0-100: 80 x ratio, at most 100. As before is 80, half is 40, a quarter more or better is 100."""
    return whole(min(100.0, AS_BEFORE * max(0.0, ratio)))


def linear(value: float, at_zero: float, at_one: float) -> float:
    """Where `value` lies on the way from `at_zero` to `at_one`, kept within 0..1."""
    return min(1.0, max(0.0, (value - at_zero) / (at_one - at_zero)))


def known(posts: Iterable[Post], of: Callable[[Post], float | None]) -> list[float]:
    """The values that are known, in the order of the posts."""
    return [value for value in map(of, posts) if value is not None]


def engagements(post: Post) -> int | None:
    """Likes, comments and shares together; None if one of the three is unknown."""
    if post.likes is None or post.comments is None or post.shares is None:
        return None
    return post.likes + post.comments + post.shares


def engagement_rate(post: Post) -> float | None:
    """Engagements per view; None where a part is unknown, and for a post without a view."""
    acts = engagements(post)
    return None if acts is None or not post.views else acts / post.views


def is_owners(comment: Comment, owner: str) -> bool:
    """Whether the account itself wrote the comment; one without an author is somebody else's."""
    return (comment.author or "").removeprefix("@").lower() == owner


def views(post: Post) -> float | None:
    return post.views


def likes(post: Post) -> float | None:
    return post.likes


def compare(
    recent: Sequence[float],
    baseline: Sequence[float],
    *,
    least_recent: int = MIN_RECENT,
    least_baseline: int = MIN_BASELINE,
) -> Comparison:
    """The recent median over the baseline median; no ratio on too few values, or on a baseline of zero."""
    now, before = median(recent), median(baseline)
    reason = _too_few(recent, baseline, least_recent, least_baseline)
    if reason is None and not before:
        reason = "the median before is zero, which nothing can be compared with"
    ratio = None if reason or now is None or not before else now / before
    return Comparison(
        recent=rounded(now),
        baseline=rounded(before),
        ratio=rounded(ratio),
        recent_count=len(recent),
        baseline_count=len(baseline),
        reason=reason,
    )


def _too_few(recent: Sequence[float], baseline: Sequence[float], least_recent: int, least_baseline: int) -> str | None:
    if not recent and not baseline:
        return "the figure is known of no post in either window"
    short = []
    if len(recent) < least_recent:
        short.append(f"{many(len(recent), 'recent post')} with this figure, {least_recent} are needed")
    if len(baseline) < least_baseline:
        short.append(f"{many(len(baseline), 'baseline post')} with this figure, {least_baseline} are needed")
    return "; ".join(short) or None

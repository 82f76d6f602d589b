"""Rising hashtags: how a hashtag grew over two windows of equal length, and whether the account uses it already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.agents.quoting import excerpt
from shared.agents.scores.figures import Figures, rounded
from shared.providers.records import AccountData, Post, TrendingHashtag, Trends

LEAST_POSTS_NOW = 5
LEAST_GROWTH = 0.2
SMOOTHING = 5  # added to both windows when ranking, so that 1 -> 4 posts does not beat 1,000 -> 2,000


class RisingHashtag(Figures):
    """One hashtag. `growth` is posts now over posts before, less one; None where there were none before (`is_new`)."""

    hashtag: str
    posts_now: int
    posts_before: int
    growth: float | None
    is_new: bool
    views_now: int | None
    views_before: int | None
    views_growth: float | None
    already_used: bool
    account_posts: int
    last_used_at: datetime | None


def rising_hashtags(trends: Trends, account: AccountData, *, limit: int = 10) -> tuple[RisingHashtag, ...]:
    """Hashtags of at least 5 posts now that grew by 20 % or more, the strongest growth first."""
    risen = [found for found in _distinct(trends.hashtags) if _has_risen(found)]
    strongest = sorted(risen, key=lambda found: (-_smoothed(found), -found.posts_now, found.name))
    return tuple(_rising(found, account.posts) for found in strongest[:limit])


def _distinct(found: Sequence[TrendingHashtag]) -> list[TrendingHashtag]:
    """Each hashtag once: an id must mean one thing when the model answers by it."""
    return list({excerpt(tag.name, 60): tag for tag in reversed(found)}.values())


def _has_risen(found: TrendingHashtag) -> bool:
    growth = rounded(_growth(found.posts_now, found.posts_before))
    return found.posts_now >= LEAST_POSTS_NOW and (growth is None or growth >= LEAST_GROWTH)


def _smoothed(found: TrendingHashtag) -> float:
    return (found.posts_now + SMOOTHING) / (found.posts_before + SMOOTHING)


def _growth(now: int | None, before: int | None) -> float | None:
    return None if now is None or not before else now / before - 1


def _rising(found: TrendingHashtag, posts: Sequence[Post]) -> RisingHashtag:
    used = [post.published_at for post in posts if found.name in post.hashtags]
    return RisingHashtag(
        hashtag=excerpt(found.name, 60),
        posts_now=found.posts_now,
        posts_before=found.posts_before,
        growth=rounded(_growth(found.posts_now, found.posts_before)),
        is_new=not found.posts_before,
        views_now=found.views_now,
        views_before=found.views_before,
        views_growth=rounded(_growth(found.views_now, found.views_before)),
        already_used=bool(used),
        account_posts=len(used),
        last_used_at=max(used, default=None),
    )

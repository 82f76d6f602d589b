"""Which posts are compared with which: the last 14 days with the account's own 30 days before them (X34)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.providers.records import AccountData, Post

RECENT_DAYS = 14
BASELINE_DAYS = 30
SETTLED_AFTER = timedelta(hours=48)  # counts of a younger post are still moving, and lag by a day or two


@dataclass(frozen=True, slots=True)
class Windows:
    """The two windows of `posts`, counted back from `as_of`: `(as_of - 14 d, as_of]`, and the 30 days before it.

    `baseline_days` is how many of the 30 days the data reaches back over: a new account, or a file of only its newest
    posts, reaches less far.
    """

    as_of: datetime
    posts: tuple[Post, ...]
    recent: tuple[Post, ...]
    baseline: tuple[Post, ...]
    baseline_days: float

    @property
    def settled_recent(self) -> tuple[Post, ...]:
        return settled(self.recent, self.as_of)

    @property
    def settled_baseline(self) -> tuple[Post, ...]:
        return settled(self.baseline, self.as_of)


def windows_of(account: AccountData) -> Windows:
    """Both windows of an account. A post dated after `as_of` belongs to neither."""
    recent_from = account.as_of - timedelta(days=RECENT_DAYS)
    baseline_from = recent_from - timedelta(days=BASELINE_DAYS)
    return Windows(
        as_of=account.as_of,
        posts=account.posts,
        recent=tuple(post for post in account.posts if recent_from < post.published_at <= account.as_of),
        baseline=tuple(post for post in account.posts if baseline_from < post.published_at <= recent_from),
        baseline_days=_reach_days(account.posts, recent_from),
    )


def _reach_days(posts: Iterable[Post], recent_from: datetime) -> float:
    oldest = min((post.published_at for post in posts), default=recent_from)
    days = (recent_from - oldest) / timedelta(days=1)
    return round(min(float(BASELINE_DAYS), max(0.0, days)), 4)


def settled(posts: Iterable[Post], as_of: datetime) -> tuple[Post, ...]:
    """Posts whose counts can be compared: at least 48 hours old, and not an ad."""
    return tuple(post for post in posts if not post.is_ad and as_of - post.published_at >= SETTLED_AFTER)


def newest_first(posts: Iterable[Post]) -> list[Post]:
    """Newest first; posts of the same time by id, so that any order of the file gives the same numbers."""
    return sorted(posts, key=lambda post: (post.published_at, post.id), reverse=True)

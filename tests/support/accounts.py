"""Builders of account data: every post counted back from one fixed time, so that numbers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.providers.records import AccountData, Comment, Post, Profile

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
HANDLE = "aster"


def a_post(days_ago: float, **fields: Any) -> Post:
    """A post so many days old: 1,000 views, 80 likes, 15 comments, 5 shares (10 % engagement) where not given."""
    given = {
        "id": f"p{days_ago:g}",
        "published_at": AS_OF - timedelta(days=days_ago),
        "views": 1000,
        "likes": 80,
        "comments": 15,
        "shares": 5,
    }
    return Post.model_validate({**given, **fields})


def posts_on(days: Iterable[float], **fields: Any) -> tuple[Post, ...]:
    """One post for each age in days."""
    return tuple(a_post(days_ago, **fields) for days_ago in days)


def an_account(posts: Sequence[Post] = (), **fields: Any) -> AccountData:
    """An account with these posts, as of `AS_OF`. What is not given is unknown."""
    profile = Profile(handle=HANDLE, **fields.pop("profile", {}))
    given = {"source": "dataset", "source_name": "aster.json", "as_of": AS_OF, "profile": profile, "posts": posts}
    return AccountData.model_validate({**given, **fields})


def a_comment(post: Post, hours_after: float, **fields: Any) -> Comment:
    """A comment so many hours after its post."""
    given = {
        "id": f"{post.id}-{hours_after:g}",
        "post_id": post.id,
        "author": "someone",
        "text": "nice",
        "posted_at": post.published_at + timedelta(hours=hours_after),
    }
    return Comment.model_validate({**given, **fields})


RECENT = (3, 5, 7, 9, 11)  # five settled posts of the last 14 days
BASELINE = (16, 19, 22, 25, 28, 31, 34, 37, 40, 43)  # ten posts of the 30 days before


def two_windows(recent: dict[str, Any], baseline: dict[str, Any]) -> tuple[Post, ...]:
    """Five recent posts and ten of the baseline, with these fields."""
    return (*posts_on(RECENT, **recent), *posts_on(BASELINE, **baseline))

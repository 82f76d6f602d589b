"""Which posts count for no figure, and why: ads, posts younger than 48 hours, and posts before a window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.agents.scores.figures import Comparison, compare, known
from shared.agents.scores.windows import BASELINE_DAYS, RECENT_DAYS, SETTLED_AFTER, Windows
from shared.providers.records import AccountData, Post
from shared.providers.text import many

SHOWN_DAYS = RECENT_DAYS + BASELINE_DAYS


def why_none_counts(posts: Sequence[Post], as_of: datetime, days: int | None) -> str:
    """Why no post of the last `days` (None: of all) can be compared with others: there is none, or all are ads or too
    young."""
    since = None if days is None else as_of - timedelta(days=days)
    fresh = [post for post in posts if post.published_at <= as_of and (since is None or since < post.published_at)]
    if not fresh:
        return _none_in(posts, as_of, days)
    ads = sum(bool(post.is_ad) for post in fresh)
    young = sum(not post.is_ad and as_of - post.published_at < SETTLED_AFTER for post in fresh)
    last = "read" if days is None else f"of the last {days} days"
    if len(fresh) == 1:
        return f"the one post {last} is {'an ad' if ads else 'younger than 48 hours'}"
    if len(fresh) in (ads, young):
        return f"all {len(fresh)} posts {last} are {'ads' if ads else 'younger than 48 hours'}"
    return f"of the {len(fresh)} posts {last} {ads} are ads, and {young} are younger than 48 hours"


def _none_in(posts: Sequence[Post], as_of: datetime, days: int | None) -> str:
    age = newest_age_days(posts, as_of)
    return (
        "no post was read" if age is None else f"no post in the last {days} days, the newest is {many(age, 'day')} old"
    )


def compared(windows: Windows, of: Callable[[Post], float | None]) -> Comparison:
    """The recent median of a figure over the baseline's. Where no post of either counts, the reason says why."""
    recent, baseline = windows.settled_recent, windows.settled_baseline
    found = compare(known(recent, of), known(baseline, of))
    if recent or baseline:
        return found
    return found.model_copy(update={"reason": why_none_counts(windows.posts, windows.as_of, SHOWN_DAYS)})


def newest_age_days(posts: Sequence[Post], as_of: datetime) -> int | None:
    """The age of the newest post in whole days; None without a post."""
    ages = [(as_of - post.published_at).days for post in posts if post.published_at <= as_of]
    return min(ages, default=None)


def notes_on(account: AccountData) -> tuple[str, ...]:
    """What a reader must know of the posts themselves: that the account has fallen silent, and how many are ads."""
    notes = []
    age = newest_age_days(account.posts, account.as_of)
    if age is not None and age >= SHOWN_DAYS:
        notes.append(f"The account's newest post is {many(age, 'day')} older than the data: it says nothing of today.")
    ads = sum(bool(post.is_ad) for post in account.posts)
    if ads:
        told = f"{ads} of {many(len(account.posts), 'post')} read {'is an ad' if ads == 1 else 'are ads'}"
        notes.append(f"{told}: ads are left out of the figures of views, engagement and audience.")
    return tuple(notes)

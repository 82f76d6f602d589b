"""What works for an account: its best and worst posts, and groups of posts against its own median."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from shared.agents.quoting import excerpt
from shared.agents.scores.figures import Figures, engagement_rate, known, likes, median, rounded, views
from shared.agents.scores.left_out import why_none_counts
from shared.agents.scores.windows import newest_first, settled
from shared.providers.records import AccountData, Post
from shared.providers.text import many

Metric = Literal["views", "likes"]
GroupKind = Literal["duration", "hour", "weekday", "hashtag"]

LEAST_POSTS = 10
LEAST_IN_GROUP = 3
NOTABLE_UP, NOTABLE_DOWN = 1.25, 0.75
MOST_TAGS_PER_POST = 30
MOST_HASHTAGS = 20
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DURATIONS = ((15.0, "under 15 s"), (30.0, "15 to 30 s"), (60.0, "30 to 60 s"), (float("inf"), "60 s and longer"))


class PostFigures(Figures):
    """One post. `lift` is its metric over the account's median of it."""

    post_id: str
    url: str | None
    caption: str
    published_at: datetime
    views: int | None
    likes: int | None
    engagement_rate: float | None
    lift: float | None


class Group(Figures):
    """Posts that share something. `lift` is None below three posts: `status` then says too_few."""

    finding_id: str
    kind: GroupKind
    value: str
    posts: int
    median: float | None
    lift: float | None
    engagement_rate: float | None
    status: Literal["ok", "too_few"]


class Performance(Figures):
    """What was measured on which posts. With a `reason` there was not enough data, and all lists are empty."""

    metric: Metric | None
    posts_analysed: int
    median_metric: float | None
    median_engagement_rate: float | None
    top_posts: tuple[PostFigures, ...] = ()
    bottom_posts: tuple[PostFigures, ...] = ()
    durations: tuple[Group, ...] = ()
    hours: tuple[Group, ...] = ()
    weekdays: tuple[Group, ...] = ()
    hashtags: tuple[Group, ...] = ()
    reason: str | None = None

    @property
    def findings(self) -> tuple[Group, ...]:
        """The groups that stand out: a lift of 1.25 or more, or of 0.75 or less."""
        groups = (*self.durations, *self.hours, *self.weekdays, *self.hashtags)
        return tuple(group for group in groups if _stands_out(group.lift))


def performance_of(account: AccountData, *, window_days: int = 90, top_n: int = 5) -> Performance:
    """What works in the last `window_days`, by views; by likes where too few posts have known views."""
    since = account.as_of - timedelta(days=window_days)
    fresh = [post for post in account.posts if since < post.published_at <= account.as_of]
    posts = newest_first(settled(fresh, account.as_of))
    for metric, of in _METRICS.items():
        measured = [post for post in posts if of(post) is not None]
        middle = median(known(measured, of))
        if len(measured) >= LEAST_POSTS and middle:
            return _performance(measured, metric, middle, top_n)
    reason = _why_nothing(account, posts, window_days)
    return Performance(
        metric=None, posts_analysed=len(posts), median_metric=None, median_engagement_rate=None, reason=reason
    )


def _why_nothing(account: AccountData, posts: Sequence[Post], window_days: int) -> str:
    """What is missing for a median to compare with."""
    if not posts:
        return why_none_counts(account.posts, account.as_of, window_days)
    most = max(len(known(posts, of)) for of in _METRICS.values())
    if most >= LEAST_POSTS:
        return "the median of views and likes is zero"
    return f"{many(most, 'settled post')} with known views or likes in {window_days} days, {LEAST_POSTS} are needed"


_METRICS: dict[Metric, Callable[[Post], float | None]] = {"views": views, "likes": likes}


def _performance(posts: Sequence[Post], metric: Metric, middle: float, top_n: int) -> Performance:
    of = _METRICS[metric]
    best_first = sorted(posts, key=lambda post: (-(of(post) or 0.0), post.id))
    count = min(top_n, len(posts) // 2)  # no post is both a best and a worst one
    measure = _GroupMeasure(metric, middle)
    return Performance(
        metric=metric,
        posts_analysed=len(posts),
        median_metric=rounded(middle),
        median_engagement_rate=rounded(median(known(posts, engagement_rate))),
        top_posts=tuple(_figures(post, of, middle) for post in best_first[:count]),
        bottom_posts=tuple(_figures(post, of, middle) for post in best_first[::-1][:count]),
        durations=measure.groups("duration", posts, duration_bucket),
        hours=measure.groups("hour", posts, lambda post: f"{post.published_at.hour:02d}"),
        weekdays=measure.groups("weekday", posts, lambda post: WEEKDAYS[post.published_at.weekday()]),
        hashtags=measure.hashtags(posts),
    )


class _GroupMeasure:
    """Measures groups of posts against the account's median."""

    def __init__(self, metric: Metric, middle: float) -> None:
        self._of = _METRICS[metric]
        self._middle = middle

    def groups(self, kind: GroupKind, posts: Iterable[Post], key: Callable[[Post], str | None]) -> tuple[Group, ...]:
        """Every group, the highest lift first; groups that are too small come last."""
        members: dict[str, list[Post]] = defaultdict(list)
        for post in posts:
            value = key(post)
            if value is not None:
                members[value].append(post)
        return _ordered(self._group(kind, value, held) for value, held in members.items())

    def hashtags(self, posts: Iterable[Post]) -> tuple[Group, ...]:
        """The hashtags of three posts or more: the ten with the highest lift and the ten with the lowest."""
        members: dict[str, list[Post]] = defaultdict(list)
        for post in posts:
            for tag in dict.fromkeys(post.hashtags[:MOST_TAGS_PER_POST]):
                members[tag].append(post)
        large = {tag: held for tag, held in members.items() if len(held) >= LEAST_IN_GROUP}
        found = _ordered(self._group("hashtag", tag, held) for tag, held in large.items())
        half = MOST_HASHTAGS // 2
        return found if len(found) <= MOST_HASHTAGS else (*found[:half], *found[-half:])

    def _group(self, kind: GroupKind, value: str, posts: Sequence[Post]) -> Group:
        enough = len(posts) >= LEAST_IN_GROUP
        middle = median(known(posts, self._of))
        return Group(
            finding_id=f"{kind}:{excerpt(value, 60)}",
            kind=kind,
            value=excerpt(value, 60),
            posts=len(posts),
            median=rounded(middle),
            lift=rounded(middle / self._middle) if enough and middle is not None else None,
            engagement_rate=rounded(median(known(posts, engagement_rate))),
            status="ok" if enough else "too_few",
        )


def duration_bucket(post: Post) -> str | None:
    """The bucket of a post's length; None where it is unknown, as it is for photo posts."""
    if post.duration_s is None or post.duration_s <= 0:
        return None
    length = post.duration_s
    return next(name for below, name in DURATIONS if length < below)


def _ordered(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: (group.lift is None, -(group.lift or 0.0), group.value)))


def _stands_out(lift: float | None) -> bool:
    return lift is not None and (lift >= NOTABLE_UP or lift <= NOTABLE_DOWN)


def _figures(post: Post, of: Callable[[Post], float | None], middle: float) -> PostFigures:
    value = of(post)
    return PostFigures(
        post_id=post.id,
        url=post.url,
        caption=excerpt(post.caption, 160),
        published_at=post.published_at,
        views=post.views,
        likes=post.likes,
        engagement_rate=rounded(engagement_rate(post)),
        lift=rounded(None if value is None else value / middle),
    )

"""Hashtags over all accounts of the files, counted in two windows of equal length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from shared.providers.dataset.account import names_of, notes_on_file, source_of
from shared.providers.dataset.index_reader import Index, WindowPost
from shared.providers.dataset.values import at
from shared.providers.records import TrendingHashtag, Trends
from shared.providers.text import many

_DAY_S = 86_400


@dataclass(slots=True)
class _Tally:
    posts: int = 0
    views: int = 0
    unknown_views: int = 0


@dataclass(slots=True)
class _Hashtag:
    now: _Tally = field(default_factory=_Tally)
    before: _Tally = field(default_factory=_Tally)


def read_trend_data(indexes: Sequence[Index], region: str | None, window_days: int, limit: int) -> Trends:
    """The hashtags of the last `window_days` before the newest time in the files, against as many days before.

    Sorted by posts now, then views now, then name. Views are summed where known; None where no post has them.
    """
    as_of_s = max(index.about.as_of_s for index in indexes)
    since_s = as_of_s - window_days * _DAY_S
    posts = _window(indexes, since_s - window_days * _DAY_S, as_of_s)
    applied = region if region and any(post.region for post in posts) else None
    counted = [post for post in posts if applied is None or post.region == applied]
    knows_views = any(index.knows_views for index in indexes)
    found = [_trending(name, tag, knows_views) for name, tag in _tallied(counted, since_s).items()]
    found.sort(key=lambda tag: (-tag.posts_now, -(tag.views_now or 0), tag.name))
    return Trends(
        source=source_of(indexes),
        source_name=names_of(indexes),
        as_of=at(as_of_s),
        region=applied,
        window_days=window_days,
        hashtags=tuple(found[:limit]),
        notes=tuple(dict.fromkeys(_notes(indexes, posts, counted, region))),
    )


def _window(indexes: Sequence[Index], after_s: int, until_s: int) -> list[WindowPost]:
    """The posts in the time, each once though several files may hold it: the row with more views counts."""
    kept: dict[tuple[str, str], WindowPost] = {}
    for index in indexes:
        for post in index.window(after_s, until_s):
            other = kept.get((post.handle, post.id))
            if other is None or _rank(post) >= _rank(other):
                kept[post.handle, post.id] = post
    return list(kept.values())


def _rank(post: WindowPost) -> int:
    return -1 if post.views is None else post.views


def _tallied(posts: Iterable[WindowPost], since_s: int) -> dict[str, _Hashtag]:
    tags: dict[str, _Hashtag] = {}
    for post in posts:
        for name in post.hashtags:
            tag = tags.setdefault(name, _Hashtag())
            tally = tag.now if post.published_s > since_s else tag.before
            tally.posts += 1
            tally.views += post.views or 0
            tally.unknown_views += post.views is None
    return tags


def _trending(name: str, tag: _Hashtag, knows_views: bool) -> TrendingHashtag:
    return TrendingHashtag(
        name=name,
        posts_now=tag.now.posts,
        posts_before=tag.before.posts,
        views_now=_views(tag.now, knows_views),
        views_before=_views(tag.before, knows_views),
    )


def _views(tally: _Tally, knows_views: bool) -> int | None:
    """No posts have no views; posts of which not one tells its views have an unknown number."""
    if not knows_views or (tally.posts and tally.unknown_views == tally.posts):
        return None
    return tally.views


def _notes(
    indexes: Sequence[Index], posts: Sequence[WindowPost], counted: Sequence[WindowPost], region: str | None
) -> Iterator[str]:
    accounts = len({post.handle for post in counted})
    yield f"Counted over {many(len(counted), 'video')} of {many(accounts, 'account')}: the data, not all of TikTok."
    for index in indexes:
        where = f"{index.name}: " if len(indexes) > 1 else ""
        for note in notes_on_file(index.about):
            yield where + note
    if counted and not any(post.hashtags for post in counted):
        yield "No hashtag is known of these videos."
    unknown = sum(post.views is None for post in counted)
    if unknown:
        yield f"Views are unknown for {unknown} of {len(counted)} videos; sums are over the others."
    if region:
        silent = sum(post.region is None for post in posts)
        if silent == len(posts):
            yield "The data does not say where videos were made: the region was not applied."
        elif silent:
            yield f"{silent} of {len(posts)} videos do not say where they were made and are not counted."

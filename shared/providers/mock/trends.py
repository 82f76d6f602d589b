"""Mock hashtag trends: the same for a region in every process and on every day."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from shared.providers.mock.dice import Dice
from shared.providers.mock.shapes import mock_book
from shared.providers.records import TrendingHashtag, Trends

_PERIOD = 60  # days over which a tag has grown; days further back stand as on the first


class _Tag(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    posts: float
    growth: float
    views: float


class _TrendBook(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    hashtags: dict[str, _Tag]
    regions: dict[str, dict[str, float]]


@cache
def _trend_book() -> _TrendBook:
    return _TrendBook.model_validate(yaml.safe_load((Path(__file__).parent / "trends.yaml").read_text("utf-8")))


def mock_trends(region: str | None, window_days: int, limit: int) -> Trends:
    """The hashtags of the mock, most posts first. Two windows are sums over the same daily numbers."""
    book = _trend_book()
    factors = book.regions.get(region or "", {})
    found = [_trending(name, tag, region, factors.get(name, 1.0), window_days) for name, tag in book.hashtags.items()]
    used = sorted((tag for tag in found if tag.posts_now or tag.posts_before), key=lambda t: (-t.posts_now, t.name))
    return Trends(
        source="mock",
        source_name="mock data",
        as_of=mock_book().as_of,
        region=region,
        window_days=window_days,
        hashtags=tuple(used[:limit]),
        notes=("Mock data, made from the region's name: no real trend was read.",),
    )


def _trending(name: str, tag: _Tag, region: str | None, factor: float, window_days: int) -> TrendingHashtag:
    place = region or "world"
    size = factor * (1.0 if region is None else Dice(place, name, "size").between(0.08, 0.3))
    now = [_posts(tag, place, name, ago, size) for ago in range(window_days)]
    before = [_posts(tag, place, name, ago, size) for ago in range(window_days, 2 * window_days)]
    views = tag.views * Dice(place, name, "views").between(0.85, 1.15)
    return TrendingHashtag(
        name=name,
        posts_now=sum(now),
        posts_before=sum(before),
        views_now=round(sum(now) * views),
        views_before=round(sum(before) * views),
    )


def _posts(tag: _Tag, place: str, name: str, ago: int, size: float) -> int:
    """Posts with the tag on one day, so many days before `as_of`."""
    grown = (1.0 + tag.growth) ** max(0, _PERIOD - ago)
    return round(tag.posts * size * grown * Dice(place, name, str(ago)).spread(0.08))

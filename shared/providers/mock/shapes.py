"""What a mock account looks like: drawn from `accounts.yaml`, the same for a handle in every process (C062-C064)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from shared.providers.mock.dice import Dice

Range = tuple[float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Recent(_Strict):
    """Factors on the account's usual numbers in the last `days` before `as_of`."""

    days: int = 14
    views: float = 1.0
    for_you: float = 1.0
    comments: float = 1.0
    reply_hours: float = 1.0
    followers: float = 1.0
    searchable: bool = True


class Shape(_Strict):
    """Ranges, both ends included, from which an account draws. Rates are per view, gains per follower."""

    chance: float = 0.0
    posts: Range
    days: Range
    followers: Range
    views_per_follower: Range
    growth_per_week: Range
    view_spread: Range
    like_rate: Range
    comment_rate: Range
    share_rate: Range
    save_rate: Range
    for_you_share: Range
    reply_chance: Range
    reply_hours: Range
    daily_follower_gain: Range
    api_calls: Range
    rate_limited_calls: Range
    risky_captions: Range
    hostile_captions: Range
    policy_flags: tuple[str, ...] = ()
    recent: Recent = Recent()


class Seeded(_Strict):
    """An account that is written out instead of drawn."""

    nickname: str
    bio: str
    region: str
    verified: bool
    following: int
    posts_before: int
    shape: Shape


class Book(_Strict):
    as_of: datetime
    shapes: dict[str, Shape]
    seeded: dict[str, Seeded]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The numbers of one mock account."""

    handle: str
    as_of: datetime
    kind: str
    posts: int
    days: int
    followers: int
    views: float  # median of a post at `as_of`, before `recent`
    growth_per_week: float
    view_spread: float
    like_rate: float
    comment_rate: float
    share_rate: float
    save_rate: float
    for_you_share: float
    reply_chance: float
    reply_hours: float
    daily_follower_gain: float
    api_calls: int
    rate_limited_calls: int
    risky_captions: int
    hostile_captions: int
    policy_flags: tuple[str, ...]
    recent: Recent


@cache
def mock_book() -> Book:
    return Book.model_validate(yaml.safe_load((Path(__file__).parent / "accounts.yaml").read_text("utf-8")))


def draw_account(handle: str) -> Drawn:
    """The account of a handle in its normal form: a seeded one, or drawn from the handle's sha-256."""
    book, dice = mock_book(), Dice(handle, "account")
    seeded = book.seeded.get(handle)
    kind = "seeded" if seeded else _kind(dice.share(), book)
    shape = seeded.shape if seeded else book.shapes[kind]
    followers = round(dice.log_between(*shape.followers))
    return Drawn(
        handle=handle,
        as_of=book.as_of,
        kind=kind,
        posts=_whole(dice, shape.posts),
        days=_whole(dice, shape.days),
        followers=followers,
        views=followers * dice.between(*shape.views_per_follower),
        growth_per_week=dice.between(*shape.growth_per_week),
        view_spread=dice.between(*shape.view_spread),
        like_rate=dice.between(*shape.like_rate),
        comment_rate=dice.between(*shape.comment_rate),
        share_rate=dice.between(*shape.share_rate),
        save_rate=dice.between(*shape.save_rate),
        for_you_share=dice.between(*shape.for_you_share),
        reply_chance=dice.between(*shape.reply_chance),
        reply_hours=dice.between(*shape.reply_hours),
        daily_follower_gain=dice.between(*shape.daily_follower_gain),
        api_calls=_whole(dice, shape.api_calls),
        rate_limited_calls=_whole(dice, shape.rate_limited_calls),
        risky_captions=_whole(dice, shape.risky_captions),
        hostile_captions=_whole(dice, shape.hostile_captions),
        policy_flags=shape.policy_flags,
        recent=shape.recent,
    )


def _kind(share: float, book: Book) -> str:
    reached = 0.0
    for kind, shape in book.shapes.items():
        reached += shape.chance
        if share < reached:
            return kind
    return next(iter(book.shapes))


def _whole(dice: Dice, ends: Range) -> int:
    return dice.whole(round(ends[0]), round(ends[1]))

"""The posts and comments of a mock account."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from shared.providers.captions import hashtags_in, mentions_in
from shared.providers.mock.dice import Dice
from shared.providers.mock.shapes import Drawn
from shared.providers.mock.wording import Wording, filled, pick_wordings, wording_book
from shared.providers.records import Comment, Post

COMMENT_DAYS = 45  # comments are read for posts of the last days only
COMMENTS_PER_SAMPLE = 6  # one of so many comments is read
COMMENTS_PER_POST = 8  # are read at most
_RIPE_HOURS = 8  # a post has two thirds of its views after this time


def mock_posts(account: Drawn) -> tuple[Post, ...]:
    """The account's posts, newest first: evenly spread over its days, each at its own hour."""
    wordings = pick_wordings(
        Dice(account.handle, "captions"), account.posts, account.risky_captions, account.hostile_captions
    )
    return tuple(_post(account, position, wording) for position, wording in enumerate(wordings))


def _post(account: Drawn, position: int, wording: Wording) -> Post:
    dice = Dice(account.handle, "post", str(position))
    age = timedelta(days=account.days) * (position + dice.between(0.15, 0.85)) / account.posts
    published_at = (account.as_of - age).replace(microsecond=0)
    caption = f"{filled(wording.text, dice)} {' '.join(f'#{tag}' for tag in wording.tags if tag != 'ad')}"
    recent = age < timedelta(days=account.recent.days)
    views = _views(account, position, age, recent)
    post_id = str(int(published_at.timestamp()) << 32 | dice.whole(0, 2**32 - 1))  # TikTok's ids begin with the time
    is_photo = dice.yes(0.12)
    return Post(
        id=post_id,
        url=f"https://www.tiktok.com/@{account.handle}/{'photo' if is_photo else 'video'}/{post_id}",
        caption=caption,
        published_at=published_at,
        views=views,
        likes=_part(views, account.like_rate, dice),
        comments=_part(views, account.comment_rate * (account.recent.comments if recent else 1.0), dice),
        shares=_part(views, account.share_rate, dice),
        saves=_part(views, account.save_rate, dice),
        duration_s=None if is_photo else float(dice.whole(7, 58)),
        hashtags=hashtags_in(caption),
        mentions=mentions_in(caption),
        music_title=(sound := dice.one_of(wording_book().sounds)),
        music_original=sound == "original sound",
        is_ad=wording.ad,
        language=wording.language,
        for_you_share=_for_you(account, recent, dice),
        search_visible=dice.yes(0.98) if account.recent.searchable or not recent else False,
    )


def _views(account: Drawn, position: int, age: timedelta, recent: bool) -> int:
    hours = age / timedelta(hours=1)
    ripe = 1.0 - math.exp(-hours / _RIPE_HOURS)
    trend = math.pow(1.0 + account.growth_per_week, -hours / (24 * 7))
    factor = account.recent.views if recent else 1.0
    luck = Dice(account.handle, "luck").even_spread(position, account.view_spread)
    return round(account.views * trend * ripe * factor * luck)


def _part(views: int, rate: float, dice: Dice) -> int:
    return min(views, round(views * rate * dice.spread(0.15)))


def _for_you(account: Drawn, recent: bool, dice: Dice) -> float:
    share = account.for_you_share * dice.spread(0.06) * (account.recent.for_you if recent else 1.0)
    return round(min(max(share, 0.01), 0.97), 4)


def mock_comments(account: Drawn, posts: Sequence[Post]) -> tuple[Comment, ...]:
    """A sample of the comments under the newer posts, newest first."""
    since = account.as_of - timedelta(days=COMMENT_DAYS)
    found = [one for post in posts if post.published_at >= since for one in _comments(account, post)]
    return tuple(sorted(found, key=lambda one: (one.posted_at, one.id), reverse=True))


def _comments(account: Drawn, post: Post) -> Iterator[Comment]:
    dice = Dice(account.handle, "comments", post.id)
    for number in range(min(COMMENTS_PER_POST, math.ceil((post.comments or 0) / COMMENTS_PER_SAMPLE))):
        posted_at = post.published_at + timedelta(hours=dice.log_between(0.2, 40))
        text, author = filled(dice.one_of(wording_book().comments), dice), f"viewer_{dice.whole(1000, 999_999)}"
        delay_h = _reply_delay(account, posted_at, dice)
        if posted_at < account.as_of:
            yield Comment(
                id=f"{post.id}-{number}",
                post_id=post.id,
                author=author,
                text=text,
                posted_at=posted_at.replace(microsecond=0),
                likes=dice.whole(0, 40),
                replied_by_owner=delay_h is not None,
                reply_delay_h=delay_h,
            )


def _reply_delay(account: Drawn, posted_at: datetime, dice: Dice) -> float | None:
    """Hours until the owner replied; None if not, or not yet."""
    recent = posted_at >= account.as_of - timedelta(days=account.recent.days)
    hours = account.reply_hours * (account.recent.reply_hours if recent else 1.0) * dice.spread(0.5)
    answered = dice.yes(account.reply_chance) and posted_at + timedelta(hours=hours) < account.as_of
    return round(hours, 2) if answered else None

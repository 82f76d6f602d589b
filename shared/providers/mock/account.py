"""A whole mock account: profile, posts, comments, audience, health and growth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.providers.mock.dice import Dice
from shared.providers.mock.posts import COMMENT_DAYS, mock_comments, mock_posts
from shared.providers.mock.shapes import Drawn, draw_account, mock_book
from shared.providers.mock.wording import wording_book
from shared.providers.records import AccountData, Audience, FollowerDay, HealthSignals, Post, Profile

AUDIENCE_FROM = 100  # followers; TikTok tells nothing of a smaller audience
_AGES = {"18-24": 0.44, "25-34": 0.33, "35-44": 0.13, "45-54": 0.06, "55+": 0.04}
_GENDERS = {"female": 0.80, "male": 0.17, "other": 0.03}
_REGIONS = {"US": 0.52, "GB": 0.12, "CA": 0.09, "DE": 0.07, "MX": 0.06, "SA": 0.04, "other": 0.10}
_HOURS = {f"{hour:02d}": 1.0 + 3.0 * (hour >= 16) + 2.0 * (hour < 4) for hour in range(24)}
_HOMES = ("US", "US", "US", "GB", "CA", "DE", "MX", "SA", "KR")


def mock_account(handle: str, max_posts: int) -> AccountData:
    """The mock account of a handle in its normal form; the same in every process and on every day."""
    account = draw_account(handle)
    posts = mock_posts(account)
    return AccountData(
        source="mock",
        source_name="mock data",
        as_of=account.as_of,
        profile=_profile(account, posts),
        posts=posts[:max_posts],
        comments=mock_comments(account, posts[:max_posts]),
        audience=_audience(account),
        health=HealthSignals(
            rate_limited_calls=account.rate_limited_calls,
            calls_made=account.api_calls,
            policy_flags=account.policy_flags,
        ),
        follower_days=_follower_days(account),
        notes=_notes(account, len(posts), max_posts),
    )


def _profile(account: Drawn, posts: Sequence[Post]) -> Profile:
    dice, seeded = Dice(account.handle, "profile"), mock_book().seeded.get(account.handle)
    before = seeded.posts_before if seeded else 0 if account.kind == "new" else dice.whole(10, 480)
    likes = sum(post.likes or 0 for post in posts)
    return Profile(
        handle=account.handle,
        nickname=seeded.nickname if seeded else _nickname(account.handle),
        bio=seeded.bio if seeded else dice.one_of(wording_book().bios),
        followers=account.followers,
        following=seeded.following if seeded else dice.whole(20, 900),
        likes_received=likes + round(before * likes / len(posts) * 0.6),  # older posts had fewer viewers
        posts_total=before + len(posts),
        verified=seeded.verified if seeded else account.followers > 200_000,
        region=seeded.region if seeded else dice.one_of(_HOMES),
    )


def _nickname(handle: str) -> str:
    words = handle.replace("_", " ").replace(".", " ").replace("-", " ").split()
    return " ".join(word.capitalize() for word in words) or handle


def _audience(account: Drawn) -> Audience | None:
    if account.followers < AUDIENCE_FROM:
        return None
    dice = Dice(account.handle, "audience")
    return Audience(
        age_shares=dice.shares(_AGES),
        gender_shares=dice.shares(_GENDERS),
        region_shares=dice.shares(_REGIONS),
        active_hour_shares=dice.shares(_HOURS),
    )


def _follower_days(account: Drawn) -> tuple[FollowerDay, ...]:
    """Gains of each full day before `as_of`, oldest first."""
    dice, last = Dice(account.handle, "followers"), account.as_of.date()
    days = []
    for ago in range(account.days, 0, -1):
        trend = (1.0 + account.growth_per_week) ** (-ago / 7)
        factor = account.recent.followers if ago <= account.recent.days else 1.0
        gained = round(account.followers * account.daily_follower_gain * trend * factor * dice.spread(0.25))
        days.append(FollowerDay(day=(last - timedelta(days=ago)).isoformat(), followers_gained=gained))
    return tuple(days)


def _notes(account: Drawn, posts: int, max_posts: int) -> tuple[str, ...]:
    notes = ["Mock data, made from the handle: no real account was read."]
    if posts > max_posts:
        notes.append(f"The newest {max_posts} of {posts} videos were read.")
    notes.append(f"Comments are a sample from posts of the last {COMMENT_DAYS} days.")
    if account.followers < AUDIENCE_FROM:
        notes.append(f"Audience shares are not told below {AUDIENCE_FROM} followers.")
    return tuple(notes)

"""The mock: two seeded accounts that differ where they should, and any other made from its name (C062-C064)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest

from shared.providers.mock.account import mock_account
from shared.providers.mock.dice import Dice
from shared.providers.mock.shapes import draw_account
from shared.providers.mock.trends import mock_trends
from shared.providers.records import AccountData, Post
from shared.providers.tiktok import check_account, list_accounts
from tests.support.exports import dataset_settings

ROOT = Path(__file__).parents[2]
DIGESTS = """
import hashlib
from shared.providers.mock.account import mock_account
from shared.providers.mock.trends import mock_trends
told = [mock_account(handle, 500).model_dump_json() for handle in ("lakucosmetics", "some_brand", "מותג")]
told += [mock_trends(region, 7, 50).model_dump_json() for region in (None, "US")]
print(hashlib.sha256("".join(told).encode()).hexdigest())
"""


@pytest.fixture(autouse=True)
def _mock_mode() -> Iterator[None]:
    with dataset_settings(None, "mock"):
        yield


def posts_aged(data: AccountData, low: int, high: int) -> list[Post]:
    """The posts at least `low` and less than `high` days old."""
    ages = [(data.as_of - post.published_at, post) for post in data.posts]
    return [post for age, post in ages if timedelta(days=low) <= age < timedelta(days=high)]


def views(posts: list[Post]) -> float:
    return median(post.views or 0 for post in posts)


def kind_named(kind: str) -> str:
    """A handle whose account is of this kind."""
    return next(handle for number in range(200) if draw_account(handle := f"brand{number}").kind == kind)


def test_equal_in_every_process() -> None:
    """Processes with different hash seeds, on different clocks, make the same accounts and trends."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]

    assert runs[0] == runs[1] != ""


def test_time_stands_still() -> None:
    """What mock data speaks of is a fixed time, not today."""
    assert mock_account("anyone", 10).as_of == mock_account("lakucosmetics", 10).as_of
    assert mock_account("anyone", 10).as_of == datetime(2026, 11, 1, tzinfo=UTC)


def test_own_brand_is_well() -> None:
    """The own brand keeps its views, its place in the feed and in search; its replies have become slow."""
    data = mock_account("lakucosmetics", 500)
    recent = [comment for comment in data.comments or () if data.as_of - comment.posted_at < timedelta(days=14)]
    older = [comment for comment in data.comments or () if data.as_of - comment.posted_at >= timedelta(days=14)]

    assert 0.9 < views(posts_aged(data, 2, 14)) / views(posts_aged(data, 14, 44)) < 1.2
    assert all((post.for_you_share or 0) > 0.5 for post in data.posts)
    assert data.health is not None
    assert data.health.policy_flags == ()
    assert median(c.reply_delay_h for c in recent if c.reply_delay_h) > 5 * median(
        c.reply_delay_h for c in older if c.reply_delay_h
    )


def test_competitor_is_suppressed() -> None:
    """The competitor lost its reach in the last 14 days, and the signs of it are all there."""
    data = mock_account("competitor_cosmetics", 500)
    recent, before = posts_aged(data, 2, 14), posts_aged(data, 14, 44)

    assert views(recent) < 0.25 * views(before)
    assert median(post.for_you_share or 0 for post in recent) < 0.1 < median(post.for_you_share or 0 for post in before)
    assert not any(post.search_visible for post in recent)
    assert data.health is not None
    assert data.health.policy_flags
    assert (data.health.rate_limited_calls or 0) > 0.05 * (data.health.calls_made or 0)


def test_most_accounts_are_healthy() -> None:
    """Drawn accounts are mostly healthy; some are new, some suppressed."""
    kinds = Counter(draw_account(f"brand{number}").kind for number in range(300))

    assert set(kinds) == {"healthy", "suppressed", "new"}
    assert kinds["healthy"] > 180
    assert min(kinds.values()) > 20


@pytest.mark.parametrize("kind", ["healthy", "suppressed"])
def test_drawn_accounts_have_a_history(kind: str) -> None:
    """A grown account has 40 to 90 posts over some 120 days, and a follower count for each day."""
    data = mock_account(kind_named(kind), 500)

    assert 40 <= len(data.posts) <= 90
    assert timedelta(days=100) < data.as_of - data.posts[-1].published_at <= timedelta(days=120)
    assert data.follower_days is not None
    assert len(data.follower_days) >= 115
    assert (data.profile.posts_total or 0) >= len(data.posts)


def test_new_accounts_have_little() -> None:
    """A new account has too few posts to judge by."""
    data = mock_account(kind_named("new"), 500)

    assert len(data.posts) < 10
    assert posts_aged(data, 20, 120) == []


def test_audience_shares_add_up() -> None:
    """Each part of the audience adds up to 1, and hours are all of the day."""
    audience = mock_account("lakucosmetics", 1).audience

    assert audience is not None
    for shares in (audience.age_shares, audience.gender_shares, audience.region_shares, audience.active_hour_shares):
        assert sum(shares.values()) == pytest.approx(1, abs=1e-9)
    assert sorted(audience.active_hour_shares) == [f"{hour:02d}" for hour in range(24)]


def test_texts_hold_what_people_write() -> None:
    """Captions hold emoji, right-to-left text, claims that break rules, and orders to whoever reads them."""
    texts = " ".join(p.caption for n in range(12) for p in mock_account(f"brand{n}", 500).posts)
    texts += " ".join(p.caption for p in mock_account("competitor_cosmetics", 500).posts)

    for sign in ("💄", "روتين", "שגרת", "cures acne", "Ignore all previous instructions", "#ad "):
        assert sign in texts
    assert "{" not in texts.replace('{"risk"', "")


def test_counts_fit_together() -> None:
    """No post has more likes than views; comments belong to posts and were not written after the reading."""
    data = mock_account("some_brand", 500)
    ids = {post.id for post in data.posts}

    assert all((post.likes or 0) <= (post.views or 0) for post in data.posts)
    assert data.comments
    assert all(comment.post_id in ids and comment.posted_at < data.as_of for comment in data.comments)


def test_windows_of_trends_fit_together() -> None:
    """The last 14 days are the last 7 and the 7 before."""
    short = {tag.name: tag for tag in mock_trends("US", 7, 100).hashtags}
    long = {tag.name: tag for tag in mock_trends("US", 14, 100).hashtags}

    assert {name: tag.posts_now for name, tag in long.items()} == {
        name: tag.posts_now + tag.posts_before for name, tag in short.items()
    }


def test_regions_differ() -> None:
    """Each region has its own trends; an unknown one has trends too."""
    told = [mock_trends(region, 7, 5).hashtags for region in (None, "US", "KR", "ZZ")]

    assert len(set(told)) == 4
    assert all(told)


def test_every_handle_passes_the_door() -> None:
    """In mock mode any handle can be read; the two seeded ones are listed."""
    check_account("@never.heard_of-it", None)

    assert [handle for handle, _ in list_accounts(None)] == ["competitor_cosmetics", "lakucosmetics"]


def test_shares_of_dice_are_even() -> None:
    """A thousand throws fall evenly enough, and never on 1."""
    dice = Dice("test")
    throws = [dice.share() for _ in range(1_000)]

    assert 0.45 < sum(throws) / 1_000 < 0.55
    assert max(throws) < 1

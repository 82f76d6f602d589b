"""Rising hashtags: growth by hand, what the account uses, and judgements keyed by our hashtags."""

from __future__ import annotations

from shared.agents.scores.trends import RisingHashtag, rising_hashtags
from shared.agents.trend_watcher import TrendPick, TrendPicks, judged, nothing_rises
from shared.providers.records import TrendingHashtag, Trends
from tests.support.accounts import AS_OF, a_post, an_account


def trends(*tags: tuple[str, int, int]) -> Trends:
    found = tuple(TrendingHashtag(name=name, posts_now=now, posts_before=before) for name, now, before in tags)
    return Trends(source="dataset", source_name="t", as_of=AS_OF, region="US", window_days=7, hashtags=found)


def risen(*tags: tuple[str, int, int], limit: int = 10) -> tuple[RisingHashtag, ...]:
    return rising_hashtags(
        trends(*tags), an_account((a_post(3, hashtags=("glow",)), a_post(5, hashtags=("glow",)))), limit=limit
    )


def test_growth() -> None:
    """30 posts after 20 is growth of a half; without posts before it is new, and growth is unknown."""
    found = {one.hashtag: one for one in risen(("glow", 30, 20), ("fresh", 6, 0))}

    assert (found["glow"].growth, found["glow"].is_new) == (0.5, False)
    assert (found["fresh"].growth, found["fresh"].is_new) == (None, True)


def test_the_least_growth_and_count() -> None:
    """A fifth more is rising, less is not; four posts are no trend."""
    assert [one.hashtag for one in risen(("edge", 120, 100), ("flat", 119, 100), ("tiny", 4, 0))] == ["edge"]


def test_many_beat_few() -> None:
    """1,000 to 2,000 posts ranks before 1 to 5, though five times as many is more."""
    assert [one.hashtag for one in risen(("small", 5, 1), ("large", 2000, 1000))] == ["large", "small"]


def test_own_use() -> None:
    """A hashtag that the account carries is marked, with how often and when last."""
    found = risen(("glow", 30, 20))[0]

    assert (found.already_used, found.account_posts) == (True, 2)
    assert found.last_used_at == a_post(3).published_at


def test_unknown_views_do_not_grow() -> None:
    """Unknown views leave their growth unknown."""
    assert risen(("glow", 30, 20))[0].views_growth is None


def test_each_hashtag_once() -> None:
    """A hashtag that the source lists twice is judged once, by its first counts."""
    assert [(one.hashtag, one.posts_now) for one in risen(("glow", 30, 20), ("glow", 90, 20))] == [("glow", 30)]


def test_invented_hashtags_are_dropped() -> None:
    """A judgement of a hashtag that is not ours is dropped; one that is missing leaves fit unknown."""
    picks = [
        TrendPick(hashtag="invented", fits=True, why="", idea="x"),
        TrendPick(hashtag="#Glow", fits=True, why="known", idea="show it"),
        TrendPick(hashtag="flop", fits=False, why="no", idea="must not stay"),
    ]
    found = judged(risen(("glow", 30, 20), ("flop", 40, 20), ("rest", 50, 20)), TrendPicks(summary="", picks=picks))

    assert {one.hashtag: (one.fits, one.idea) for one in found} == {
        "rest": (None, ""),
        "flop": (False, ""),
        "glow": (True, "show it"),
    }


def test_nothing_read_is_not_nothing_rising() -> None:
    """No counts at all is a lack of data; counts that do not grow are a finding."""
    assert nothing_rises(trends()).startswith("Not enough data")
    rising = "5 posts or more in 7 days, a fifth more than in as many days before"
    assert nothing_rises(trends(("flat", 10, 10))) == f"No hashtag rises: 1 hashtag read, none with {rising}."

"""What works: groups of posts against the account's own median, and advice that rests on them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.agents.performance_feedback import PerformanceAdvice, Recommendation, grounded
from shared.agents.scores.performance import Group, Performance, duration_bucket, performance_of
from tests.support.accounts import a_post, an_account, posts_on


def measured(*posts: Any, **options: Any) -> Performance:
    return performance_of(an_account(posts), **options)


def group(groups: tuple[Group, ...], value: str) -> Group:
    return next(one for one in groups if one.value == value)


def test_ten_posts_are_needed() -> None:
    """Nine settled posts are too few, however many young ones there are."""
    found = measured(*posts_on(range(3, 12)), *posts_on((0, 0.5, 1)))

    assert (found.metric, found.posts_analysed) == (None, 9)
    assert found.reason == "9 settled posts with known views or likes in 90 days, 10 are needed"


def test_top_and_bottom() -> None:
    """Of ten posts with 100 to 1,000 views the best has 1,000, 1.82 times the median of 550."""
    found = measured(*(a_post(3 + place, views=100 * (place + 1)) for place in range(10)), top_n=2)

    assert [post.views for post in found.top_posts] == [1000, 900]
    assert [post.views for post in found.bottom_posts] == [100, 200]
    assert (found.median_metric, found.top_posts[0].lift) == (550, 1.818182)


def test_no_post_is_best_and_worst() -> None:
    """Ten posts asked for their twenty best and worst give five and five."""
    found = measured(*posts_on(range(3, 13)), top_n=20)

    assert not {post.post_id for post in found.top_posts} & {post.post_id for post in found.bottom_posts}


def test_likes_where_views_are_unknown() -> None:
    """Without views posts are compared by likes, and it is said."""
    found = measured(*(a_post(3 + place, views=None, likes=place) for place in range(11)))

    assert (found.metric, found.median_metric, found.median_engagement_rate) == ("likes", 5, None)


def test_zero_is_no_median() -> None:
    """Ten posts that nobody saw or liked have nothing to be compared with."""
    assert measured(*posts_on(range(3, 13), views=0, likes=0)).reason == "the median of views and likes is zero"


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(14.9, "under 15 s"), (15, "15 to 30 s"), (59.9, "30 to 60 s"), (60, "60 s and longer"), (0, None), (None, None)],
)
def test_duration_buckets(seconds: float | None, bucket: str | None) -> None:
    """Each bucket begins at its number; photo posts and unknown lengths are in none."""
    assert duration_bucket(a_post(3, duration_s=seconds)) == bucket


def test_small_groups_get_no_lift() -> None:
    """Two long posts say nothing of long posts; three do."""
    short = posts_on(range(3, 11), duration_s=20)
    two = measured(*short, *posts_on((11, 12), duration_s=70, views=2000))
    three = measured(*short, *posts_on((11, 12, 13), duration_s=70, views=2000))

    assert (group(two.durations, "60 s and longer").lift, group(two.durations, "60 s and longer").status) == (
        None,
        "too_few",
    )
    assert group(three.durations, "60 s and longer").lift == 2.0


def test_hours_and_weekdays_are_utc() -> None:
    """Twelve days after noon on a Friday is a Sunday, at hour 12."""
    found = measured(*posts_on((5, 12, 19, *range(20, 28))))

    assert group(found.weekdays, "sunday").posts == 4  # 5, 12, 19 and 26 days before
    assert group(found.hours, "12").posts == 11


def test_hashtag_lift() -> None:
    """Three posts of 3,000 views with a hashtag lie three times above the median of 1,000."""
    tagged = posts_on((3, 4, 5), hashtags=("glow", "glow", "rare"), views=3000)
    found = measured(*tagged, *posts_on(range(6, 14), hashtags=("plain",)))

    assert [(one.value, one.posts, one.lift) for one in found.hashtags] == [
        ("glow", 3, 3.0),
        ("rare", 3, 3.0),
        ("plain", 8, 1.0),
    ]
    assert "hashtag:glow" in {one.finding_id for one in found.findings}
    assert "hashtag:plain" not in {one.finding_id for one in found.findings}


def test_old_posts_are_left_out() -> None:
    """A window of 14 days does not see posts before it."""
    assert measured(*posts_on(range(3, 40)), window_days=14).posts_analysed == 11


def advice(*finding_ids: str) -> PerformanceAdvice:
    given = [
        Recommendation(finding_id=one, recommendation=f"do {place}", why="") for place, one in enumerate(finding_ids)
    ]
    return PerformanceAdvice(summary="", recommendations=given)


def test_invented_findings_are_dropped() -> None:
    """Only recommendations that rest on a finding of ours stay, the first for each."""
    findings = (
        Group(
            finding_id="hour:12",
            kind="hour",
            value="12",
            posts=3,
            median=1,
            lift=2,
            engagement_rate=None,
            status="ok",
        ),
    )

    assert [one.recommendation for one in grounded(advice("hour:99", "hour:12", "hour:12"), findings)] == ["do 1"]


def test_captions_are_made_safe() -> None:
    """A caption with a NUL, a lone surrogate and line breaks becomes one short line."""
    found = measured(*posts_on(range(3, 13), caption="a\x00b\ud800\n\n" + "c" * 500))

    assert found.top_posts[0].caption.startswith("ab ccc")
    assert len(found.top_posts[0].caption) == 160

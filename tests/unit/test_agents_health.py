"""The health scores, each on accounts small enough to compute by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.agents.scores.health import Score, health_scores, overall_score
from shared.agents.scores.windows import windows_of
from shared.providers.records import AccountData, Comment
from tests.support.accounts import AS_OF, BASELINE, RECENT, a_comment, a_post, an_account, posts_on, two_windows


def score(account: AccountData, name: str) -> Score:
    return health_scores(account)[name]


def test_windows_have_edges() -> None:
    """Exactly 14 days old belongs to the baseline, exactly 44 to neither, and the future to neither."""
    windows = windows_of(an_account(posts_on((-0.1, 0, 13.99, 14, 43.99, 44))))

    assert [post.id for post in windows.recent] == ["p0", "p13.99"]
    assert [post.id for post in windows.baseline] == ["p14", "p43.99"]


def test_settled_after_48_hours() -> None:
    """Counts are compared from 48 hours on, and never those of ads."""
    windows = windows_of(an_account((a_post(1.99), a_post(2), a_post(3, is_ad=True), a_post(4, is_ad=None))))

    assert [post.id for post in windows.settled_recent] == ["p2", "p4"]


def test_cadence() -> None:
    """5 posts in 14 days are 2.5 a week; 10 in 30 days are 2.3333; 80 times their ratio 1.0714 is 86."""
    found = score(an_account((*two_windows({}, {}), a_post(44.5))), "posting_cadence")

    assert found.value == 86
    assert found.inputs["per_week_recent"] == 2.5
    assert found.inputs["per_week_baseline"] == 2.333333
    assert found.inputs["ratio"] == 1.071429


def test_cadence_of_silence_is_zero() -> None:
    """An account that stopped posting has a cadence of 0, which is known, not unknown."""
    found = score(an_account(posts_on((*BASELINE, 50))), "posting_cadence")

    assert (found.value, found.status) == (0, "ok")


def test_cadence_of_a_short_file() -> None:
    """A file that reaches 26 days back has 12 days of baseline: too few to say how often the account posts."""
    found = score(an_account(posts_on((*RECENT, 16, 18, 20, 22, 24, 26))), "posting_cadence")

    assert (found.value, found.status) == (None, "not_enough_data")
    assert found.reason == "the posts read go back 26 days, 28 days are needed"


def test_cadence_counts_covered_days_only() -> None:
    """A file that reaches 34 days back has 20 days of baseline: 8 posts in 20 days are 2.8 a week."""
    found = score(an_account(posts_on((*RECENT, 15, 18, 20, 22, 25, 28, 31, 34))), "posting_cadence")

    assert found.inputs["baseline_days"] == 20
    assert found.inputs["per_week_baseline"] == 2.8
    assert found.value == 71  # 80 x 2.5 / 2.8 = 71.43


def test_engagement() -> None:
    """0.08 now over 0.10 before is 0.8, and scores 64."""
    account = an_account(two_windows({"likes": 60}, {}))

    assert score(account, "engagement_trend").value == 64


def test_engagement_by_likes_without_views() -> None:
    """Where no views are known, likes per post are compared, and the basis says so."""
    account = an_account(two_windows({"views": None, "likes": 30}, {"views": None, "likes": 60}))
    found = score(account, "engagement_trend")

    assert found.value == 40
    assert found.basis == "median likes per post, recent against baseline (engagement per view is unknown)"


def test_reach() -> None:
    """500 views now over 1,000 before scores 40."""
    assert score(an_account(two_windows({"views": 500}, {})), "reach_trend").value == 40


def test_reach_without_views_is_unknown() -> None:
    """Unknown views are unknown, never zero."""
    found = score(an_account(two_windows({"views": None}, {"views": None})), "reach_trend")

    assert (found.value, found.reason) == (None, "views are unknown in this data")


def test_reach_of_zero_views_is_zero() -> None:
    """Settled posts that nobody saw are known: the reach is 0."""
    assert score(an_account(two_windows({"views": 0}, {})), "reach_trend").value == 0


def test_reach_leaves_young_posts_out() -> None:
    """Two settled posts and many of today are too few."""
    found = score(an_account(posts_on((0, 0.5, 1, 1.5, 3, 5, *BASELINE))), "reach_trend")

    assert found.reason == "2 recent posts with this figure, 3 are needed"


def test_even_gaps_score_100() -> None:
    """A post every third day has gaps that do not vary at all."""
    assert score(an_account(posts_on((1, 4, 7, 10, 13))), "consistency").value == 100


def test_uneven_gaps() -> None:
    """Gaps of 1, 1, 1 and 5 days: mean 2, deviation 1.732, cv 0.866, score 57."""
    found = score(an_account(posts_on((1, 2, 3, 4, 9))), "consistency")

    assert found.inputs == {"posts": 5, "gaps": 4, "mean_gap_days": 2.0, "gap_cv": 0.866025}
    assert found.value == 57


@pytest.mark.parametrize(
    ("days", "reason"),
    [((1, 2, 3, 4), "4 posts in 44 days, 5 are needed"), ((3, 3, 3, 3, 3), "all posts carry the same time")],
)
def test_consistency_needs_gaps(days: tuple[float, ...], reason: str) -> None:
    """Fewer than four gaps, or gaps of nothing, have no evenness."""
    assert score(an_account(posts_on(days)), "consistency").reason == reason


def comments(answered: int, late: int, ignored: int) -> tuple[Comment, ...]:
    post = a_post(10)
    return (
        *(a_comment(post, hour, replied_by_owner=True, reply_delay_h=24) for hour in range(answered)),
        *(a_comment(post, 50 + hour, replied_by_owner=True, reply_delay_h=24.1) for hour in range(late)),
        *(a_comment(post, 100 + hour, replied_by_owner=False) for hour in range(ignored)),
    )


@pytest.mark.parametrize(
    ("answered", "late", "ignored", "value"),
    [(2, 2, 16, 30), (10, 0, 10, 100), (20, 0, 0, 100), (0, 0, 20, 0), (0, 10, 0, 100), (0, 2, 8, 20)],
)
def test_replies(answered: int, late: int, ignored: int, value: int) -> None:
    """A reply within 24 h counts 1, a later one 0.5; half of all comments is full marks. 3 of 20 is 30."""
    account = an_account(comments=comments(answered, late, ignored))

    assert score(account, "reply_behaviour").value == value


def test_a_late_reply_of_unknown_delay_counts_half() -> None:
    """A reply whose delay is unknown is not taken for a fast one."""
    asked = tuple(a_comment(a_post(10), hour, replied_by_owner=True) for hour in range(10))

    assert score(an_account(comments=asked), "reply_behaviour").inputs["reply_credit"] == 5.0


def test_comments_that_do_not_count() -> None:
    """Own comments, comments younger than a day or older than 44, and those of unknown reply are left out."""
    post = a_post(10)
    fresh = a_comment(post, 0, posted_at=AS_OF - timedelta(hours=23), replied_by_owner=False)
    old = a_comment(post, 0, posted_at=AS_OF - timedelta(days=44), replied_by_owner=False)
    left_out = (fresh, old, a_comment(post, 1), a_comment(post, 2, author="@Aster", replied_by_owner=False))
    found = score(an_account(comments=left_out), "reply_behaviour")

    assert found.reason == "0 comments whose reply is known, 10 are needed"


def test_unknown_comments() -> None:
    """No comments read is unknown, not ignored."""
    assert score(an_account(), "reply_behaviour").reason == "comments are unknown in this data"


def of(value: int | None) -> Score:
    return Score(value=value, status="ok" if value is not None else "not_enough_data", basis="", inputs={})


def test_overall_is_weighted() -> None:
    """(30 x 40 + 25 x 64 + 20 x 86 + 15 x 57 + 10 x 30) / 100 = 56.75, rounded to 57."""
    values = {
        "reach_trend": 40,
        "engagement_trend": 64,
        "posting_cadence": 86,
        "consistency": 57,
        "reply_behaviour": 30,
    }

    assert overall_score({name: of(value) for name, value in values.items()}).value == 57


def test_overall_leaves_unknown_out() -> None:
    """Unknown scores carry no weight: (25 x 64 + 20 x 86 + 15 x 57) / 60 = 69.58."""
    values = {
        "reach_trend": None,
        "engagement_trend": 64,
        "posting_cadence": 86,
        "consistency": 57,
        "reply_behaviour": None,
    }
    found = overall_score({name: of(value) for name, value in values.items()})

    assert (found.value, found.inputs["weight_known"]) == (70, 60)


def test_overall_needs_three() -> None:
    """Two of five scores are no overall state."""
    values = dict.fromkeys(("reach_trend", "engagement_trend", "reply_behaviour")) | {
        "posting_cadence": 86,
        "consistency": 57,
    }
    found = overall_score({name: of(value) for name, value in values.items()})

    assert (found.value, found.reason) == (None, "2 of 5 scores are known, 3 are needed")


def test_an_empty_account_has_no_score() -> None:
    """Nothing known gives no score at all, and every one says why."""
    scores = health_scores(an_account())

    assert [found.value for found in scores.values()] == [None] * 5
    assert all(found.reason for found in scores.values())


def test_the_order_of_posts_does_not_matter() -> None:
    """The same posts in another order give the same scores."""
    posts = two_windows({"views": 700}, {})

    assert health_scores(an_account(posts)) == health_scores(an_account(posts[::-1]))

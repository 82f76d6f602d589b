"""The sentinel's four signals: thresholds, guards, confidence, and the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from shared.agents.scores.signals import (
    Signal,
    SignalState,
    series_of,
    signals_of,
    suppression_of,
)
from shared.agents.shadowban_sentinel import alert_for, in_short, is_worth_asking
from shared.providers.records import AccountData
from tests.support.accounts import a_post, an_account, posts_on

NEW = (3, 4, 5, 6, 7)


def account(new: dict[str, Any], old: dict[str, Any], before: int = 20) -> AccountData:
    """Five new posts, and so many before them, one a day."""
    return an_account((*posts_on(NEW, **new), *posts_on(range(8, 8 + before), **old)))


def signal(given: AccountData, name: str) -> Signal:
    return next(one for one in signals_of(given) if one.name == name)


def test_series_leave_out_young_posts_and_ads() -> None:
    """The newest five settled posts that are no ads, then up to thirty before."""
    series = series_of(an_account((a_post(1), a_post(2.5, is_ad=True), *posts_on(range(3, 50)))))

    assert [post.id for post in series.recent] == ["p3", "p4", "p5", "p6", "p7"]
    assert (series.baseline[0].id, len(series.baseline)) == ("p8", 30)


@pytest.mark.parametrize(("views", "state"), [(1000, "clean"), (500, "clean"), (499, "trip"), (0, "trip")])
def test_view_collapse_at_its_edge(views: int, state: SignalState) -> None:
    """Half of before is clean, less than half trips."""
    assert signal(account({"views": views}, {}), "view_collapse").state == state


@pytest.mark.parametrize(
    ("views", "before", "confidence"), [(350, 20, 0.45), (200, 20, 0.6), (10, 20, 0.6), (200, 10, 0.3)]
)
def test_collapse_confidence(views: int, before: int, confidence: float) -> None:
    """0.6 x (0.5 + 0.5 x depth) x sample: 0.35 is half way to severe; ten baseline posts count half."""
    assert signal(account({"views": views}, {}, before), "view_collapse").confidence == confidence


def test_nine_baseline_posts_are_too_few() -> None:
    """With fewer than ten posts before, nothing is said."""
    found = signal(account({"views": 1}, {}, 9), "view_collapse")

    assert (found.state, found.confidence) == ("unknown", None)
    assert "9 baseline posts with this figure, 10 are needed" in found.evidence


def test_stale_posts_say_nothing_of_now() -> None:
    """An account that last posted 31 days ago has no recent posts to judge."""
    stale = an_account(posts_on(range(31, 60), views=5))

    assert {one.state for one in signals_of(stale)} == {"unknown"}


@pytest.mark.parametrize(
    ("new", "old", "state"),
    [(0.7, 0.7, "clean"), (0.35, 0.7, "clean"), (0.34, 0.7, "trip"), (0.1, 0.15, "clean"), (0.09, 0.15, "trip")],
)
def test_for_you_share(new: float, old: float, state: SignalState) -> None:
    """Under half of the own share before, or under a tenth, trips."""
    given = account({"for_you_share": new}, {"for_you_share": old})

    assert signal(given, "for_you_share").state == state


def test_for_you_share_without_baseline() -> None:
    """With no baseline only the floor of a tenth holds."""
    assert signal(account({"for_you_share": 0.05}, {}), "for_you_share").state == "trip"
    assert signal(account({"for_you_share": 0.15}, {}), "for_you_share").state == "clean"


def test_for_you_share_unknown() -> None:
    """An unknown share is not zero."""
    assert signal(account({}, {}), "for_you_share").state == "unknown"


@pytest.mark.parametrize(("found_now", "state"), [(5, "clean"), (3, "clean"), (2, "trip"), (0, "trip")])
def test_search_visibility(found_now: int, state: SignalState) -> None:
    """All were found before: 3 of 5 now is clean, 2 of 5 is under half."""
    new = tuple(a_post(day, search_visible=place < found_now) for place, day in enumerate(NEW))
    given = an_account((*new, *posts_on(range(8, 28), search_visible=True)))

    assert signal(given, "search_visibility").state == state


def test_never_visible_is_no_fall() -> None:
    """An account that search never found has no baseline to fall from."""
    given = account({"search_visible": False}, {"search_visible": False})

    assert signal(given, "search_visibility").state == "unknown"


def varied(new_likes: int) -> AccountData:
    """Ten posts of 0.11 and ten of 0.09 before: mean 0.10, deviation 0.01."""
    old = tuple(a_post(day, likes=90 if day % 2 else 70) for day in range(8, 28))
    return an_account((*posts_on(NEW, likes=new_likes), *old))


@pytest.mark.parametrize(
    ("likes", "z", "state"), [(80, 0.0, "clean"), (61, -1.9, "clean"), (59, -2.1, "trip"), (200, 12.0, "clean")]
)
def test_engagement_z(likes: int, z: float, state: SignalState) -> None:
    """More than two deviations under the mean trips; far above it does not."""
    found = signal(varied(likes), "engagement_z")

    assert (found.inputs["z"], found.state) == (z, state)


def test_no_variation_no_z() -> None:
    """A baseline that does not vary has no deviations to count in."""
    assert "the baseline does not vary" in signal(account({"likes": 1}, {}), "engagement_z").evidence


def test_combined_confidence() -> None:
    """0.6 for views and 0.6 for search make 1 - 0.4 x 0.4 = 0.84."""
    given = account(
        {"views": 100, "likes": 8, "comments": 1, "shares": 1, "search_visible": False}, {"search_visible": True}
    )
    found = suppression_of(signals_of(given))

    assert (found.verdict, found.signals_tripped, found.combined_confidence) == ("suppression_likely", 2, 0.84)


def test_one_signal_is_watched() -> None:
    """A single signal is to be watched, and raises no alert."""
    given = account({"views": 100, "likes": 8, "comments": 1, "shares": 1}, {})

    assert suppression_of(signals_of(given)).verdict == "watch"
    assert alert_for(given, signals_of(given)) is None


def test_nothing_known_is_not_clear() -> None:
    """An account without posts is unknown, not clear."""
    found = suppression_of(signals_of(an_account()))

    assert (found.verdict, found.combined_confidence) == ("unknown", None)
    assert in_short(found).startswith("None of the four signals can be computed")


def test_reading_tells_content_from_reach() -> None:
    """Views down with engagement up or steady speaks for suppression; both down does not."""
    old = tuple(a_post(day, likes=90 if day % 2 else 70) for day in range(8, 28))
    steady = an_account((*posts_on(NEW, views=100, likes=8, comments=1, shares=1), *old))
    fallen = an_account((*posts_on(NEW, views=100, likes=0, comments=0, shares=0), *old))

    assert "speaks for suppression" in suppression_of(signals_of(steady)).reading
    assert "weaker content" in suppression_of(signals_of(fallen)).reading


def test_alert_severity_and_key() -> None:
    """Two signals are medium, three are high; the key holds account, ISO week and severity."""
    two = account(
        {"views": 100, "likes": 8, "comments": 1, "shares": 1, "search_visible": False}, {"search_visible": True}
    )
    three = account(
        {"views": 1, "search_visible": False, "for_you_share": 0.01}, {"search_visible": True, "for_you_share": 0.7}
    )
    found = [alert_for(given, signals_of(given)) for given in (two, three)]

    assert [(one.severity, one.dedupe_key) for one in found if one] == [
        ("medium", "shadowban_sentinel:aster:2026-W47:medium"),
        ("high", "shadowban_sentinel:aster:2026-W47:high"),
    ]


def test_a_model_is_asked_from_the_threshold_on() -> None:
    """At the threshold a summary is worth a call; under it, or with no signal, it is not."""
    tripped = suppression_of(signals_of(account({"views": 200}, {})))

    assert tripped.combined_confidence == 0.6
    assert is_worth_asking(tripped, 0.6)
    assert not is_worth_asking(tripped, 0.61)
    assert not is_worth_asking(suppression_of(signals_of(account({}, {}))), 0.0)

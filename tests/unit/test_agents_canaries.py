"""The four canaries at their thresholds, and the risk that they make."""

from __future__ import annotations

import pytest

from shared.agents.scores.canaries import Canary, CanaryState, canaries_of, risk_of
from shared.providers.records import AccountData, HealthSignals
from tests.support.accounts import BASELINE, RECENT, a_comment, an_account, posts_on, two_windows

CLEAN = HealthSignals(rate_limited_calls=0, calls_made=100, policy_flags=())


def canary(account: AccountData, name: str) -> Canary:
    return next(one for one in canaries_of(account) if one.name == name)


@pytest.mark.parametrize(("views", "state"), [(1000, "clean"), (800, "clean"), (799, "fires"), (0, "fires")])
def test_view_velocity_at_its_edge(views: int, state: CanaryState) -> None:
    """Exactly 20 % down does not fire; more does."""
    assert canary(an_account(two_windows({"views": views}, {})), "view_velocity").state == state


def test_velocity_without_views_is_unknown() -> None:
    """Unknown views are no collapse, and not clean either."""
    assert canary(an_account(two_windows({"views": None}, {})), "view_velocity").state == "unknown"


def test_velocity_is_not_judged_by_level() -> None:
    """An account of ten views that keeps its ten views is clean: only its own past counts."""
    assert canary(an_account(two_windows({"views": 10}, {"views": 10})), "view_velocity").state == "clean"


@pytest.mark.parametrize(("comments", "state"), [(15, "clean"), (8, "clean"), (7, "fires")])
def test_comment_surface_at_its_edge(comments: int, state: CanaryState) -> None:
    """Comments per view under half of before fire: 7 against 15 is 0.467, 8 is 0.533."""
    assert canary(an_account(two_windows({"comments": comments}, {})), "comment_surface").state == state


@pytest.mark.parametrize(("hours", "state"), [(1.0, "clean"), (2.0, "clean"), (2.1, "fires")])
def test_slow_comments_fire(hours: float, state: CanaryState) -> None:
    """A first comment that takes more than twice as long fires, even where counts hold."""
    recent, baseline = posts_on(RECENT), posts_on(BASELINE)
    comments = (*(a_comment(post, hours) for post in recent), *(a_comment(post, 1) for post in baseline))

    found = canary(an_account((*recent, *baseline), comments=comments), "comment_surface")

    assert found.state == state
    assert "The first comment came after" in found.evidence


def test_only_the_first_comment_counts() -> None:
    """Later comments, the owner's own, and one dated before its post do not change the delay."""
    recent, baseline = posts_on(RECENT, comments=None), posts_on(BASELINE, comments=None)
    noise = [a_comment(post, hours) for post in recent for hours in (9, 30)]
    noise += [a_comment(post, 0.1, author="aster") for post in recent]
    comments = (*noise, *(a_comment(post, 1) for post in (*recent, *baseline)))

    assert canary(an_account((*recent, *baseline), comments=comments), "comment_surface").state == "clean"


def test_comment_surface_unknown() -> None:
    """Without comments and comment counts the canary is blind, and says why."""
    found = canary(an_account(two_windows({"comments": None}, {"comments": None})), "comment_surface")

    assert found.state == "unknown"
    assert "the figure is known of no post in either window" in found.evidence


@pytest.mark.parametrize(
    ("limited", "made", "state"),
    [
        (5, 100, "clean"),
        (6, 100, "fires"),
        (0, 10, "clean"),
        (3, None, "unknown"),
        (None, 10, "unknown"),
        (0, 0, "unknown"),
    ],
)
def test_rate_limiting(limited: int | None, made: int | None, state: CanaryState) -> None:
    """More than 5 % of the calls fire; a missing count, or no call, is unknown."""
    account = an_account(health=HealthSignals(rate_limited_calls=limited, calls_made=made))

    assert canary(account, "rate_limiting").state == state


@pytest.mark.parametrize(("flags", "state"), [((), "clean"), (("spam",), "fires"), (None, "unknown")])
def test_policy_flags(flags: tuple[str, ...] | None, state: CanaryState) -> None:
    """One flag fires; none is clean; not knowing is neither."""
    assert canary(an_account(health=HealthSignals(policy_flags=flags)), "policy_flags").state == state


def states(*given: CanaryState) -> list[Canary]:
    return [Canary(name=f"c{place}", state=state, evidence="", inputs={}) for place, state in enumerate(given)]


@pytest.mark.parametrize(
    ("given", "level"),
    [
        (("clean", "clean", "clean", "clean"), "low"),
        (("fires", "clean", "clean", "clean"), "medium"),
        (("fires", "fires", "clean", "clean"), "high"),
        (("fires", "fires", "fires", "fires"), "high"),
        (("unknown", "unknown", "unknown", "clean"), "low"),
        (("unknown", "unknown", "unknown", "fires"), "medium"),
        (("unknown", "unknown", "unknown", "unknown"), "unknown"),
    ],
)
def test_risk_levels(given: tuple[CanaryState, ...], level: str) -> None:
    """None is low, exactly one medium, several high; of none known the risk is unknown, not low."""
    assert risk_of(states(*given)).level == level


def test_risk_says_what_it_stands_on() -> None:
    """The risk names how many canaries are known, and which are not."""
    told = risk_of(states("fires", "unknown", "clean", "unknown")).told

    assert told == "1 of 2 known canaries fires (c0); unknown: c1, c3"
    assert risk_of(states("unknown", "unknown")).told == "none of the 2 canaries is known"


def test_a_healthy_account_is_low() -> None:
    """An account as it always was, with clean signals, has four known canaries and none fires."""
    risk = risk_of(canaries_of(an_account(two_windows({}, {}), health=CLEAN)))

    assert (risk.level, risk.canaries_known, risk.canaries_fired) == ("low", 4, 0)

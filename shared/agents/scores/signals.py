"""The four signals of the Shadowban Sentinel (A060, X29), each computed on its own from other data than the rest.

Guards: at least 10 baseline posts, posts older than 48 h, no ads. A single signal is weak evidence: what one can say
for suppression is capped at 0.6, and an alert needs two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.agents.scores.figures import (
    MIN_RECENT,
    Comparison,
    Figures,
    compare,
    deviation,
    engagement_rate,
    known,
    linear,
    mean,
    median,
    rounded,
    views,
)
from shared.agents.scores.health import Inputs
from shared.agents.scores.left_out import why_none_counts
from shared.agents.scores.windows import newest_first, settled
from shared.providers.records import AccountData, Post

SignalState = Literal["trip", "clean", "unknown"]
Verdict = Literal["suppression_likely", "watch", "clear", "unknown"]

SIGNALS = ("view_collapse", "for_you_share", "search_visibility", "engagement_z")
RECENT_POSTS = 5
BASELINE_POSTS = 30
LEAST_BASELINE_POSTS = 10
STALE_AFTER = timedelta(days=30)
SINGLE_SIGNAL_CAP = 0.6
FULL_SAMPLE = 20  # baseline posts from which on the sample no longer lowers the confidence

COLLAPSE, SEVERE_COLLAPSE = 0.5, 0.2
FEED_FLOOR, FEED_FALL = 0.10, 0.5
SEARCH_FALL = 0.5
Z_TRIP, Z_SEVERE = -2.0, -4.0


class Signal(Figures):
    """One signal. `confidence` (0..0.6) is how strongly it speaks for suppression: 0 if clean, None if unknown."""

    name: str
    state: SignalState
    confidence: float | None
    evidence: str
    inputs: Inputs


class Suppression(Figures):
    """The four signals together. `combined_confidence` is 1 - the product of (1 - confidence) over those known."""

    verdict: Verdict
    signals_known: int
    signals_tripped: int
    combined_confidence: float | None
    reading: str


@dataclass(frozen=True, slots=True)
class Series:
    """The newest five settled posts, and up to thirty before them. No recent posts where the newest is stale."""

    recent: tuple[Post, ...]
    baseline: tuple[Post, ...]

    def compare(self, of: Callable[[Post], float | None]) -> Comparison:
        """The recent median over the baseline median, with the guard of ten baseline posts."""
        return compare(known(self.recent, of), known(self.baseline, of), least_baseline=LEAST_BASELINE_POSTS)


def series_of(account: AccountData) -> Series:
    """The two series of an account, counted in posts, so that a slow poster has a baseline too."""
    posts = newest_first(settled((post for post in account.posts if post.published_at <= account.as_of), account.as_of))
    recent = [post for post in posts[:RECENT_POSTS] if _is_fresh(post, account.as_of)]
    return Series(recent=tuple(recent), baseline=tuple(posts[len(recent) : len(recent) + BASELINE_POSTS]))


def _is_fresh(post: Post, as_of: datetime) -> bool:
    return as_of - post.published_at <= STALE_AFTER


def signals_of(account: AccountData) -> tuple[Signal, ...]:
    """The four signals, always in the same order."""
    series = series_of(account)
    if not (series.recent or series.baseline):
        why = compare((), ()).model_copy(update={"reason": why_none_counts(account.posts, account.as_of, None)})
        return tuple(_unknown(name, why) for name in SIGNALS)
    return (view_collapse(series), for_you_share(series), search_visibility(series), engagement_z(series))


def view_collapse(series: Series) -> Signal:
    """Trips when the newest posts' median views are under half of those before; severe from a fifth down."""
    found = series.compare(views)
    if found.ratio is None:
        return _unknown("view_collapse", found)
    evidence = (
        f"Median views: {found.recent:,.0f} over the newest {found.recent_count} posts,"
        f" {found.baseline:,.0f} over the {found.baseline_count} before ({found.ratio:.0%} of it)."
    )
    strength = 0.5 + 0.5 * linear(found.ratio, COLLAPSE, SEVERE_COLLAPSE)
    return _known("view_collapse", found.ratio < COLLAPSE, strength, evidence, found)


def for_you_share(series: Series) -> Signal:
    """Trips under 10 % of views from the For You feed, or under half of the account's own share before."""
    found = series.compare(lambda post: post.for_you_share)
    if found.recent is None or found.recent_count < MIN_RECENT:
        return _unknown("for_you_share", found)
    fell = found.ratio is not None and found.ratio < FEED_FALL
    strength = 0.5 + 0.5 * linear(found.recent, FEED_FLOOR, 0.0)
    if found.ratio is not None:
        strength = max(strength, 0.5 + 0.5 * linear(found.ratio, FEED_FALL, 0.0))
    own = f"{found.baseline:.0%} before" if found.ratio is not None else "its own baseline is unknown"
    evidence = (
        f"Share of views from the For You feed: {found.recent:.0%} (median of {found.recent_count} posts), {own}."
    )
    return _known("for_you_share", fell or found.recent < FEED_FLOOR, strength, evidence, found)


def search_visibility(series: Series) -> Signal:
    """Trips when the share of posts found by searching their own hashtags fell below half of what it was."""
    now, before = known(series.recent, _is_visible), known(series.baseline, _is_visible)
    found = _shares(now, before)
    if found.ratio is None:
        return _unknown("search_visibility", found)
    evidence = f"Found by search: {sum(now):.0f} of the newest {len(now)} posts"
    evidence += f", {sum(before):.0f} of the {len(before)} before."
    strength = 0.5 + 0.5 * linear(found.ratio, SEARCH_FALL, 0.0)
    return _known("search_visibility", found.ratio < SEARCH_FALL, strength, evidence, found)


def engagement_z(series: Series) -> Signal:
    """Trips when engagement per view lies more than two deviations under the account's own mean."""
    now, before = known(series.recent, engagement_rate), known(series.baseline, engagement_rate)
    found = compare(now, before, least_baseline=LEAST_BASELINE_POSTS)
    middle = median(now)
    if found.reason is not None or middle is None:
        return _unknown("engagement_z", found)
    spread = deviation(before)
    if spread == 0:
        return _unknown("engagement_z", found.model_copy(update={"reason": "the baseline does not vary"}))
    z = (middle - mean(before)) / spread
    evidence = (
        f"Engagement per view: {middle:.2%} (median of {len(now)} posts), {mean(before):.2%} on average before"
        f" (z = {round(z, 1) + 0:+.1f})."
    )
    strength = 0.5 + 0.5 * linear(z, Z_TRIP, Z_SEVERE)
    return _known("engagement_z", z < Z_TRIP, strength, evidence, found, {"z": rounded(z, 2)})


def suppression_of(signals: Sequence[Signal]) -> Suppression:
    """The verdict: two signals or more make suppression likely, one is to be watched, none of those known is clear."""
    tripped = [signal for signal in signals if signal.state == "trip"]
    seen = [signal for signal in signals if signal.state != "unknown"]
    doubt = 1.0
    for signal in seen:
        doubt *= 1 - (signal.confidence or 0.0)
    verdicts: tuple[Verdict, ...] = ("clear", "watch", "suppression_likely")
    return Suppression(
        verdict=verdicts[min(len(tripped), 2)] if seen else "unknown",
        signals_known=len(seen),
        signals_tripped=len(tripped),
        combined_confidence=rounded(1 - doubt) if seen else None,
        reading=_reading(signals),
    )


def _reading(signals: Sequence[Signal]) -> str:
    state = {signal.name: signal.state for signal in signals}
    if state.get("view_collapse") == "unknown":
        return "Whether views fell against the account's own baseline is unknown."
    if state.get("view_collapse") != "trip":
        return "Views have not collapsed against the account's own baseline."
    if state.get("engagement_z") == "trip":
        return "Views and engagement per view fell together: weaker content explains this as well as suppression does."
    if state.get("engagement_z") == "clean":
        return "Views collapsed while those who still watch engage as before: this speaks for suppression."
    return "Views collapsed; whether engagement per view fell too is unknown."


def _is_visible(post: Post) -> float | None:
    return None if post.search_visible is None else float(post.search_visible)


def _shares(now: Sequence[float], before: Sequence[float]) -> Comparison:
    """A comparison of shares: of yes/no values the mean says what a median cannot."""
    found = compare(now, before, least_baseline=LEAST_BASELINE_POSTS)
    recent, baseline = (mean(now) if now else None), (mean(before) if before else None)
    enough = len(now) >= MIN_RECENT and len(before) >= LEAST_BASELINE_POSTS
    ratio = recent / baseline if enough and recent is not None and baseline else None
    reason = None if ratio is not None else (found.reason or "unknown")
    shares = {"recent": rounded(recent), "baseline": rounded(baseline), "ratio": rounded(ratio), "reason": reason}
    return found.model_copy(update=shares)


def _known(
    name: str, trips: bool, strength: float, evidence: str, found: Comparison, more: Inputs | None = None
) -> Signal:
    sample = min(1.0, max(found.baseline_count, LEAST_BASELINE_POSTS) / FULL_SAMPLE)
    confidence = rounded(SINGLE_SIGNAL_CAP * strength * sample) if trips else 0.0
    inputs = found.model_dump(exclude={"reason"}) | (more or {})
    return Signal(
        name=name, state="trip" if trips else "clean", confidence=confidence, evidence=evidence, inputs=inputs
    )


def _unknown(name: str, found: Comparison) -> Signal:
    inputs = found.model_dump(exclude={"reason"})
    evidence = f"Not enough data: {found.reason or 'unknown'}."
    return Signal(name=name, state="unknown", confidence=None, evidence=evidence, inputs=inputs)

"""The shadowban canaries of account_health (X31-X34): the last 14 days against the account's own 30 days before.

Never against the niche, never against a level. A canary whose data is missing is `unknown`, which is not `clean`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

from shared.agents.scores.figures import Comparison, Figures, compare, is_owners, rounded, views
from shared.agents.scores.health import Inputs
from shared.agents.scores.left_out import compared
from shared.agents.scores.windows import Windows, windows_of
from shared.providers.records import AccountData, Comment, HealthSignals, Post

CanaryState = Literal["fires", "clean", "unknown"]
RiskLevel = Literal["low", "medium", "high", "unknown"]

VIEWS_DROP = 0.20  # fires below 0.80 of the baseline, not at it (X31)
SLOWER_COMMENTS = 2.0
SMALLER_SURFACE = 0.5
LIMITED_CALLS = 0.05


class Canary(Figures):
    """One canary: whether it fires, the sentence that says why, and the figures behind it."""

    name: str
    state: CanaryState
    evidence: str
    inputs: Inputs


class ShadowbanRisk(Figures):
    """`low`: no known canary fires; `medium`: exactly one; `high`: several; `unknown`: none of the four is known."""

    level: RiskLevel
    canaries_known: int
    canaries_total: int
    canaries_fired: int
    told: str


def canaries_of(account: AccountData) -> tuple[Canary, ...]:
    """The four canaries of X32, always in the same order."""
    windows = windows_of(account)
    return (
        view_velocity(windows),
        comment_surface(windows, account.comments, account.profile.handle),
        rate_limiting(account.health),
        policy_flags(account.health),
    )


def risk_of(canaries: Sequence[Canary]) -> ShadowbanRisk:
    """The risk, and on how many canaries it stands."""
    fired = [canary.name.replace("_", " ") for canary in canaries if canary.state == "fires"]
    blind = [canary.name.replace("_", " ") for canary in canaries if canary.state == "unknown"]
    seen = len(canaries) - len(blind)
    levels: tuple[RiskLevel, ...] = ("low", "medium", "high")
    level: RiskLevel = levels[min(len(fired), 2)] if seen else "unknown"
    told = (
        f"{len(fired)} of {seen} known canaries {'fires' if len(fired) == 1 else 'fire'}"
        if seen
        else f"none of the {len(canaries)} canaries is known"
    )
    told += f" ({', '.join(fired)})" if fired else ""
    told += f"; unknown: {', '.join(blind)}" if blind and seen else ""
    return ShadowbanRisk(
        level=level, canaries_known=seen, canaries_total=len(canaries), canaries_fired=len(fired), told=told
    )


def view_velocity(windows: Windows) -> Canary:
    """Fires when the median views of settled posts fell by more than 20 %."""
    found = compared(windows, views)
    if found.ratio is None:
        return _unknown("view_velocity", found)
    state: CanaryState = "fires" if found.ratio < 1 - VIEWS_DROP else "clean"
    evidence = (
        f"Median views per post: {found.recent:,.0f} in the last 14 days, {found.baseline:,.0f} in the 30 days before"
        f" ({_change(found.ratio)})."
    )
    return Canary(name="view_velocity", state=state, evidence=evidence, inputs=_inputs(found))


def comment_surface(windows: Windows, comments: Sequence[Comment] | None, owner: str) -> Canary:
    """Fires when first comments take over twice as long, or comments per view fell below half."""
    delay = _first_comment_delay(windows, comments, owner)
    surface = compared(windows, _comments_per_view)
    parts = [part for part in (_slower(delay), _smaller(surface)) if part is not None]
    inputs = _inputs(delay, "hours_to_first_comment_") | _inputs(surface, "comments_per_view_")
    if not parts:
        told = f"Not enough data. Time to the first comment: {delay.reason}. Comments per view: {surface.reason}."
        if not (windows.settled_recent or windows.settled_baseline):
            told = f"Not enough data: {surface.reason}."
        return Canary(name="comment_surface", state="unknown", evidence=told, inputs=inputs)
    state: CanaryState = "fires" if any(fires for fires, _ in parts) else "clean"
    return Canary(name="comment_surface", state=state, evidence=" ".join(told for _, told in parts), inputs=inputs)


def rate_limiting(health: HealthSignals | None) -> Canary:
    """Fires when the platform answered more than 5 % of the calls made for this account with a rate limit."""
    limited = None if health is None else health.rate_limited_calls
    made = None if health is None else health.calls_made
    inputs: Inputs = {"rate_limited_calls": limited, "calls_made": made}
    if limited is None or not made:
        evidence = "Whether the platform limits calls for this account is unknown in this data."
        return Canary(name="rate_limiting", state="unknown", evidence=evidence, inputs=inputs)
    share = limited / made
    state: CanaryState = "fires" if share > LIMITED_CALLS else "clean"
    evidence = f"{limited:,} of {made:,} calls were rate limited ({share:.1%})."
    return Canary(name="rate_limiting", state=state, evidence=evidence, inputs=inputs | {"share": rounded(share)})


def policy_flags(health: HealthSignals | None) -> Canary:
    """Fires when the platform shows one policy flag or more."""
    flags = None if health is None else health.policy_flags
    if flags is None:
        evidence = "Policy flags are unknown in this data."
        return Canary(name="policy_flags", state="unknown", evidence=evidence, inputs={"flags": None})
    evidence = f"Policy flags: {', '.join(flags)}." if flags else "The platform shows no policy flag."
    state: CanaryState = "fires" if flags else "clean"
    return Canary(name="policy_flags", state=state, evidence=evidence, inputs={"flags": len(flags)})


def _first_comment_delay(windows: Windows, comments: Sequence[Comment] | None, owner: str) -> Comparison:
    first: dict[str, Comment] = {}
    for comment in sorted(comments or (), key=lambda comment: comment.posted_at):
        if not is_owners(comment, owner):
            first.setdefault(comment.post_id, comment)
    return compare(_delays(windows.settled_recent, first), _delays(windows.settled_baseline, first))


def _delays(posts: Sequence[Post], first: Mapping[str, Comment]) -> list[float]:
    """Hours from each post to its first comment. A comment dated before its post is a fault of the data."""
    hour = timedelta(hours=1)
    waits = [(first[post.id].posted_at - post.published_at) / hour for post in posts if post.id in first]
    return [wait for wait in waits if wait >= 0]


def _comments_per_view(post: Post) -> float | None:
    return None if post.comments is None or not post.views else post.comments / post.views


def _slower(delay: Comparison) -> tuple[bool, str] | None:
    if delay.ratio is None:
        return None
    told = f"The first comment came after {delay.recent:.1f} h (median), {delay.baseline:.1f} h before."
    return delay.ratio > SLOWER_COMMENTS, told


def _smaller(surface: Comparison) -> tuple[bool, str] | None:
    if surface.ratio is None or surface.recent is None or surface.baseline is None:
        return None
    told = f"Comments per 1,000 views: {1000 * surface.recent:.2f} (median), {1000 * surface.baseline:.2f} before."
    return surface.ratio < SMALLER_SURFACE, told


def _unknown(name: str, found: Comparison) -> Canary:
    evidence = f"Not enough data: {found.reason}."
    return Canary(name=name, state="unknown", evidence=evidence, inputs=_inputs(found))


def _inputs(found: Comparison, prefix: str = "") -> Inputs:
    return {f"{prefix}{name}": value for name, value in found.model_dump(exclude={"reason"}).items()}


def _change(ratio: float) -> str:
    return f"{round(ratio - 1, 3) + 0:+.1%}"  # + 0 turns -0.0 into 0.0

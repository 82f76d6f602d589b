"""The health scores of an account: cadence, engagement, reach, consistency, replies, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from shared.agents.scores.figures import (
    MIN_BASELINE,
    Comparison,
    Figures,
    deviation,
    engagement_rate,
    is_owners,
    known,
    likes,
    mean,
    ratio_score,
    rounded,
    views,
    whole,
)
from shared.agents.scores.left_out import compared
from shared.agents.scores.windows import BASELINE_DAYS, RECENT_DAYS, Windows, windows_of
from shared.providers.records import AccountData, Comment
from shared.providers.text import many

ScoreStatus = Literal["ok", "not_enough_data"]
Inputs = dict[str, float | int | None]

LEAST_BASELINE_DAYS = 14
LEAST_GAPS = 4
LEAST_COMMENTS = 10
PROMPT_REPLY_H = 24
FULL_MARKS_REPLIES = 0.5  # half of the comments answered within a day is all that can be asked
WEIGHTS = {"reach_trend": 30, "engagement_trend": 25, "posting_cadence": 20, "consistency": 15, "reply_behaviour": 10}
LEAST_SCORES = 3


class Score(Figures):
    """One score, 0-100. `value` is None with the status `not_enough_data`, and `reason` says what is missing.

    `basis` says in words what was measured, `inputs` holds the figures that the value was computed from.
    """

    value: int | None
    status: ScoreStatus
    basis: str
    inputs: Inputs
    reason: str | None = None


def health_scores(account: AccountData) -> dict[str, Score]:
    """The five scores by name. Each is None on its own where its data is too thin."""
    windows = windows_of(account)
    return {
        "posting_cadence": posting_cadence(windows),
        "engagement_trend": engagement_trend(windows),
        "reach_trend": reach_trend(windows),
        "consistency": consistency(windows),
        "reply_behaviour": reply_behaviour(account),
    }


def posting_cadence(windows: Windows) -> Score:
    """Posts per week in the last 14 days over posts per week in the baseline. Posts of any age and ads count."""
    basis = "posts per week, the last 14 days against the 30 days before"
    now = len(windows.recent) * 7 / RECENT_DAYS
    days = windows.baseline_days
    inputs: Inputs = {"posts_recent": len(windows.recent), "posts_baseline": len(windows.baseline)}
    inputs |= {"baseline_days": days, "per_week_recent": rounded(now)}
    if days < LEAST_BASELINE_DAYS:
        reach = f"{RECENT_DAYS + days:g} days" if days else f"{RECENT_DAYS} days at most"
        needed = RECENT_DAYS + LEAST_BASELINE_DAYS
        return _missing(basis, f"the posts read go back {reach}, {needed} days are needed", inputs)
    if len(windows.baseline) < MIN_BASELINE:
        return _missing(basis, f"{many(len(windows.baseline), 'baseline post')}, {MIN_BASELINE} are needed", inputs)
    before = len(windows.baseline) * 7 / days
    inputs |= {"per_week_baseline": rounded(before), "ratio": rounded(now / before)}
    return Score(value=ratio_score(now / before), status="ok", basis=basis, inputs=inputs)


def engagement_trend(windows: Windows) -> Score:
    """The median engagement rate against the baseline; by likes per post where no post's rate is known."""
    by_rate, by_likes = compared(windows, engagement_rate), compared(windows, likes)
    basis = "median of (likes + comments + shares) / views per post, recent against baseline"
    if by_rate.recent_count or by_rate.baseline_count or not (by_likes.recent_count or by_likes.baseline_count):
        return _from(by_rate, basis)
    return _from(by_likes, "median likes per post, recent against baseline (engagement per view is unknown)")


def reach_trend(windows: Windows) -> Score:
    """The median views of settled posts against the baseline."""
    basis = "median views per post, recent against baseline"
    recent, baseline = windows.settled_recent, windows.settled_baseline
    if (recent or baseline) and not known((*recent, *baseline), views):
        return _missing(basis, "views are unknown in this data", {"posts_with_views": 0})
    return _from(compared(windows, views), basis)


def consistency(windows: Windows) -> Score:
    """How even the gaps between posts are: 100 x (1 - cv / 2), where cv is their deviation over their mean."""
    basis = "evenness of the gaps between posts in the last 44 days (posting at random times scores about 50)"
    times = sorted(post.published_at for post in (*windows.recent, *windows.baseline))
    gaps = [(later - sooner) / timedelta(days=1) for sooner, later in pairwise(times)]
    inputs: Inputs = {"posts": len(times), "gaps": len(gaps)}
    if len(gaps) < LEAST_GAPS:
        return _missing(basis, f"{many(len(times), 'post')} in 44 days, {LEAST_GAPS + 1} are needed", inputs)
    if not mean(gaps):
        return _missing(basis, "all posts carry the same time", inputs)
    spread = deviation(gaps) / mean(gaps)
    inputs |= {"mean_gap_days": rounded(mean(gaps)), "gap_cv": rounded(spread)}
    return Score(value=whole(100 * max(0.0, 1 - spread / 2)), status="ok", basis=basis, inputs=inputs)


def reply_behaviour(account: AccountData) -> Score:
    """How many comments the owner answers: 1 each within 24 h, 0.5 later; half of all is full marks."""
    basis = "comments answered by the owner, within a day counting double (half of all is full marks)"
    if account.comments is None:
        return _missing(basis, "comments are unknown in this data", {})
    asked = [comment for comment in account.comments if _awaits_reply(comment, account.as_of, account.profile.handle)]
    credit = sum(_reply_credit(comment) for comment in asked)
    inputs: Inputs = {"comments": len(asked), "reply_credit": credit}
    inputs["answered"] = sum(bool(comment.replied_by_owner) for comment in asked)
    if len(asked) < LEAST_COMMENTS:
        return _missing(
            basis, f"{many(len(asked), 'comment')} whose reply is known, {LEAST_COMMENTS} are needed", inputs
        )
    share = credit / len(asked)
    return Score(value=whole(100 * min(1.0, share / FULL_MARKS_REPLIES)), status="ok", basis=basis, inputs=inputs)


def _awaits_reply(comment: Comment, as_of: datetime, owner: str) -> bool:
    """A comment of the last 44 days by somebody else, a day old, of which it is known whether it was answered."""
    age = as_of - comment.posted_at
    in_time = timedelta(hours=PROMPT_REPLY_H) <= age < timedelta(days=RECENT_DAYS + BASELINE_DAYS)
    return in_time and comment.replied_by_owner is not None and not is_owners(comment, owner)


def _reply_credit(comment: Comment) -> float:
    if not comment.replied_by_owner:
        return 0.0
    return 1.0 if comment.reply_delay_h is not None and comment.reply_delay_h <= PROMPT_REPLY_H else 0.5


def overall_score(scores: Mapping[str, Score]) -> Score:
    """The mean of the known scores, weighted by `WEIGHTS`, if at least three of the five are known."""
    basis = "weighted mean of the known scores: " + ", ".join(f"{name} {weight}" for name, weight in WEIGHTS.items())
    values = {name: scores[name].value for name in WEIGHTS}
    have = {name: value for name, value in values.items() if value is not None}
    inputs: Inputs = {"scores_known": len(have), "scores": len(WEIGHTS)}
    if len(have) < LEAST_SCORES:
        told = f"{len(have)} of {len(WEIGHTS)} scores {'is' if len(have) == 1 else 'are'} known"
        return _missing(basis, f"{told}, {LEAST_SCORES} are needed", inputs)
    total = sum(WEIGHTS[name] for name in have)
    value = sum(WEIGHTS[name] * score for name, score in have.items()) / total
    return Score(value=whole(value), status="ok", basis=basis, inputs=inputs | {"weight_known": total})


def _from(comparison: Comparison, basis: str) -> Score:
    inputs = comparison.model_dump(exclude={"reason"})
    if comparison.ratio is None:
        return _missing(basis, comparison.reason or "unknown", inputs)
    return Score(value=ratio_score(comparison.ratio), status="ok", basis=basis, inputs=inputs)


def _missing(basis: str, reason: str, inputs: Inputs) -> Score:
    return Score(value=None, status="not_enough_data", basis=basis, reason=reason, inputs=inputs)

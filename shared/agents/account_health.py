"""account_health: how an account is doing against its own past, and whether anything points to a shadowban."""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import BaseModel, ConfigDict

from shared.agents.asking import ask, result_of, system_prompt
from shared.agents.audit import AuditAgent, AuditInput, AuditOutput, account_blocks, head_of
from shared.agents.base import AgentContext, AgentResult
from shared.agents.quoting import Said
from shared.agents.records import save_account, save_metrics
from shared.agents.scores.canaries import Canary, RiskLevel, ShadowbanRisk, canaries_of, risk_of
from shared.agents.scores.health import Score, health_scores, overall_score
from shared.agents.scores.left_out import SHOWN_DAYS, newest_age_days
from shared.agents.scores.windows import BASELINE_DAYS, RECENT_DAYS
from shared.core.canonical import JsonObject
from shared.llm.prompt import data_block
from shared.providers.records import AccountData
from shared.providers.text import many

NAME = "account_health"
MOST_ACTIONS = 4
HOLD_ADVICE = "Do not run paid amplification while the shadowban risk is high."
TASK = "Diagnose this account from the figures below, and say what to do first."


class HealthAdvice(BaseModel):
    """What the model is asked for: a diagnosis of one sentence, and two to four actions, the most useful first."""

    model_config = ConfigDict(extra="forbid")

    diagnosis: Said
    recommended_actions: list[Said]


class HealthOutput(AuditOutput):
    """Scores 0-100 or None; the risk with its canaries; advice in words. Numbers are computed, never the model's."""

    followers: int | None
    followers_gained_14d: int | None
    followers_gained_30d_before: int | None
    overall_score: int | None
    scores: dict[str, Score]
    shadowban_risk: RiskLevel
    shadowban_risk_basis: ShadowbanRisk
    canaries: tuple[Canary, ...]
    hold_paid_amplification: bool
    diagnosis: str
    recommended_actions: tuple[str, ...]


class AccountHealthAgent(AuditAgent):
    """Scores and canaries in Python; one Haiku call for the words; the account and a snapshot are kept."""

    name = NAME
    Input = AuditInput
    Output = HealthOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(AuditInput, ctx.input)
        account = await self._account(given)
        figures = health_figures(account)
        await save_account(self._records, ctx.workspace_id, account)
        await save_metrics(self._records, ctx.workspace_id, account.profile.handle, account.as_of, _snapshot(figures))
        if all(score.value is None for score in figures.scores.values()):
            return result_of(_output(account, figures, _no_advice(account)), None)
        advice, answer = await ask(
            HealthAdvice,
            system=system_prompt(NAME, self._brand(ctx, given)),
            task=TASK,
            blocks=[*account_blocks(account, given), *health_blocks(figures)],
            model="haiku",
            label="diagnosis",
            max_tokens=2048,
        )
        return result_of(_output(account, figures, advice), answer)


class HealthFigures(BaseModel):
    """Everything that is computed, before anyone puts it into words."""

    model_config = ConfigDict(frozen=True)

    scores: dict[str, Score]
    overall: Score
    canaries: tuple[Canary, ...]
    risk: ShadowbanRisk
    followers: int | None
    followers_gained_14d: int | None
    followers_gained_30d_before: int | None


def health_figures(account: AccountData) -> HealthFigures:
    """All figures of an account. The same account gives the same figures on any day."""
    scores = health_scores(account)
    canaries = canaries_of(account)
    return HealthFigures(
        scores=scores,
        overall=overall_score(scores),
        canaries=canaries,
        risk=risk_of(canaries),
        followers=account.profile.followers,
        followers_gained_14d=_gained(account, 0, RECENT_DAYS),
        followers_gained_30d_before=_gained(account, RECENT_DAYS, RECENT_DAYS + BASELINE_DAYS),
    )


def _gained(account: AccountData, after_days: int, until_days: int) -> int | None:
    """Followers gained on the days of a window, counted back from `as_of`; None where the source has no days."""
    if account.follower_days is None:
        return None
    last = account.as_of.date() - timedelta(days=after_days)
    first = account.as_of.date() - timedelta(days=until_days)
    return sum(one.followers_gained for one in account.follower_days if first < date.fromisoformat(one.day) <= last)


def health_blocks(figures: HealthFigures) -> list[str]:
    """The figures as blocks for the model, each under the name that the prompt uses."""
    return [
        data_block("scores", {name: score.model_dump() for name, score in figures.scores.items()}),
        data_block("overall", figures.overall.model_dump()),
        data_block("canaries", [canary.model_dump() for canary in figures.canaries]),
        data_block("risk", figures.risk.model_dump()),
        data_block(
            "followers",
            {
                "now": figures.followers,
                "gained_14d": figures.followers_gained_14d,
                "gained_30d_before": figures.followers_gained_30d_before,
            },
        ),
    ]


def _snapshot(figures: HealthFigures) -> JsonObject:
    return {
        "overall_score": figures.overall.value,
        "scores": {name: score.value for name, score in figures.scores.items()},
        "shadowban_risk": figures.risk.level,
        "canaries": {canary.name: canary.state for canary in figures.canaries},
        "followers": figures.followers,
    }


def _no_advice(account: AccountData) -> HealthAdvice:
    """Without a single score there is nothing to diagnose, and no model is asked."""
    age = newest_age_days(account.posts, account.as_of)
    action = "Run this again when more of the account's posts can be read, or when it has posted more."
    if age is not None and age >= SHOWN_DAYS:
        action = f"Run this again when the account posts: its newest post is {many(age, 'day')} older than the data."
    diagnosis = "Not enough data to diagnose this account: none of its scores can be computed."
    return HealthAdvice(diagnosis=diagnosis, recommended_actions=[action])


def _output(account: AccountData, figures: HealthFigures, advice: HealthAdvice) -> JsonObject:
    high = figures.risk.level == "high"
    actions = [action for action in advice.recommended_actions if action][:MOST_ACTIONS]
    return HealthOutput(
        **head_of(account, figures.overall.reason),
        followers=figures.followers,
        followers_gained_14d=figures.followers_gained_14d,
        followers_gained_30d_before=figures.followers_gained_30d_before,
        overall_score=figures.overall.value,
        scores=figures.scores,
        shadowban_risk=figures.risk.level,
        shadowban_risk_basis=figures.risk,
        canaries=figures.canaries,
        hold_paid_amplification=high,
        diagnosis=advice.diagnosis,
        recommended_actions=(HOLD_ADVICE, *actions) if high else tuple(actions),
    ).model_dump(mode="json")

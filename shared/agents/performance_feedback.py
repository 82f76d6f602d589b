"""performance_feedback: which posts, lengths, hours, weekdays and hashtags work for an account, and what follows."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, result_of, system_prompt
from shared.agents.audit import AuditAgent, AuditInput, AuditOutput, account_blocks, captions_block, head_of
from shared.agents.base import AgentContext, AgentResult
from shared.agents.quoting import Said
from shared.agents.scores.performance import Group, Metric, Performance, PostFigures, performance_of
from shared.llm.prompt import data_block
from shared.providers.records import AccountData

NAME = "performance_feedback"
MOST_RECOMMENDATIONS = 6
MOST_FINDINGS = 30
TASK = "Turn the findings below into recommendations for the next posts."


class PerformanceInput(AuditInput):
    """`window_days`: how far back to look. `top_n`: how many best and worst posts to show."""

    window_days: int = Field(90, ge=14, le=730)
    top_n: int = Field(5, ge=1, le=20)


class Recommendation(BaseModel):
    """One thing to do, and the finding it rests on."""

    model_config = ConfigDict(extra="forbid")

    finding_id: str
    recommendation: Said
    why: Said


class PerformanceAdvice(BaseModel):
    """What the model is asked for: one or two sentences, and a recommendation for each finding worth one."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    recommendations: list[Recommendation]


class PerformanceOutput(AuditOutput):
    """What was measured, by `metric`, against the account's own median. Hours and weekdays are UTC."""

    metric: Metric | None
    posts_analysed: int
    median_metric: float | None
    median_engagement_rate: float | None
    top_posts: tuple[PostFigures, ...]
    bottom_posts: tuple[PostFigures, ...]
    durations: tuple[Group, ...]
    hours: tuple[Group, ...]
    weekdays: tuple[Group, ...]
    hashtags: tuple[Group, ...]
    summary: str
    recommendations: tuple[Recommendation, ...]


class PerformanceFeedbackAgent(AuditAgent):
    """Figures in Python; one Haiku call that turns what stands out into recommendations."""

    name = NAME
    Input = PerformanceInput
    Output = PerformanceOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(PerformanceInput, ctx.input)
        account = await self._account(given)
        found = performance_of(account, window_days=given.window_days, top_n=given.top_n)
        if found.reason is not None:
            advice = PerformanceAdvice(summary=f"Not enough data: {found.reason}.", recommendations=[])
            return result_of(_output(account, found, advice), None)
        advice, answer = await ask(
            PerformanceAdvice,
            system=system_prompt(NAME, self._brand(ctx, given)),
            task=TASK,
            blocks=[*account_blocks(account, given), *performance_blocks(account, found)],
            model="haiku",
            label="recommendations",
            max_tokens=4096,
        )
        return result_of(_output(account, found, advice), answer)


def performance_blocks(account: AccountData, found: Performance) -> list[str]:
    """The findings as blocks; captions in one of their own, by post id."""
    shown = {post.post_id for post in (*found.top_posts, *found.bottom_posts)}
    captions = {post.id: post for post in account.posts if post.id in shown}
    return [
        data_block("medians", _medians(found)),
        data_block("findings", [group.model_dump() for group in found.findings[:MOST_FINDINGS]], untrusted=True),
        data_block("top_posts", [_without_caption(post) for post in found.top_posts]),
        data_block("bottom_posts", [_without_caption(post) for post in found.bottom_posts]),
        captions_block("captions", captions, 40),
    ]


def _medians(found: Performance) -> dict[str, float | int | str | None]:
    return {
        "metric": found.metric,
        "posts_analysed": found.posts_analysed,
        "median_metric": found.median_metric,
        "median_engagement_rate": found.median_engagement_rate,
    }


def _without_caption(post: PostFigures) -> dict[str, object]:
    return post.model_dump(mode="json", exclude={"caption", "url"})


def grounded(advice: PerformanceAdvice, findings: Sequence[Group]) -> tuple[Recommendation, ...]:
    """Recommendations that rest on a finding of ours, one for each; an invented finding's is dropped."""
    ours = {group.finding_id for group in findings}
    kept = {one.finding_id: one for one in reversed(advice.recommendations) if one.finding_id in ours}
    in_order = [one for one in advice.recommendations if kept.get(one.finding_id) is one]
    return tuple(in_order[:MOST_RECOMMENDATIONS])


def _output(account: AccountData, found: Performance, advice: PerformanceAdvice) -> dict[str, object]:
    return PerformanceOutput(
        **head_of(account, found.reason),
        **found.model_dump(exclude={"reason"}),
        summary=advice.summary,
        recommendations=grounded(advice, found.findings),
    ).model_dump(mode="json")

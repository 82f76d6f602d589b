"""trend_watcher: hashtags that rise now, whether the account uses them, which fit it, and an idea for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, result_of, system_prompt
from shared.agents.audit import AuditAgent, AuditInput, AuditOutput, account_blocks, captions_block, head_of
from shared.agents.base import AgentContext, AgentResult
from shared.agents.quoting import Said
from shared.agents.scores.trends import LEAST_POSTS_NOW, RisingHashtag, rising_hashtags
from shared.agents.scores.windows import newest_first
from shared.llm.prompt import data_block
from shared.providers.records import AccountData, Trends
from shared.providers.text import many
from shared.providers.tiktok import read_trends

NAME = "trend_watcher"
CAPTIONS = 10
TASK = "Say which of the rising hashtags below fit this account, and give an idea for each that does."


class TrendInput(AuditInput):
    """`region`: two letters. `freshness_hours`: the length of each of the two windows compared (X19)."""

    region: str = Field("US", pattern=r"^[A-Z]{2}$")
    freshness_hours: int = Field(168, ge=24, le=2160)
    limit: int = Field(10, ge=1, le=30)


class TrendPick(BaseModel):
    """One hashtag judged: whether it fits, why, and what to make. An idea for one that does not fit is left out."""

    model_config = ConfigDict(extra="forbid")

    hashtag: str
    fits: bool
    why: Said
    idea: Said


class TrendPicks(BaseModel):
    """What the model is asked for: a sentence, and a judgement of each hashtag."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    picks: list[TrendPick]


class JudgedHashtag(RisingHashtag):
    """A rising hashtag. `fits` is None where the model did not judge it."""

    fits: bool | None
    why: str
    idea: str


class TrendOutput(AuditOutput):
    """The hashtags that rise, the strongest first. `trends_as_of` is the end of the newer window."""

    region: str | None
    window_days: int
    trends_as_of: datetime
    trend_notes: tuple[str, ...]
    rising_hashtags: tuple[JudgedHashtag, ...]
    summary: str


class TrendWatcherAgent(AuditAgent):
    """Growth in Python; one Haiku call that says what fits."""

    name = NAME
    Input = TrendInput
    Output = TrendOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(TrendInput, ctx.input)
        account = await self._account(given)
        window_days = ceil(given.freshness_hours / 24)
        trends = await read_trends(region=given.region, window_days=window_days, dataset=given.dataset)
        risen = rising_hashtags(trends, account, limit=given.limit)
        if not risen:
            picks = TrendPicks(summary=nothing_rises(trends), picks=[])
            return result_of(_output(account, trends, risen, picks), None)
        picks, answer = await ask(
            TrendPicks,
            system=system_prompt(NAME, self._brand(ctx, given)),
            task=TASK,
            blocks=[*account_blocks(account, given), *trend_blocks(account, trends, risen)],
            model="haiku",
            label="trend picks",
            max_tokens=4096,
        )
        return result_of(_output(account, trends, risen, picks), answer)


def why_no_trends(trends: Trends) -> str | None:
    """Why nothing can be said of trends; None if something can."""
    if trends.hashtags:
        return None
    if trends.why_none is not None:
        return trends.why_none
    return f"no hashtag was counted in the last {many(2 * trends.window_days, 'day')} of the data"


def nothing_rises(trends: Trends) -> str:
    """Why there is no rising hashtag: nothing was read, or nothing grew."""
    missing = why_no_trends(trends)
    if missing is not None:
        return f"Not enough data: {missing}."
    read, days = many(len(trends.hashtags), "hashtag"), many(trends.window_days, "day")
    rising = f"{LEAST_POSTS_NOW} posts or more in {days}, a fifth more than in as many days before"
    return f"No hashtag rises: {read} read, none with {rising}."


def trend_blocks(account: AccountData, trends: Trends, risen: Sequence[RisingHashtag]) -> list[str]:
    """The hashtags, and the account's newest captions, so that fit can be judged. Both were written by strangers."""
    newest = newest_first(account.posts)[:CAPTIONS]
    window = {"region": trends.region, "window_days": trends.window_days, "as_of": trends.as_of.isoformat()}
    return [
        data_block("window", window | {"notes": list(trends.notes), "source_name": trends.source_name}),
        data_block("rising", [one.model_dump(mode="json") for one in risen], untrusted=True),
        captions_block("captions", {post.id: post for post in newest}, CAPTIONS),
    ]


def judged(risen: Sequence[RisingHashtag], picks: TrendPicks) -> tuple[JudgedHashtag, ...]:
    """Our hashtags with the model's judgement. A hashtag that is not ours is dropped."""
    by_tag = {pick.hashtag.strip().removeprefix("#").lower(): pick for pick in reversed(picks.picks)}
    return tuple(_judged(one, by_tag.get(one.hashtag.lower())) for one in risen)


def _judged(risen: RisingHashtag, pick: TrendPick | None) -> JudgedHashtag:
    if pick is None:
        return JudgedHashtag(**risen.model_dump(), fits=None, why="", idea="")
    return JudgedHashtag(**risen.model_dump(), fits=pick.fits, why=pick.why, idea=pick.idea if pick.fits else "")


def _output(
    account: AccountData, trends: Trends, risen: Sequence[RisingHashtag], picks: TrendPicks
) -> dict[str, object]:
    return TrendOutput(
        **head_of(account, why_no_trends(trends)),
        region=trends.region,
        window_days=trends.window_days,
        trends_as_of=trends.as_of,
        trend_notes=trends.notes,
        rising_hashtags=judged(risen, picks),
        summary=picks.summary,
    ).model_dump(mode="json")

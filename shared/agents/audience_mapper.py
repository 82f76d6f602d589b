"""audience_mapper: what an account's audience gathers around, measured by clusters of its posts, named by a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, result_of, system_prompt
from shared.agents.audit import AuditAgent, AuditInput, AuditOutput, account_blocks, captions_block, head_of
from shared.agents.base import AgentContext, AgentResult
from shared.agents.quoting import Said
from shared.agents.scores.audience import AudienceFigures, audience_of
from shared.agents.scores.segments import CommonHashtag, Segment, Segments, segments_of
from shared.llm.prompt import data_block
from shared.providers.records import AccountData

NAME = "audience_mapper"
CAPTIONS_PER_SEGMENT = 5
TASK = "Name and describe each segment below."


class MapperInput(AuditInput):
    """`window_days`: how far back to look. `max_segments`: at most so many segments, the largest first."""

    window_days: int = Field(180, ge=14, le=730)
    max_segments: int = Field(6, ge=1, le=12)


class SegmentName(BaseModel):
    """One segment in words: a short name, who it speaks to, and what to make for them."""

    model_config = ConfigDict(extra="forbid")

    segment_id: str
    name: Said
    description: Said
    content_angle: Said


class SegmentNames(BaseModel):
    """What the model is asked for: a name for each segment id, and a summary."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    segments: list[SegmentName]


class NamedSegment(Segment):
    """A segment with its words. `named_by` is `rules` where the model gave none: then the name is its hashtags."""

    name: str
    description: str
    content_angle: str
    named_by: Literal["model", "rules"]


class MapperOutput(AuditOutput):
    """The segments, largest first; who follows, where the source knows; when they are there."""

    posts_analysed: int
    engagement_basis: Literal["likes_comments_shares", "likes"] | None
    segments: tuple[NamedSegment, ...]
    unclustered_posts: int
    common_hashtags: tuple[CommonHashtag, ...]
    audience: AudienceFigures
    summary: str


class AudienceMapperAgent(AuditAgent):
    """Clusters and shares in Python; one Sonnet call for names and descriptions, keyed by segment id."""

    name = NAME
    Input = MapperInput
    Output = MapperOutput

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(MapperInput, ctx.input)
        account = await self._account(given)
        found = segments_of(account, window_days=given.window_days, most_segments=given.max_segments)
        audience = audience_of(account)
        if found.reason is not None:
            names = SegmentNames(summary=f"Not enough data: {found.reason}.", segments=[])
            return result_of(_output(account, found, audience, names), None)
        names, answer = await ask(
            SegmentNames,
            system=system_prompt(NAME, self._brand(ctx, given)),
            task=TASK,
            blocks=[*account_blocks(account, given), *segment_blocks(account, found, audience)],
            model="sonnet",
            label="segment names",
            max_tokens=4096,
        )
        return result_of(_output(account, found, audience, names), answer)


def segment_blocks(account: AccountData, found: Segments, audience: AudienceFigures) -> list[str]:
    """The segments, with a few captions of each, newest first, in a block of their own."""
    by_id = {post.id: post for post in account.posts}
    sample = [post_id for segment in found.segments for post_id in segment.post_ids[:CAPTIONS_PER_SEGMENT]]
    shown = [
        segment.model_dump(exclude={"post_ids"}) | {"sample": segment.post_ids[:CAPTIONS_PER_SEGMENT]}
        for segment in found.segments
    ]
    counts = {"posts_analysed": found.posts_analysed, "unclustered_posts": found.unclustered_posts}
    common = [one.model_dump() for one in found.common_hashtags]
    return [
        data_block("counts", counts | {"engagement_basis": found.engagement_basis}),
        data_block("segments", shown, untrusted=True),
        data_block("common_hashtags", common, untrusted=True),
        data_block("audience", audience.model_dump()),
        captions_block("captions", {post_id: by_id[post_id] for post_id in sample}, 60),
    ]


def named(segments: Sequence[Segment], names: SegmentNames) -> tuple[NamedSegment, ...]:
    """Our segments with the model's words. A name for a segment that is not ours is dropped."""
    words = {one.segment_id: one for one in reversed(names.segments)}
    return tuple(_named(segment, words.get(segment.segment_id)) for segment in segments)


def _named(segment: Segment, words: SegmentName | None) -> NamedSegment:
    figures = segment.model_dump()
    if words is None or not words.name:
        tags = " ".join(f"#{tag}" for tag in segment.hashtags[:3])
        return NamedSegment(**figures, name=tags, description="", content_angle="", named_by="rules")
    return NamedSegment(**figures, **words.model_dump(exclude={"segment_id"}), named_by="model")


def _output(account: AccountData, found: Segments, audience: AudienceFigures, names: SegmentNames) -> dict[str, object]:
    return MapperOutput(
        **head_of(account, found.reason),
        posts_analysed=found.posts_analysed,
        engagement_basis=found.engagement_basis,
        segments=named(found.segments, names),
        unclustered_posts=found.unclustered_posts,
        common_hashtags=found.common_hashtags,
        audience=audience,
        summary=names.summary,
    ).model_dump(mode="json")

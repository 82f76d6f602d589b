"""creator_outreach: finds creators whose audience is like ours, and drafts a message to each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from shared.agents.asking import ask, system_prompt
from shared.agents.audit import brand_of
from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.campaign import (
    CampaignInput,
    CampaignOutput,
    ProposalShown,
    banned_of,
    brand_facts,
    offered,
    request_block,
    result_of_all,
    segments_block,
    titled,
)
from shared.agents.outreach_messages import MessageDraft, OutreachMessage, message_of, message_problems
from shared.agents.quoting import excerpt, lines
from shared.agents.records import STORED, Brand, Records
from shared.agents.scores.aimed import AimedSegment
from shared.agents.scores.audience import AudienceFigures
from shared.agents.scores.overlap import Overlap, overlap_of, ranked
from shared.core.canonical import JsonObject
from shared.core.proposals import ProposedEffect
from shared.effects.send_message import SendMessage
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult
from shared.providers.records import Creator, Creators
from shared.providers.shop import search_creators

NAME = "creator_outreach"
SEARCHES = 3
FOUND_EACH = 20
TASK = "Write a message to this creator."
AGAIN = "Your message cannot be sent, as `problems` says. Write it again without these."


class OutreachInput(CampaignInput):
    """`offer` is all that creators may be offered. `commission_percent` is of the sales of `product_ids`."""

    audience: AudienceFigures | None = None
    offer: str = Field("", max_length=2_000)
    product_ids: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field((), max_length=50)
    commission_percent: Decimal | None = Field(None, ge=1, le=80, decimal_places=2)
    max_creators: int = Field(5, ge=1, le=20)
    min_followers: int = Field(5000, ge=0, le=1_000_000_000)
    max_followers: int = Field(250_000, ge=1, le=1_000_000_000)

    @field_validator("commission_percent")
    @classmethod
    def _is_of_products(cls, percent: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if percent is not None and not info.data.get("product_ids"):
            raise PydanticCustomError("commission_percent", "a commission is of products: give product_ids")
        return percent

    @field_validator("max_followers")
    @classmethod
    def _is_a_range(cls, most: int, info: ValidationInfo) -> int:
        least = info.data.get("min_followers")
        if least is not None and most < least:
            raise PydanticCustomError("max_followers", "must be min_followers or more")
        return most


class RankedCreator(BaseModel):
    """One creator with what their audience shares with ours, each part with its evidence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int | None
    open_id: str
    handle: str
    nickname: str
    followers: int | None
    region: str | None
    categories: tuple[str, ...]
    average_views: int | None
    engagement_rate: float | None
    units_sold_30d: int | None
    overlap: Overlap
    risks: tuple[str, ...]

    @classmethod
    def of(cls, rank: int | None, creator: Creator, overlap: Overlap) -> Self:
        return cls(
            rank=rank,
            open_id=creator.open_id,
            handle=excerpt(creator.handle, 64),
            nickname=excerpt(creator.nickname or "", 100),
            followers=creator.followers,
            region=creator.region,
            categories=tuple(excerpt(one, 60) for one in creator.categories[:10]),
            average_views=creator.average_views,
            engagement_rate=creator.engagement_rate,
            units_sold_30d=creator.units_sold_30d,
            overlap=overlap,
            risks=risks_of(creator),
        )


class OutreachOutput(CampaignOutput):
    """Creators, the most alike first, those whose likeness is unknown after them; a message to each of the first."""

    creators_found: int
    creators_left_out: int
    creators: tuple[RankedCreator, ...]
    messages: tuple[OutreachMessage, ...]
    proposed_effects: tuple[ProposalShown, ...]
    summary: str


class CreatorOutreachAgent(BaseAgent):
    """Likeness and rank in Python; one Sonnet call for each creator, and one more where its message fails a check."""

    name = NAME
    Input = OutreachInput
    Output = OutreachOutput

    def __init__(self, records: Records = STORED) -> None:
        self._records = records

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(OutreachInput, ctx.input)
        brand = brand_of(self._records, ctx.workspace_id, given.brand_id or ctx.brand_id)
        found = await found_creators(given)
        fitting = [one for one in found.creators if _has_the_size(one, given)]
        measured = [(one, overlap_of(one, given.segments, given.audience)) for one in fitting]
        order = ranked(measured)
        writer = _Writer(given, brand)
        messages = await writer.written(order[: given.max_creators])
        shown = offered(ctx, [_effect(message, given) for message in messages if not message.problems])
        unknown = [one for one in measured if one[1].value is None]
        listed = [RankedCreator.of(place, *one) for place, one in enumerate(order, start=1)]
        listed += [RankedCreator.of(None, *one) for one in unknown]
        return result_of_all(_output(found, listed, messages, shown), writer.answers)


async def found_creators(given: OutreachInput) -> Creators:
    """Creators near the leading hashtag of each of the first segments, each once; near no word without segments."""
    words = dict.fromkeys(tag for segment in given.segments[:SEARCHES] for tag in segment.hashtags[:1])
    answers = [
        await search_creators(
            word, min_followers=given.min_followers, max_followers=given.max_followers, limit=FOUND_EACH
        )
        for word in words or [""]
    ]
    once = {one.open_id: one for answer in reversed(answers) for one in reversed(answer.creators)}
    notes = tuple(dict.fromkeys(note for answer in answers for note in answer.notes))
    return answers[0].model_copy(update={"creators": tuple(reversed(once.values())), "notes": notes})


def _has_the_size(creator: Creator, given: OutreachInput) -> bool:
    """An unknown number of followers is no reason to leave somebody out, and none to take them: they are left out."""
    return creator.followers is not None and given.min_followers <= creator.followers <= given.max_followers


def risks_of(creator: Creator) -> tuple[str, ...]:
    """What a person should know before writing: figures that are unknown, or low."""
    found = []
    if creator.engagement_rate is None:
        found.append("engagement is unknown")
    elif creator.engagement_rate < 0.01:
        found.append(f"engagement is {creator.engagement_rate:.2%} of views")
    if creator.units_sold_30d is None:
        found.append("sales are unknown")
    elif creator.units_sold_30d == 0:
        found.append("sold nothing in 30 days")
    return tuple(found)


class _Writer:
    """Asks for messages and keeps the answers, whose cost is the agent's."""

    def __init__(self, given: OutreachInput, brand: Brand | None) -> None:
        self._given, self._brand = given, brand
        self.answers: list[ClaudeResult] = []

    async def written(self, chosen: Sequence[tuple[Creator, Overlap]]) -> list[OutreachMessage]:
        """The first creator alone, so that the prompt is in the cache for all others; these side by side."""
        first = [await self._message(*one) for one in chosen[:1]]
        rest = await asyncio.gather(*(self._message(*one) for one in chosen[1:]))
        self.answers += [answer for _, answers in (*first, *rest) for answer in answers]
        return [message for message, _ in (*first, *rest)]

    async def _message(self, creator: Creator, overlap: Overlap) -> tuple[OutreachMessage, list[ClaudeResult]]:
        blocks = creator_blocks(creator, overlap, self._given)
        draft, answer = await self._asked(TASK, blocks)
        problems = self._problems(draft, creator)
        if not problems:
            return message_of(creator, draft, problems), [answer]
        told = data_block("problems", list(problems), untrusted=True)
        draft, again = await self._asked(AGAIN, [*blocks, data_block("draft", draft.body, untrusted=True), told])
        return message_of(creator, draft, self._problems(draft, creator)), [answer, again]

    async def _asked(self, task: str, blocks: Sequence[str]) -> tuple[MessageDraft, ClaudeResult]:
        return await ask(
            MessageDraft,
            system=system_prompt(NAME, self._brand),
            task=task,
            blocks=blocks,
            model="sonnet",
            label="message",
            max_tokens=2048,
        )

    def _problems(self, draft: MessageDraft, creator: Creator) -> tuple[str, ...]:
        given = self._given
        source = {
            "creator": creator.model_dump(mode="json"),
            "sender": given.handle,
            "offer": given.offer,
            "commission": _commission(given),
            "brand": brand_facts(self._brand),
        }
        return message_problems(draft.body, creator, source, banned_of(self._brand))


def creator_blocks(creator: Creator, overlap: Overlap, given: OutreachInput) -> list[str]:
    """One creator as blocks. What creators say of themselves is theirs, and untrusted."""
    facts = creator.model_dump(mode="json", exclude={"open_id", "gmv_usd_30d"})
    facts |= {"handle": excerpt(creator.handle, 64), "nickname": excerpt(creator.nickname or "", 100)}
    offer = {"offer": lines(given.offer, 2000), "commission": _commission(given)}
    aimed = [one for one in given.segments if one.segment_id in overlap.segment_ids]
    return [
        request_block(given),
        data_block("sender", {"handle": given.handle.strip().removeprefix("@").lower()}),
        data_block("offer", offer),
        data_block("creator", facts, untrusted=True),
        data_block("overlap", overlap.model_dump(mode="json"), untrusted=True),
        segments_block((aimed or list[AimedSegment](given.segments))[:3]),
    ]


def _commission(given: OutreachInput) -> str:
    """The commission in words; empty where none is offered."""
    return "" if given.commission_percent is None else f"{given.commission_percent.normalize():f} % commission"


def _terms(given: OutreachInput) -> str:
    return f", offering {_commission(given)}" if given.commission_percent is not None else ""


def _effect(message: OutreachMessage, given: OutreachInput) -> ProposedEffect:
    payload = SendMessage(
        creator_open_id=message.creator_open_id,
        creator_handle=message.handle,
        body=message.body,
        product_ids=given.product_ids[:5] if given.commission_percent is not None else (),
        commission_percent=given.commission_percent,
    )
    return ProposedEffect(
        kind="send_message",
        key=f"message:{message.creator_open_id}",
        title=titled(f"Write to @{message.handle}{_terms(given)}"),
        payload=payload.model_dump(mode="json"),
    )


def _output(
    found: Creators,
    listed: Sequence[RankedCreator],
    messages: Sequence[OutreachMessage],
    shown: tuple[ProposalShown, ...],
) -> JsonObject:
    known = sum(one.rank is not None for one in listed)
    reason = None
    if not listed:
        reason = f"none of the {len(found.creators)} creators found has a fitting number of followers"
    elif not known:
        reason = f"the likeness of none of the {len(listed)} creators is known: {listed[0].overlap.reason}"
    return OutreachOutput(
        source=found.source,
        source_name=found.source_name,
        source_notes=found.notes,
        status="ok" if reason is None else "not_enough_data",
        reason=reason,
        creators_found=len(found.creators),
        creators_left_out=len(found.creators) - len(listed),
        creators=tuple(listed),
        messages=tuple(messages),
        proposed_effects=shown,
        summary=in_short(listed, messages, shown, reason),
    ).model_dump(mode="json")


def in_short(
    listed: Sequence[RankedCreator],
    messages: Sequence[OutreachMessage],
    shown: Sequence[ProposalShown],
    reason: str | None,
) -> str:
    """The result in one sentence of ours."""
    if reason is not None:
        return f"No message is proposed: {reason}."
    best = listed[0]
    failed = len(messages) - len(shown)
    left = f" {failed} drafts failed the checks and are not proposed." if failed else ""
    likeness = f"{best.overlap.value or 0:.1%}"
    return (
        f"{len(shown)} messages are proposed, to the most alike of {len(listed)} creators; "
        f"@{best.handle} comes first with a likeness of {likeness}.{left}"
    )

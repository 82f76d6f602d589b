"""The texts of ads: which are needed, what a model writes for them, and what the checks say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.agents.creatives import Creative
from shared.agents.quoting import Said, excerpt
from shared.agents.scores.ad_plan import Share
from shared.agents.scores.aimed import AimedSegment
from shared.agents.scores.texts import problems_of
from shared.core.canonical import JsonObject
from shared.effects.launch_campaign import CallToAction

TEXT_MOST = 100  # characters that TikTok takes in an ad
MOST_ADS = 20  # of one campaign


class AdDraft(BaseModel):
    """One ad's text as the model writes it. It is not cut: one that is too long is refused."""

    model_config = ConfigDict(extra="forbid")

    ad_id: str
    text: Annotated[str, AfterValidator(lambda text: excerpt(text, 1000))]
    call_to_action: CallToAction


class AdWords(BaseModel):
    """What the model is asked for: a summary, why the plan is as it is, and a text for each ad."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    rationale: Annotated[str, AfterValidator(lambda text: excerpt(text, 1500))]
    ads: list[AdDraft]


class PlannedAd(BaseModel):
    """One ad: what it shows, whom its text speaks to, and what the checks found. With a problem it is left out.

    `campaign` is the segment of its campaign; None where one campaign serves all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ad_id: str
    campaign: str | None
    creative_id: str
    segment_id: str | None
    text: str = ""
    call_to_action: CallToAction = "learn_more"
    problems: tuple[str, ...] = ()


def planned_ads(
    creatives: Sequence[Creative], segments: Sequence[AimedSegment], split: Sequence[Share], variants: int
) -> tuple[PlannedAd, ...]:
    """The ads to write: each creative with a text for each of the first segments, at most 20 in one campaign. Where a
    segment has a campaign of its own, its ads speak to it alone."""
    ads: list[PlannedAd] = []
    for share in split:
        aimed: list[str | None] = [one.segment_id for one in segments[:variants]] or [None]
        own = [share.segment_id] if share.segment_id else aimed
        pairs = [(creative.creative_id, segment) for creative in creatives for segment in own]
        for creative_id, segment_id in pairs[:MOST_ADS]:
            place = len(ads) + 1
            ads.append(
                PlannedAd(ad_id=f"a{place}", campaign=share.segment_id, creative_id=creative_id, segment_id=segment_id)
            )
    return tuple(ads)


def ad_source(notes: str, landing_url: str | None, titles: Sequence[str], brand: JsonObject) -> JsonObject:
    """All that an ad may claim: what the brief, the brand and the approved posts say."""
    return {"notes": notes, "landing_url": landing_url, "titles": list(titles), "brand": brand}


def judged_ads(
    ads: Sequence[PlannedAd], words: AdWords, source: JsonObject, banned_terms: Sequence[str]
) -> tuple[PlannedAd, ...]:
    """The ads with their texts and what is wrong with them. A text for an ad that is not ours is dropped."""
    by_id = {one.ad_id: one for one in reversed(words.ads)}
    return tuple(_judged(ad, by_id.get(ad.ad_id), source, banned_terms) for ad in ads)


def _judged(ad: PlannedAd, draft: AdDraft | None, source: JsonObject, banned_terms: Sequence[str]) -> PlannedAd:
    if draft is None:
        return ad.model_copy(update={"problems": ("the model wrote no text for it",)})
    problems = problems_of(draft.text, most=TEXT_MOST, source=source, banned_terms=banned_terms)
    text = excerpt(draft.text, 300)
    return ad.model_copy(update={"text": text, "call_to_action": draft.call_to_action, "problems": problems})

"""ad_campaign_director: plans objective, audience, budget, schedule and creatives, and proposes to launch it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from shared.agents.ad_films import FilmInput, MadeFilms, PlannedFilm, made_films
from shared.agents.ad_texts import AdWords, PlannedAd, ad_source, judged_ads, planned_ads
from shared.agents.asking import ask, system_prompt
from shared.agents.audit import brand_of
from shared.agents.base import AgentContext, AgentOutput, AgentResult, BaseAgent
from shared.agents.campaign import (
    ProposalShown,
    audit_blocks,
    banned_of,
    brand_facts,
    offered,
    request_block,
    result_of_all,
    segments_block,
    titled,
)
from shared.agents.creatives import Creative, GateEffect, MadeAsset, creatives_of
from shared.agents.footage import Footage
from shared.agents.quoting import excerpt
from shared.agents.records import STORED, Brand, Records
from shared.agents.scores.ad_plan import (
    Aim,
    Budget,
    Reach,
    Share,
    aim_of,
    budget_of,
    least_campaign_usd,
    reach_of,
    too_small,
)
from shared.agents.scores.audience import AudienceFigures
from shared.config import current_settings
from shared.core.canonical import JsonObject
from shared.core.proposals import ProposedEffect
from shared.effects.launch_campaign import Ad, AdAudience, AdSchedule, LaunchCampaign, Objective
from shared.errors import InvalidInputError
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult

NAME = "ad_campaign_director"
TASK = "Write the rationale of this plan, and a text for each ad."
AGAIN = "Some of your ad texts cannot be used, as `problems` says. Write the rationale and all ad texts again."
NEEDS_PAGE = ("traffic", "conversions")
HOLD_REASON = (
    "the account's shadowban risk is high, and money would buy reach that is held back; "
    "launch again when account_health tells a lower risk"
)
MOCK_ADVERTISER = "mock_advertiser"


class DirectorInput(FilmInput):
    """`ad_budget_usd` is the most that the campaign may spend in all. `published` and `assets` are what the steps
    before it made; `past_cpm_usd` is what 1,000 views cost in past campaigns, if that is known. Where account_health
    found a high shadowban risk (`hold_paid_amplification`), nothing is proposed (X33)."""

    audience: AudienceFigures | None = None
    published: tuple[GateEffect, ...] = Field((), max_length=100)
    assets: tuple[MadeAsset, ...] = Field((), max_length=100)
    ad_days: int = Field(7, ge=1, le=90)
    ad_budget_usd: Decimal = Field(gt=0, le=1_000_000, decimal_places=2)
    objective: Objective = "reach"
    landing_url: str | None = Field(None, pattern=r"^https?://[^\s]+$", max_length=1_000, validate_default=True)
    advertiser_id: str = Field("", pattern=r"^[0-9A-Za-z_-]{0,64}$")
    countries: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = Field(("US",), min_length=1, max_length=20)
    starts_on: date | None = None
    past_cpm_usd: tuple[Annotated[Decimal, Field(gt=0, le=10_000)], ...] = Field((), max_length=100)
    hold_paid_amplification: bool = False
    daily_cap_usd: Decimal | None = Field(None, gt=0, le=1_000_000)
    campaigns: int = Field(1, ge=1, le=5)
    creative_variants: int = Field(3, ge=1, le=10)

    @field_validator("ad_budget_usd")
    @classmethod
    def _pays_for_the_days(cls, budget: Decimal, info: ValidationInfo) -> Decimal:
        days = info.data.get("ad_days")
        if days is not None and budget < least_campaign_usd(days):
            raise PydanticCustomError("ad_budget_usd", "{told}", {"told": too_small(budget, days)})
        return budget

    @field_validator("landing_url")
    @classmethod
    def _page_where_one_is_needed(cls, url: str | None, info: ValidationInfo) -> str | None:
        objective = info.data.get("objective")
        if url is None and objective in NEEDS_PAGE:
            raise PydanticCustomError(
                "landing_url", "an objective of {objective} needs a page to lead to", {"objective": objective}
            )
        return url


class AdPlan(BaseModel):
    """The plan. Every figure is computed; `rationale` alone is a model's. `ads` name their campaign by segment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Objective
    aim: Aim
    budget: Budget
    reach: Reach
    starts_on: date | None
    days: int
    creatives: tuple[Creative, ...]
    missing_creatives: tuple[str, ...]
    ads: tuple[PlannedAd, ...]
    rationale: str
    stop_rules: tuple[str, ...]


class DirectorOutput(AgentOutput):
    """The plan, the films that Studio made for it, what it spends, and what is proposed. `reason`: why nothing is."""

    status: str
    reason: str | None
    plan: AdPlan
    films: tuple[PlannedFilm, ...]
    assets: tuple[Footage, ...]
    studio_cost_usd: Decimal
    planned_spend_usd: Decimal
    proposed_effects: tuple[ProposalShown, ...]
    summary: str


class AdCampaignDirectorAgent(BaseAgent):
    """Budget, audience and reach in Python; one Sonnet call for rationale and ad texts, and one more if they fail. As
    many for the plans of films, where Studio is to make some."""

    name = NAME
    Input = DirectorInput
    Output = DirectorOutput

    def __init__(self, records: Records = STORED) -> None:
        self._records = records

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(DirectorInput, ctx.input)
        advertiser_id = advertiser_of(given)
        brand = brand_of(self._records, ctx.workspace_id, given.brand_id or ctx.brand_id)
        if given.hold_paid_amplification:
            none = MadeFilms()
            return _result(_nothing(plan_of(given), none, HOLD_REASON, "on_hold"), none, [])
        films = await made_films(ctx, given, brand, creatives_of(given.published, given.assets)[0])
        plan = plan_of(given, films)
        if not plan.ads:
            told = "there is no published post and no video that an ad could show"
            return _result(_nothing(plan, films, told), films, [])
        words, answers = await worded(given, plan, brand)
        plan = plan.model_copy(update={"ads": judged_ads(plan.ads, words, _source(given, brand), banned_of(brand))})
        plan = plan.model_copy(update={"rationale": words.rationale})
        effects = launches(given, plan, advertiser_id)
        if effects:
            return _result(_output(plan, films, offered(ctx, effects), words.summary, None), films, answers)
        return _result(_nothing(plan, films, "no ad text passed the checks"), films, answers)


def _result(output: JsonObject, films: MadeFilms, answers: Sequence[ClaudeResult]) -> AgentResult:
    """The output with what all calls cost, renders among them."""
    result = result_of_all(output, [*films.answers, *answers])
    return replace(result, cost_usd=result.cost_usd + films.paid_usd)


def advertiser_of(given: DirectorInput) -> str:
    """The ad account that pays. Mock mode has one of its own."""
    if given.advertiser_id:
        return given.advertiser_id
    if current_settings().tiktok_provider_mode == "real":
        raise InvalidInputError("advertiser_id", "name the ad account that pays for the campaign")
    return MOCK_ADVERTISER


def plan_of(given: DirectorInput, films: MadeFilms | None = None) -> AdPlan:
    """The whole plan but its words. `films` are shown beside the posts and videos that were there."""
    creatives, missing = creatives_of(given.published, given.assets)
    if films is not None:
        creatives, missing = [*creatives, *films.creatives], [*missing, *films.missing]
    budget = budget_of(
        given.ad_budget_usd,
        days=given.ad_days,
        campaigns=given.campaigns,
        segments=given.segments,
        daily_cap_usd=given.daily_cap_usd,
    )
    audience = given.audience
    return AdPlan(
        objective=given.objective,
        aim=aim_of(
            audience.age_shares if audience else {}, audience.gender_shares if audience else {}, given.countries
        ),
        budget=budget,
        reach=reach_of(budget.planned_usd, given.past_cpm_usd),
        starts_on=given.starts_on,
        days=given.ad_days,
        creatives=tuple(creatives),
        missing_creatives=tuple(missing),
        ads=planned_ads(creatives, given.segments, budget.split, given.creative_variants),
        rationale="",
        stop_rules=_stop_rules(budget),
    )


def _stop_rules(budget: Budget) -> tuple[str, ...]:
    """When a person should stop it early. They rest on the plan's own figures, for no others are known."""
    return (
        f"Stop when ${budget.planned_usd:f} are spent, or after {budget.days} days. TikTok keeps to a lifetime budget.",
        "Stop an ad that TikTok rejects, and change its text before it is shown again.",
        "Stop all ads while account_health tells a high shadowban risk.",
    )


async def worded(given: DirectorInput, plan: AdPlan, brand: Brand | None) -> tuple[AdWords, list[ClaudeResult]]:
    """The rationale and the ad texts. Where a text has a problem, all are asked for once more, with the problems."""
    words, answer = await _asked(TASK, given, plan, brand, [])
    found = judged_ads(plan.ads, words, _source(given, brand), banned_of(brand))
    problems = {ad.ad_id: list(ad.problems) for ad in found if ad.problems}
    if not problems:
        return words, [answer]
    second, again = await _asked(AGAIN, given, plan, brand, [data_block("problems", problems, untrusted=True)])
    return _better(words, second, problems), [answer, again]


def _better(first: AdWords, second: AdWords, problems: Mapping[str, object]) -> AdWords:
    """The second words, but the first texts where those had no problem."""
    good = [one for one in first.ads if one.ad_id not in problems]
    return second.model_copy(update={"ads": [*good, *(one for one in second.ads if one.ad_id in problems)]})


async def _asked(
    task: str, given: DirectorInput, plan: AdPlan, brand: Brand | None, more: Sequence[str]
) -> tuple[AdWords, ClaudeResult]:
    return await ask(
        AdWords,
        system=system_prompt(NAME, brand),
        task=task,
        blocks=[*plan_blocks(given, plan), *more],
        model="sonnet",
        label="ad texts",
        max_tokens=4096,
    )


def plan_blocks(given: DirectorInput, plan: AdPlan) -> list[str]:
    """The plan as blocks. Titles of posts and names of segments were made from what strangers wrote."""
    drafts = [ad.model_dump(include={"ad_id", "creative_id", "segment_id"}) for ad in plan.ads]
    shown = [
        {"creative_id": one.creative_id, "source": one.source, "is_post": one.post_id is not None}
        for one in plan.creatives
    ]
    figures = plan.model_dump(mode="json", include={"objective", "aim", "budget", "reach", "starts_on", "days"})
    return [
        request_block(given, landing_url=given.landing_url or ""),
        data_block("plan", figures),
        data_block("ads", drafts),
        data_block("creatives", shown, untrusted=True),
        data_block("missing_creatives", list(plan.missing_creatives), untrusted=True),
        segments_block(given.segments[:6]),
        *audit_blocks(given),
    ]


def _source(given: DirectorInput, brand: Brand | None) -> JsonObject:
    return ad_source(given.notes, given.landing_url, [effect.title for effect in given.published], brand_facts(brand))


def launches(given: DirectorInput, plan: AdPlan, advertiser_id: str) -> list[ProposedEffect]:
    """One proposal for each part of the budget that has an ad to show."""
    creatives = {one.creative_id: one for one in plan.creatives}
    proposed = []
    for share in plan.budget.split:
        ads = [ad for ad in plan.ads if ad.campaign == share.segment_id and not ad.problems]
        if ads:
            made = [_ad(ad, creatives[ad.creative_id], given) for ad in ads]
            proposed.append(_launch(given, plan, share, made, advertiser_id))
    return proposed


def _launch(given: DirectorInput, plan: AdPlan, share: Share, ads: Sequence[Ad], advertiser_id: str) -> ProposedEffect:
    starts_at = None if plan.starts_on is None else datetime.combine(plan.starts_on, time(), UTC)
    handle = given.handle.strip().removeprefix("@").lower()
    payload = LaunchCampaign(
        advertiser_id=advertiser_id,
        name=excerpt(" ".join(filter(None, [handle, plan.objective, share.segment_id])), 200),
        objective=plan.objective,
        budget_usd=share.budget_usd,
        schedule=AdSchedule(starts_at=starts_at, days=plan.days),
        audience=AdAudience.model_validate(plan.aim.model_dump(include={"age_groups", "gender", "countries"})),
        ads=tuple(ads),
    )
    return ProposedEffect(
        kind="launch_campaign",
        key=f"campaign:{share.segment_id}" if share.segment_id else "campaign",
        title=titled(
            f"Launch a campaign for {plan.objective.replace('_', ' ')}: {len(ads)} ads, {plan.days} days, "
            f"at most ${payload.most_usd:f}"
        ),
        payload=payload.model_dump(mode="json"),
        amount_usd=payload.most_usd,
    )


def _ad(ad: PlannedAd, creative: Creative, given: DirectorInput) -> Ad:
    return Ad(
        name=ad.ad_id,
        post_id=creative.post_id,
        asset=creative.asset,
        text=ad.text,
        call_to_action=ad.call_to_action,
        landing_url=given.landing_url,
    )


def _nothing(plan: AdPlan, films: MadeFilms, reason: str, status: str = "not_enough_data") -> JsonObject:
    return _output(plan, films, (), f"No campaign is proposed: {reason}.", reason, status)


def _output(
    plan: AdPlan,
    films: MadeFilms,
    shown: tuple[ProposalShown, ...],
    summary: str,
    reason: str | None,
    status: str = "ok",
) -> JsonObject:
    return DirectorOutput(
        status=status,
        reason=reason,
        plan=plan,
        films=films.planned,
        assets=films.footage,
        studio_cost_usd=films.cost_usd,
        planned_spend_usd=sum((one.amount_usd or Decimal(0) for one in shown), Decimal(0)),
        proposed_effects=shown,
        summary=summary,
    ).model_dump(mode="json")

"""listing_optimizer: finds listings that sell below their views, has them rewritten, checks and scores each version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, system_prompt
from shared.agents.audit import brand_of
from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.campaign import (
    CampaignInput,
    CampaignOutput,
    ProposalShown,
    offered,
    request_block,
    result_of_all,
    segments_block,
)
from shared.agents.listing_versions import (
    DESCRIPTION_MOST,
    ListingVersions,
    Rewrite,
    checked,
    judged,
    listing_effect,
    source_of,
)
from shared.agents.quoting import Said, excerpt
from shared.agents.records import STORED, Brand, Records
from shared.agents.scores.listings import (
    HASHTAGS_MOST,
    TITLE_MOST,
    ListingFigures,
    ShopFigures,
    said_words,
    shop_figures,
    unsaid_words,
    weakest_first,
)
from shared.core.canonical import JsonObject
from shared.errors import InvalidInputError
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult
from shared.providers.records import Product, Products
from shared.providers.shop import read_products

NAME = "listing_optimizer"
MOST_READ = 200
WRITE = "Write new versions of this listing."
SUM_UP = "Say in short what the rewrites below change, and why."


class OptimizerInput(CampaignInput):
    """`product_ids`: only these listings; none: those with a weakness. `max_listings` are rewritten at most, each in
    `variants` versions."""

    product_ids: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field((), max_length=50)
    max_listings: int = Field(10, ge=1, le=50)
    variants: int = Field(2, ge=1, le=5)


class RewriteReason(BaseModel):
    """Why one rewrite is worth a person's approval."""

    model_config = ConfigDict(extra="forbid")

    product_id: str
    reason: Said


class RewriteSummary(BaseModel):
    """What the second model is asked for: the result in short, and a reason for each proposed rewrite."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    reasons: list[RewriteReason]


class OptimizerOutput(CampaignOutput):
    """The figures of the shop's listings, the rewrites, and what is proposed."""

    listings_checked: int
    listings_not_on_sale: int
    underperforming: int
    median_click_rate: float | None
    median_conversion: float | None
    listings: tuple[ListingFigures, ...]
    rewrites: tuple[Rewrite, ...]
    proposed_effects: tuple[ProposalShown, ...]
    summary: str


class ListingOptimizerAgent(BaseAgent):
    """Figures, checks and scores in Python; one Haiku call for each listing, and one Sonnet call for the summary."""

    name = NAME
    Input = OptimizerInput
    Output = OptimizerOutput

    def __init__(self, records: Records = STORED) -> None:
        self._records = records

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        given = self.parse_input(OptimizerInput, ctx.input)
        brand = brand_of(self._records, ctx.workspace_id, given.brand_id or ctx.brand_id)
        shop = await self._shop(given)
        figures = shop_figures(shop)
        chosen = chosen_listings(figures, given)
        products = {product.id: product for product in shop.products}
        rewriter = _Rewriter(given, brand)
        rewrites = await rewriter.rewritten([(products[one.product_id], one) for one in chosen])
        told = await rewriter.summed_up(figures, rewrites)
        rewrites = _with_reasons(rewrites, told)
        shown = offered(ctx, [listing_effect(one) for one in rewrites if one.proposed is not None])
        output = _output(shop, figures, rewrites, shown, told.summary)
        return result_of_all(output, rewriter.answers)

    async def _shop(self, given: OptimizerInput) -> Products:
        """The shop's listings. A named one is read by itself where the shop has more than were read."""
        shop = await read_products(given.handle, limit=MOST_READ)
        known = {product.id for product in shop.products}
        missing = tuple(product_id for product_id in given.product_ids if product_id not in known)
        if not missing or len(shop.products) < MOST_READ:
            return shop
        more = await read_products(given.handle, product_ids=missing)
        return shop.model_copy(update={"products": (*shop.products, *more.products)})


def chosen_listings(figures: ShopFigures, given: OptimizerInput) -> list[ListingFigures]:
    """The listings to rewrite: those that are named, else the weakest whose weakness words can mend."""
    if not given.product_ids:
        mendable = [one for one in weakest_first(figures.listings) if any(weak.by_text for weak in one.weak)]
        return mendable[: given.max_listings]
    by_id = {one.product_id: one for one in figures.listings}
    for product_id in given.product_ids:
        if product_id not in by_id:
            known = ", ".join(list(by_id)[:20]) or "none"
            raise InvalidInputError(
                "product_ids", f"there is no listing {product_id!r} on sale in this shop; on sale: {known}"
            )
    return [by_id[product_id] for product_id in dict.fromkeys(given.product_ids)][: given.max_listings]


class _Rewriter:
    """Asks for versions and keeps the answers, whose cost is the agent's."""

    def __init__(self, given: OptimizerInput, brand: Brand | None) -> None:
        self._given, self._brand = given, brand
        self.answers: list[ClaudeResult] = []

    async def rewritten(self, chosen: Sequence[tuple[Product, ListingFigures]]) -> list[Rewrite]:
        """The first listing alone, so that its prompt is in the cache for all others; these side by side."""
        first = [await self._asked(*one) for one in chosen[:1]]
        rest = await asyncio.gather(*(self._asked(*one) for one in chosen[1:]))
        self.answers += [answer for _, answer in (*first, *rest)]
        return [rewrite for rewrite, _ in (*first, *rest)]

    async def _asked(self, product: Product, figures: ListingFigures) -> tuple[Rewrite, ClaudeResult]:
        found, answer = await ask(
            ListingVersions,
            system=system_prompt(NAME, self._brand),
            task=WRITE,
            blocks=listing_blocks(product, figures, self._given),
            model="haiku",
            label="versions",
            max_tokens=8192,
        )
        versions = [
            checked(one, product, self._brand, self._given.segments) for one in found.versions[: self._given.variants]
        ]
        return judged(product, figures, versions), answer

    async def summed_up(self, figures: ShopFigures, rewrites: Sequence[Rewrite]) -> RewriteSummary:
        """The summary and the reasons; without a proposed rewrite there is nothing to ask about."""
        proposed = [one for one in rewrites if one.proposed is not None]
        if not proposed:
            return RewriteSummary(summary=in_short(figures, rewrites), reasons=[])
        told, answer = await ask(
            RewriteSummary,
            system=system_prompt(f"{NAME}.summary", self._brand),
            task=SUM_UP,
            blocks=[request_block(self._given), *summary_blocks(figures, rewrites)],
            model="sonnet",
            label="summary",
            max_tokens=4096,
        )
        self.answers.append(answer)
        return told


def listing_blocks(product: Product, figures: ListingFigures, given: OptimizerInput) -> list[str]:
    """One listing as blocks. Its texts, and the words that people search for, were written by strangers."""
    measured = figures.model_dump(mode="json", include={"views", "clicks", "units_sold", "click_rate", "conversion"})
    limits = {"versions": given.variants, "title_most": TITLE_MOST, "description_most": DESCRIPTION_MOST}
    return [
        request_block(given),
        data_block("limits", limits | {"hashtags_most": HASHTAGS_MOST}),
        data_block("listing", source_of(product), untrusted=True),
        data_block("figures", measured | {"present_score": figures.score}),
        data_block("weak", [one.model_dump() for one in figures.weak], untrusted=True),
        data_block("search_words", _search_words(product), untrusted=True),
        segments_block(given.segments[:6]),
    ]


def _search_words(product: Product) -> JsonObject:
    """What people search for, by whether the listing bears it out."""
    found = {"said": said_words(product), "not_said": unsaid_words(product)}
    return {name: [excerpt(word, 60) for word in words] for name, words in found.items()}


def summary_blocks(figures: ShopFigures, rewrites: Sequence[Rewrite]) -> list[str]:
    """What was found and what is proposed. Texts of listings are strangers', or made of them."""
    shown = [_shown(one) for one in rewrites if one.proposed is not None]
    return [data_block("counts", _counts(figures, rewrites)), data_block("rewrites", shown, untrusted=True)]


def _counts(figures: ShopFigures, rewrites: Sequence[Rewrite]) -> JsonObject:
    return {
        "listings_checked": len(figures.listings),
        "underperforming": sum(one.underperforms for one in figures.listings),
        "rewritten": len(rewrites),
        "proposed": sum(one.proposed is not None for one in rewrites),
        "no_version_passed": sum(one.outcome == "no_version_passed" for one in rewrites),
        "no_version_better": sum(one.outcome == "no_version_better" for one in rewrites),
        "no_median": figures.reason,
    }


def _shown(rewrite: Rewrite) -> JsonObject:
    version = rewrite.versions[rewrite.proposed or 0]
    return {
        "product_id": rewrite.product_id,
        "weak": [one.evidence for one in rewrite.weak],
        "present": rewrite.present.model_dump(include={"title", "hashtags"}),
        "present_score": rewrite.present_score,
        "proposed": version.model_dump(mode="json", include={"title", "hashtags", "score", "why"}),
        "description": excerpt(version.description, 400),
    }


def _with_reasons(rewrites: Sequence[Rewrite], told: RewriteSummary) -> list[Rewrite]:
    """A reason for a listing that is not proposed is dropped: why it is not is known without a model."""
    words: Mapping[str, str] = {one.product_id: one.reason for one in reversed(told.reasons)}
    return [
        one if one.proposed is None else one.model_copy(update={"reason": words.get(one.product_id, "")})
        for one in rewrites
    ]


def in_short(figures: ShopFigures, rewrites: Sequence[Rewrite]) -> str:
    """The result in a sentence of ours, where no model was asked for one."""
    if not figures.listings:
        return "Not enough data: the shop has no listing on sale."
    if rewrites:
        return f"None of the {len(rewrites)} rewritten listings has a version to propose."
    if figures.reason:
        return f"No listing was rewritten: no text shows a fault, and sales cannot be judged ({figures.reason})."
    return f"None of the {len(figures.listings)} listings shows a weakness that other words could mend."


def _output(
    shop: Products, figures: ShopFigures, rewrites: Sequence[Rewrite], shown: tuple[ProposalShown, ...], summary: str
) -> JsonObject:
    none_known = figures.median_click_rate is None and figures.median_conversion is None
    reason = figures.reason if figures.listings else "the shop has no listing on sale"
    return OptimizerOutput(
        source=shop.source,
        source_name=shop.source_name,
        source_notes=shop.notes,
        status="not_enough_data" if not figures.listings or none_known else "ok",
        reason=reason,
        listings_checked=len(figures.listings),
        listings_not_on_sale=figures.not_on_sale,
        underperforming=sum(one.underperforms for one in figures.listings),
        median_click_rate=figures.median_click_rate,
        median_conversion=figures.median_conversion,
        listings=figures.listings,
        rewrites=tuple(rewrites),
        proposed_effects=shown,
        summary=summary,
    ).model_dump(mode="json")

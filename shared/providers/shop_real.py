"""TikTok Shop as a source of listings and creators. What its API does not tell is unknown, and the notes say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.errors import EffectRefusedError, ProviderRefusedError
from shared.providers.accounts.access import Asked
from shared.providers.handles import handle_or_none
from shared.providers.listing_html import text_of_html
from shared.providers.records import Creator, Creators, ListingIssue, Product, Products
from shared.providers.text import clean_text
from shared.providers.tiktok_shop import Diagnosed, FoundCreator, ShopApi, ShopListing, shop_api

WINDOW_DAYS = 28
AT_ONCE = 4  # calls for single listings
_TIERS: dict[str, Literal["POOR", "FAIR", "GOOD"]] = {"POOR": "POOR", "FAIR": "FAIR", "GOOD": "GOOD"}
_GENDERS: dict[str, Literal["female", "male"]] = {"FEMALE": "female", "MALE": "male"}


class RealShop:
    """The shop of the run's brand, or of its workspace; the handle is for the trace."""

    def __init__(self, settings: Settings, whose: Asked) -> None:
        self._settings, self._whose = settings, whose

    async def products(self, handle: str, product_ids: tuple[str, ...], limit: int) -> Products:
        now = datetime.now(UTC)
        async with _asking(self._settings, self._whose) as api:
            ids = product_ids[:limit] or tuple(one.id for one in await api.listings(limit))
            listings = await _each(api, ids)
            diagnoses = await api.diagnoses(ids) if ids else {}
            sales = await api.performance((now - timedelta(days=WINDOW_DAYS)).date(), now.date())
        found = tuple(_product(one, diagnoses.get(one.id), sales.get(one.id)) for one in listings)
        notes = ("Views and clicks are not in the shop's list of products: unknown, not zero.",)
        return Products(
            source="real",
            source_name="TikTok Shop",
            as_of=now,
            window_days=WINDOW_DAYS,
            products=found,
            notes=notes,
        )

    async def creators(self, keyword: str, min_followers: int, max_followers: int, limit: int) -> Creators:
        async with _asking(self._settings, self._whose) as api:
            found = await api.creators(keyword, (min_followers, max_followers), limit)
        creators = tuple(_creator(one) for one in found if handle_or_none(one.username) is not None)
        notes = ("The marketplace tells neither languages nor engagement, and categories only as numbers: unknown.",)
        return Creators(
            source="real", source_name="TikTok Shop", as_of=datetime.now(UTC), creators=creators, notes=notes
        )


@asynccontextmanager
async def _asking(settings: Settings, whose: Asked) -> AsyncIterator[ShopApi]:
    """The API for reading: a refusal here is one of a read, not of an effect."""
    try:
        async with shop_api(settings, whose) as api:
            yield api
    except EffectRefusedError as refused:
        raise ProviderRefusedError(refused.reason, refused.message) from refused


async def _each(api: ShopApi, ids: tuple[str, ...]) -> list[ShopListing]:
    """The listings one by one: only then does a description come with them."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(product_id: str) -> ShopListing:
        async with slots:
            return await api.listing(product_id)

    return list(await asyncio.gather(*(one(product_id) for product_id in ids)))


def _product(listing: ShopListing, diagnosed: Diagnosed | None, sales: JsonObject | None) -> Product:
    prices = [price for price in (_usd(sku.get("price"), "sale_price") for sku in listing.skus) if price is not None]
    stock = [int(place.get("quantity") or 0) for sku in listing.skus for place in sku.get("inventory") or ()]
    sold, weak = sales or {}, diagnosed or Diagnosed(id=listing.id)
    return Product(
        id=listing.id,
        title=clean_text(listing.title),
        description=clean_text(text_of_html(listing.description)),
        status=listing.status,
        price_usd=min(prices, default=None),
        stock=sum(stock) if stock else None,
        units_sold=_whole(sold.get("items_sold")),
        gmv_usd=_usd(sold.get("gmv"), "amount"),
        quality_tier=_TIERS.get(str(weak.listing_quality.get("current_tier"))),
        issues=_issues(weak),
        search_words=_suggested(weak, "seo_words"),
        smart_titles=_suggested(weak, "smart_texts", "TITLE"),
    )


def _issues(weak: Diagnosed) -> tuple[ListingIssue, ...]:
    return tuple(
        ListingIssue(field=str(found.get("field")), code=str(one.get("code")), how_to_solve=one.get("how_to_solve"))
        for found in weak.diagnoses
        for one in found.get("diagnosis_results") or ()
    )


def _suggested(weak: Diagnosed, kind: str, field: str | None = None) -> tuple[str, ...]:
    """The shop's suggestions of one kind, each once."""
    texts = [
        clean_text(str(one.get("text")), 300)
        for found in weak.diagnoses
        if field is None or found.get("field") == field
        for one in (found.get("suggestion") or {}).get(kind) or ()
    ]
    return tuple(dict.fromkeys(texts))


def _creator(found: FoundCreator) -> Creator:
    demographics = found.top_follower_demographics or {}
    gender = demographics.get("major_gender") or {}
    share = _whole(gender.get("percentage"))
    units = found.units_sold if found.units_sold is not None else (found.units_sold_range or {}).get("minimum_amount")
    return Creator(
        open_id=found.creator_open_id,
        handle=handle_or_none(found.username) or found.username,
        nickname=None if found.nickname is None else clean_text(found.nickname, 200),
        followers=found.follower_count,
        region=found.selection_region,
        average_views=found.avg_ec_video_view_count,
        units_sold_30d=_whole(units),
        gmv_usd_30d=_usd(found.gmv, "amount"),
        age_ranges=tuple(_ages(str(one)) for one in demographics.get("age_ranges") or ()),
        major_gender=_GENDERS.get(str(gender.get("gender"))),
        major_gender_share=None if share is None else share / 10_000,
    )


def _ages(told: str) -> str:
    """AGE_RANGE_18_24 as 18-24, AGE_RANGE_55_PLUS as 55+."""
    low, _, high = told.removeprefix("AGE_RANGE_").partition("_")
    return f"{low}+" if high in ("PLUS", "ABOVE", "") else f"{low}-{high}"


def _whole(told: Any) -> int | None:
    try:
        return int(told)
    except (TypeError, ValueError):
        return None


def _usd(money: Any, field: str) -> Decimal | None:
    """US dollars, which the API tells as a text; None for another currency."""
    if not isinstance(money, dict) or money.get("currency") != "USD":
        return None
    try:
        return Decimal(str(money.get(field)))
    except InvalidOperation:
        return None

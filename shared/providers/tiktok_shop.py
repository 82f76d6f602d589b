"""TikTok Shop for a seller: listings, what is weak about them and how they sell, creators, and messages to them.

Paths, fields and limits are those of the partner documentation; each path carries its own version.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.errors import EffectUnknownError
from shared.providers.accounts.access import Asked
from shared.providers.calling import read_as, text_of
from shared.providers.tiktok_shop_wire import ShopWire, shop_wire

DIAGNOSED_AT_ONCE = 200
LISTED_AT_ONCE = 100
CREATORS_AT_ONCE = 20  # 12 and 20 are the sizes that there are
MESSAGES_AT_ONCE = 20
_Id = Annotated[str, BeforeValidator(text_of)]


class _Audit(BaseModel):
    status: str | None = None


class ShopListing(BaseModel):
    """A product as the shop keeps it; `description` is HTML, and only there when one product was asked for."""

    id: _Id
    title: str = ""
    description: str = ""
    status: str = ""
    skus: tuple[dict[str, Any], ...] = ()
    listing_quality_tier: str | None = None
    audit: _Audit = _Audit()


class Edited(BaseModel):
    """What came of an edit: the texts are shown once their audit has passed."""

    audit: _Audit = _Audit()


class Diagnosed(BaseModel):
    """What the shop finds weak about one product."""

    id: _Id
    listing_quality: dict[str, Any] = {}
    diagnoses: tuple[dict[str, Any], ...] = ()


class FoundCreator(BaseModel):
    """A creator as the marketplace lists them; numbers are of the last 30 days, percentages in hundredths."""

    creator_open_id: str
    username: str
    nickname: str | None = None
    follower_count: int | None = None
    selection_region: str | None = None
    avg_ec_video_view_count: int | None = None
    gmv: dict[str, Any] | None = None
    units_sold: int | None = None
    units_sold_range: dict[str, Any] | None = None
    top_follower_demographics: dict[str, Any] | None = None


class Conversation(BaseModel):
    conversation_id: _Id = Field(min_length=1)
    creator_im_id: _Id | None = None


class SentMessage(BaseModel):
    message_id: _Id = Field(min_length=1)


class _Body(BaseModel):
    id: _Id
    type: str
    content: str = ""
    sender_id: _Id = ""


class Message(BaseModel):
    """A message of a conversation. A higher `conversation_index` is a newer message."""

    conversation_index: Annotated[int, BeforeValidator(int)]
    message_body: _Body


class _Listings(BaseModel):
    products: tuple[ShopListing, ...] = ()
    next_page_token: str | None = None


class _Diagnoses(BaseModel):
    products: tuple[Diagnosed, ...] = ()


class _Creators(BaseModel):
    creators: tuple[FoundCreator, ...] = ()
    next_page_token: str | None = None
    search_key: str | None = None


class _Messages(BaseModel):
    messages: tuple[Message, ...] = ()
    has_more: bool = False
    next_page_token: str | None = None


class _Performance(BaseModel):
    products: tuple[dict[str, Any], ...] = ()
    next_page_token: str | None = None


class ShopApi:
    """The calls; errors as in `shared.providers.tiktok_shop_wire`."""

    def __init__(self, wire: ShopWire) -> None:
        self._wire = wire

    async def listings(self, most: int) -> list[ShopListing]:
        """The products that are for sale, at most so many."""
        found: list[ShopListing] = []
        token = ""
        while len(found) < most:
            params = {"page_size": str(min(LISTED_AT_ONCE, most - len(found)))} | _page(token)
            data = await self._wire.search("/product/202502/products/search", params, {"status": "ACTIVATE"})
            page = read_as(_Listings, "TikTok Shop, products/search", data)
            found += page.products
            token = page.next_page_token or ""
            if not token or not page.products:
                break
        return found[:most]

    async def listing(self, product_id: str, *, under_review: bool = False) -> ShopListing:
        """One product: as buyers see it, or as it will be once its audit has passed, if one is under way."""
        params = {"return_under_review_version": "true"} if under_review else {}
        data = await self._wire.get(f"/product/202309/products/{product_id}", params)
        return read_as(ShopListing, "TikTok Shop, products", data)

    async def edit(self, product_id: str, texts: JsonObject) -> Edited:
        """Changes the given texts of a listing and lists it at once; what is not given stays."""
        body = {"save_mode": "LISTING", **texts}
        data = await self._wire.post(f"/product/202509/products/{product_id}/partial_edit", body)
        return read_as(Edited, "TikTok Shop, partial_edit", data)

    async def diagnoses(self, product_ids: Sequence[str]) -> dict[str, Diagnosed]:
        """What is weak about each of these products."""
        found: dict[str, Diagnosed] = {}
        for start in range(0, len(product_ids), DIAGNOSED_AT_ONCE):
            ids = json.dumps(list(product_ids[start : start + DIAGNOSED_AT_ONCE]))
            data = await self._wire.get("/product/202405/products/diagnoses", {"product_ids": ids})
            page = read_as(_Diagnoses, "TikTok Shop, products/diagnoses", data)
            found |= {product.id: product for product in page.products}
        return found

    async def performance(self, first: date, until: date) -> dict[str, JsonObject]:
        """How each product sold from the first day up to, not including, the other; by product id."""
        found: dict[str, JsonObject] = {}
        token = ""
        while True:
            span = {"start_date_ge": first.isoformat(), "end_date_lt": until.isoformat()}
            params = {**span, "currency": "USD", "page_size": "100"} | _page(token)
            data = await self._wire.get("/analytics/202509/shop_products/performance", params)
            page = read_as(_Performance, "TikTok Shop, shop_products/performance", data)
            found |= {str(product.get("id")): product.get("overall_performance") or {} for product in page.products}
            token = page.next_page_token or ""
            if not token or not page.products:
                return found

    async def creators(self, keyword: str, followers: tuple[int, int], most: int) -> list[FoundCreator]:
        """Creators of the marketplace, in its own order."""
        low, high = followers
        body: JsonObject = {"follower_demographics": {"count_range": {"count_ge": low, "count_le": high}}}
        if keyword:
            body["keyword"] = keyword
        found: list[FoundCreator] = []
        token = ""
        while len(found) < most:
            params = {"page_size": str(CREATORS_AT_ONCE)} | _page(token)
            path = "/affiliate_seller/202508/marketplace_creators/search"
            page = read_as(_Creators, "TikTok Shop, creators/search", await self._wire.search(path, params, body))
            found += page.creators
            token = page.next_page_token or ""
            if not token or not page.creators:
                break
            body["search_key"] = page.search_key  # the same search goes on
        return found[:most]

    async def conversation(self, creator_open_id: str) -> Conversation:
        """The conversation with this creator: the one that there is, else a new one. Twice is once."""
        body = {"creator_open_id": creator_open_id, "only_need_conversation_id": False}
        data = await self._wire.post("/affiliate_seller/202508/conversations", body)
        return read_as(Conversation, "TikTok Shop, conversations", data)

    async def messages(self, conversation_id: str, after_index: int) -> list[Message]:
        """The messages that are newer than this index, newest first."""
        found: list[Message] = []
        token = ""
        while True:
            params = {"page_size": str(MESSAGES_AT_ONCE)} | _page(token)
            data = await self._wire.get(f"/affiliate_seller/202412/conversation/{conversation_id}/messages", params)
            page = read_as(_Messages, "TikTok Shop, messages", data)
            newer = [message for message in page.messages if message.conversation_index > after_index]
            found += newer
            token = page.next_page_token or ""
            if len(newer) < len(page.messages) or not page.has_more or not token:
                return sorted(found, key=lambda message: -message.conversation_index)

    async def newest_index(self, conversation_id: str) -> int:
        """The index of the newest message; 0 if there is none."""
        path = f"/affiliate_seller/202412/conversation/{conversation_id}/messages"
        page = read_as(_Messages, "TikTok Shop, messages", await self._wire.get(path, {"page_size": "20"}))
        return max((message.conversation_index for message in page.messages), default=0)

    async def send(
        self, conversation_id: str, kind: Literal["TEXT", "PRODUCT_CARD"], content: JsonObject
    ) -> SentMessage:
        """Sends one message; its content is JSON in a text."""
        body = {"msg_type": kind, "content": json.dumps(content, ensure_ascii=False)}
        data = await self._wire.post(f"/affiliate_seller/202412/conversations/{conversation_id}/messages", body)
        try:
            return SentMessage.model_validate(data)
        except ValidationError as wrong:
            raise EffectUnknownError("TikTok Shop, messages: the answer names no message") from wrong


def _page(token: str) -> dict[str, str]:
    return {"page_token": token} if token else {}


@asynccontextmanager
async def shop_api(settings: Settings, asked: Asked) -> AsyncIterator[ShopApi]:
    """The shop that is asked for. Raises `EffectRefusedError` if it cannot be used: nothing was asked."""
    async with shop_wire(settings, asked) as wire:
        yield ShopApi(wire)

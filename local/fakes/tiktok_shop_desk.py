"""What the fake of TikTok Shop remembers: listings and their audits, creators, conversations, tokens, quotas."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.core.canonical import JsonObject
from shared.providers.listing_html import html_of_text
from shared.providers.mock.shop import mock_creators, mock_products
from shared.providers.records import Creator, Product

APP_KEY, APP_SECRET, CIPHER = "38abcd", "e59af819cc", "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3"
TOKEN, REFRESH = "TTP_fake", "TTR_fake"
SELLER = "seller-im-1"
US_CURRENCY = "USD"
_AGES = {"18-24": "18_24", "25-34": "25_34", "35-44": "35_44", "45-54": "45_54", "55+": "55_PLUS"}


class Refusal(Exception):
    """The shop's no: a code, its message, and the HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass
class Listing:
    """A product: what buyers see, and what is being audited."""

    product: Product
    live: JsonObject
    under_review: JsonObject | None = None
    status: str = "ACTIVATE"


@dataclass
class Talk:
    """A conversation with a creator, oldest message first."""

    id: str
    creator: str
    messages: list[JsonObject] = field(default_factory=list)


def _listing(product: Product) -> Listing:
    return Listing(product, {"title": product.title, "description": html_of_text(product.description)})


@dataclass
class ShopDesk:
    """Shared by the server's threads; whoever calls holds the lock."""

    handle: str = "lakucosmetics"
    messages_per_creator: int = 5
    conversations: int = 1_000
    searches_a_day: int = 10_000
    clock: Callable[[], float] = time.time
    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: dict[str, float] = field(default_factory=lambda: {TOKEN: 2**40})  # until when, Unix seconds
    refresh_token: str = REFRESH
    listings: dict[str, Listing] = field(default_factory=dict)
    creators: dict[str, Creator] = field(default_factory=dict)
    talks: dict[str, Talk] = field(default_factory=dict)
    edits: list[JsonObject] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.listings = {product.id: _listing(product) for product in mock_products(self.handle, 50).products}
        found = mock_creators("", 0, 10**9, 1_000).creators
        self.creators = {creator.open_id: creator for creator in found}

    def new_token(self, refresh_token: str) -> JsonObject:
        """A renewal. The refresh token is good once."""
        if refresh_token != self.refresh_token:
            raise Refusal(36004004, "Invalid refresh token")
        number = next(self.numbers)
        access, self.refresh_token = f"TTP_fake_{number}", f"TTR_fake_{number}"
        until = int(self.clock()) + 7 * 86_400
        self.tokens[access] = until
        return {
            "access_token": access,
            "access_token_expire_in": until,
            "refresh_token": self.refresh_token,
            "refresh_token_expire_in": until + 300 * 86_400,
            "seller_name": "Laku Shop",
            "user_type": 0,
        }

    def listing(self, product_id: str) -> Listing:
        found = self.listings.get(product_id)
        if found is None or found.status == "DELETED":
            raise Refusal(12052048, f"The product {product_id} does not exist.")
        return found

    def shown(self, product_id: str, *, under_review: bool) -> JsonObject:
        """One product, whole."""
        listing = self.listing(product_id)
        texts = (listing.under_review if under_review else None) or listing.live
        audit = "AUDITING" if listing.under_review else "APPROVED"
        return {**self._row(listing), **texts, "audit": {"status": audit}}

    def row(self, listing: Listing) -> JsonObject:
        """One product of a list: without its description."""
        tier = listing.product.quality_tier
        return {**self._row(listing), "title": listing.live["title"], "listing_quality_tier": tier}

    def _row(self, listing: Listing) -> JsonObject:
        product = listing.product
        price = str(product.price_usd)
        sku = {
            "id": f"{product.id}1",
            "price": {"currency": US_CURRENCY, "sale_price": price, "tax_exclusive_price": price},
            "inventory": [{"warehouse_id": "7068517275539719942", "quantity": product.stock}],
        }
        return {"id": product.id, "status": listing.status, "skus": [sku]}

    def edit(self, product_id: str, body: JsonObject) -> JsonObject:
        """A new version for the audit; buyers see the old one until it has passed."""
        listing = self.listing(product_id)
        if listing.status == "FREEZE":
            raise Refusal(12052217, "The product is frozen and cannot be edited.")
        title, description = body.get("title"), body.get("description")
        if title is not None and not 1 <= len(title) <= 255:
            raise Refusal(12052700, "The title must be 1 to 255 characters long.")
        if description is not None and len(description) > 10_000:
            raise Refusal(12052701, "The description must be 10000 characters at most.")
        texts = {"title": title, "description": description}
        base = listing.under_review or listing.live
        listing.under_review = {name: base[name] if text is None else text for name, text in texts.items()}
        self.edits.append({"product_id": product_id, **body})
        return {"product_id": product_id, "warnings": [], "audit": {"status": "AUDITING"}}

    def audit(self, product_id: str, *, passes: bool) -> None:
        listing = self.listing(product_id)
        if listing.under_review is not None and passes:
            listing.live = listing.under_review
        listing.under_review = None

    def search(self, body: JsonObject) -> list[JsonObject]:
        """Creators, those near the keyword first."""
        self.counts["searches"] += 1
        if self.counts["searches"] > self.searches_a_day:
            told = "The query quota has been reached (10000 request per day). Please try again tomorrow."
            raise Refusal(45101004, told)
        counts = body.get("follower_demographics", {}).get("count_range", {})
        low, high = counts.get("count_ge", 0), counts.get("count_le", 10**9)
        found = mock_creators(str(body.get("keyword", "")), low, high, 1_000).creators
        return [creator_row(creator) for creator in found]

    def talk_with(self, open_id: str) -> tuple[Talk, bool]:
        """The conversation with a creator, and whether it is new."""
        if open_id not in self.creators:
            raise Refusal(16030001, "creator has been cleard")
        for talk in self.talks.values():
            if talk.creator == open_id:
                return talk, False
        if len(self.talks) >= self.conversations:
            raise Refusal(16030002, "shop has reached IM quota.")
        talk = Talk(str(7_451_873_679_308_620_000 + next(self.numbers)), open_id)
        self.talks[talk.id] = talk
        return talk, True

    def talk(self, talk_id: str) -> Talk:
        if talk_id not in self.talks:
            raise Refusal(98001004, f"Parameter conversation_id is invalid. Reason: {talk_id} does not exist.")
        return self.talks[talk_id]

    def send(self, talk: Talk, kind: Any, content: Any, sender: str = SELLER) -> str:
        if kind not in ("TEXT", "PRODUCT_CARD") or not isinstance(content, str):
            raise Refusal(98001004, "Parameter msg_type is invalid. Expected: TEXT, PRODUCT_CARD")
        since_answer = itertools.takewhile(lambda one: one["sender_id"] == SELLER, reversed(talk.messages))
        if sender == SELLER and len(list(since_answer)) >= self.messages_per_creator:
            raise Refusal(16030100, "Shop has reached IM send message quota with this creator")
        number = next(self.numbers)
        message_id = str(7_451_907_556_216_400_000 + number)
        talk.messages.append(
            {
                "index": str(1_735_032_460_000_000 + number),
                "id": message_id,
                "type": kind,
                "content": content,
                "create_time": int(self.clock()),
                "sender_id": sender,
            }
        )
        return message_id


def creator_row(creator: Creator) -> JsonObject:
    """A creator as the marketplace lists them."""
    gmv = {"currency": US_CURRENCY, "amount": str(creator.gmv_usd_30d)}
    units = creator.units_sold_30d or 0
    demographics = {
        "age_ranges": [f"AGE_RANGE_{_AGES[age]}" for age in creator.age_ranges],
        "major_gender": {
            "gender": str(creator.major_gender).upper(),
            "percentage": round((creator.major_gender_share or 0) * 10_000),
        },
    }
    return {
        "username": creator.handle,
        "nickname": creator.nickname,
        "creator_open_id": creator.open_id,
        "follower_count": creator.followers,
        "selection_region": creator.region,
        "category_ids": ["601450"],
        "avg_ec_video_view_count": creator.average_views,
        "gmv": gmv,
        "units_sold_range": {"minimum_amount": units // 10 * 10, "maximum_amount": units // 10 * 10 + 10},
        "top_follower_demographics": demographics,
    }

"""Ads and shop in mock mode: no network, and the same receipt for the same order in every process."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from shared.config import Settings
from shared.core.canonical import text_digest
from shared.effects import launch_campaign, send_message, update_listing
from shared.effects.ad_money import hold_money, plan_of
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.launch_campaign import LaunchCampaign, Launched
from shared.effects.send_message import SendMessage
from shared.effects.update_listing import Listing, UpdateListing
from shared.providers.listing_html import html_of_text
from shared.providers.mock.shop import mock_product


def _id(order: EffectOrder, what: str) -> str:
    """A vendor's id as it could be, drawn from the idempotency key."""
    return str(1_700_000_000_000_000_000 + int(text_digest(f"{order.idempotency_key}\n{what}")[:15], 16) % 10**17)


class MockLaunch:
    """Launches nothing, but holds the money under the daily cap as a real launch does."""

    kind: ClassVar[str] = "launch_campaign"
    Payload: ClassVar[type[BaseModel]] = LaunchCampaign

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def act(self, order: EffectOrder) -> Receipt:
        plan = plan_of(order)
        await order.note({**order.progress, "begins": plan.begins.isoformat()})
        await hold_money(order, plan, self._settings)
        ads = tuple(_id(order, f"ad {number}") for number, _ in enumerate(plan.payload.ads))
        launched = Launched(_id(order, "campaign"), _id(order, "ad group"), ads)
        return launch_campaign.receipt_of(plan.payload, "tiktok-ads-mock", plan.name, plan.budget_usd, launched)

    async def find(self, order: EffectOrder) -> Receipt | None:
        """There is nobody to look at, and acting again gives the same receipt."""
        return None


class MockUpdateListing:
    """Changes nothing; what the listing said before is what the mock shop says of it."""

    kind: ClassVar[str] = "update_listing"
    Payload: ClassVar[type[BaseModel]] = UpdateListing

    async def act(self, order: EffectOrder) -> Receipt:
        change = UpdateListing.model_validate(order.payload)
        product = mock_product(change.product_id)
        before = Listing(product.title, html_of_text(product.description))
        after = change.applied_to(before)
        return update_listing.receipt_of(change.product_id, "tiktok-shop-mock", before, after, "AUDITING")

    async def find(self, order: EffectOrder) -> Receipt | None:
        """There is nobody to look at, and acting again gives the same receipt."""
        return None


class MockSendMessage:
    """Sends nothing."""

    kind: ClassVar[str] = "send_message"
    Payload: ClassVar[type[BaseModel]] = SendMessage

    async def act(self, order: EffectOrder) -> Receipt:
        message = SendMessage.model_validate(order.payload)
        conversation_id = str(int(text_digest(message.creator_open_id)[:12], 16))
        return send_message.receipt_of(message, "tiktok-shop-mock", conversation_id, _id(order, "message"), {})

    async def find(self, order: EffectOrder) -> Receipt | None:
        """There is nobody to look at, and acting again gives the same receipt."""
        return None

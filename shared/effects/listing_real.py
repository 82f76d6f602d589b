"""Changing a listing at TikTok Shop. The same texts twice are the same listing, so a lost answer may be asked again."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.progress import LOOK_AGAIN_S, Progress
from shared.effects.update_listing import Listing, UpdateListing, receipt_of
from shared.effects.whose import shop_as
from shared.errors import EffectPendingError, EffectRefusedError, EffectUnknownError
from shared.providers.tiktok_shop import ShopApi, ShopListing

VENDOR = "tiktok-shop"
MAX_HTML = 10_000
_CLOSED = {"FREEZE", "DELETED"}


class RealUpdateListing:
    """The effect `update_listing` at TikTok Shop."""

    kind: ClassVar[str] = "update_listing"
    Payload: ClassVar[type[BaseModel]] = UpdateListing

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def act(self, order: EffectOrder) -> Receipt:
        change, progress = UpdateListing.model_validate(order.payload), Progress(order)
        async with shop_as(order, self._settings) as api:
            before = await self._before(change, progress, api)
            after = change.applied_to(before)
            if len(after.html) > MAX_HTML:
                told = f"description: {len(after.html)} signs as HTML; the shop takes {MAX_HTML}"
                raise EffectRefusedError("description_too_long", told)
            try:
                edited = await api.edit(change.product_id, _changed(before, after))
            except EffectUnknownError as lost:
                found = await self._found(change, before, api)
                if found is None:
                    told = f"{lost.message}; the old texts are there, and the edit is sent again"
                    raise EffectPendingError(told, retry_after_s=LOOK_AGAIN_S) from lost
                return found
            return receipt_of(change.product_id, VENDOR, before, after, edited.audit.status or "AUDITING")

    async def find(self, order: EffectOrder) -> Receipt | None:
        """The receipt if the listing, or the version that is being audited, has the texts."""
        change, kept = UpdateListing.model_validate(order.payload), Progress(order).get("previous")
        if kept is None:
            return None  # the edit is sent after this was kept
        async with shop_as(order, self._settings) as api:
            return await self._found(change, Listing(kept["title"], kept["html"]), api)

    async def _before(self, change: UpdateListing, progress: Progress, api: ShopApi) -> Listing:
        """The texts that stood there before the first attempt."""
        kept = progress.get("previous")
        if kept is None:
            live = await api.listing(change.product_id)
            if live.status in _CLOSED:
                told = f"product {change.product_id} is {live.status}: its texts cannot be changed"
                raise EffectRefusedError("product_closed", told)
            kept = {"title": live.title, "html": live.description}
            await progress.keep(previous=kept)
        return Listing(kept["title"], kept["html"])

    async def _found(self, change: UpdateListing, before: Listing, api: ShopApi) -> Receipt | None:
        after = change.applied_to(before)
        for under_review in (True, False):
            there = await api.listing(change.product_id, under_review=under_review)
            if _is(there, after):
                return receipt_of(change.product_id, VENDOR, before, after, there.audit.status)
        return None


def _is(there: ShopListing, wanted: Listing) -> bool:
    """Whether these are the texts. The shop may write the same HTML differently: what a buyer reads counts."""
    found = Listing(there.title, there.description)
    return (found.title, found.description) == (wanted.title, wanted.description)


def _changed(before: Listing, after: Listing) -> JsonObject:
    """The fields to send: those that change; all of them, if none does, so that the shop is asked in any case."""
    texts = {"title": after.title, "description": after.html}
    now = {"title": before.title, "description": before.html}
    return {name: text for name, text in texts.items() if text != now[name]} or texts

"""For whom an effect acts: an account of its run's workspace. And what it means when that account cannot be used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.effects.contract import EffectOrder
from shared.errors import AccountUnusableError, EffectRefusedError, EffectUnknownError
from shared.providers.accounts.access import Asked
from shared.providers.tiktok_ads import AdsApi, ads_api
from shared.providers.tiktok_shop import ShopApi, shop_api


def asked_by(order: EffectOrder, vendor: Vendor, *, handle: str | None = None, external_id: str | None = None) -> Asked:
    """The account that this order is to act as."""
    return Asked(vendor, order.workspace_id, run_id=order.run_id, handle=handle, external_id=external_id)


@contextmanager
def doubt_kept(order: EffectOrder) -> Iterator[None]:
    """Without an account nobody can be asked. That is no no, if an earlier attempt has begun something."""
    try:
        yield
    except EffectRefusedError as no:
        is_ours = isinstance(no, AccountUnusableError) or no.reason == "settings_missing"
        if not is_ours or not order.progress.keys() - {"asked_again"}:
            raise
        raise EffectUnknownError(f"TikTok cannot be asked what became of it: {no.message}") from no


@asynccontextmanager
async def shop_as(order: EffectOrder, settings: Settings) -> AsyncIterator[ShopApi]:
    """The shop that this order acts for."""
    with doubt_kept(order):
        async with shop_api(settings, asked_by(order, Vendor.SHOP)) as api:
            yield api


@asynccontextmanager
async def ads_as(order: EffectOrder, settings: Settings, advertiser_id: str) -> AsyncIterator[AdsApi]:
    """The advertiser that this order acts for."""
    with doubt_kept(order):
        async with ads_api(settings, asked_by(order, Vendor.ADS, external_id=advertiser_id)) as api:
            yield api

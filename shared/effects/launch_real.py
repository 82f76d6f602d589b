"""Launching at TikTok: money held, everything created paused, looked up by name before it is made, switched on last."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, ClassVar
from uuid import UUID

from pydantic import BaseModel

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.ad_money import LaunchPlan, hold_money, plan_of
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.launch_campaign import LaunchCampaign, Launched, receipt_of
from shared.effects.launch_fields import ad_name, adgroup_fields, campaign_fields, creative_fields
from shared.effects.progress import LOOK_AGAIN_S, Progress
from shared.effects.publish_video import kept_film, open_film
from shared.effects.whose import ads_as
from shared.errors import (
    EffectPendingError,
    EffectRefusedError,
    EffectUnknownError,
    ProviderDownError,
    TransientError,
)
from shared.providers.tiktok_ads import AdsApi, Level, Standing

log = logging.getLogger(__name__)

VENDOR = "tiktok-ads"
_PART = 1 << 20
_TO_START = timedelta(minutes=5)  # TikTok takes no start that is past when the request arrives


class RealLaunch:
    """The effect `launch_campaign` at TikTok."""

    kind: ClassVar[str] = "launch_campaign"
    Payload: ClassVar[type[BaseModel]] = LaunchCampaign

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def act(self, order: EffectOrder) -> Receipt:
        plan, progress = plan_of(order), Progress(order)
        if progress.get("campaign_id") is not None and (done := await self.find(order)) is not None:
            return done
        if plan.ends <= datetime.now(UTC) + _TO_START:
            raise EffectRefusedError("schedule_over", f"its last day ended at {plan.ends:%Y-%m-%d %H:%M} UTC")
        if progress.get("begins") is None:
            await progress.keep(begins=plan.begins.isoformat())
        await hold_money(order, plan, self._settings)
        async with ads_as(order, self._settings, plan.payload.advertiser_id) as api:
            return await self._act(plan, progress, api)

    async def find(self, order: EffectOrder) -> Receipt | None:
        """The receipt if campaign, ad group and every ad are there and switched on; else there is more to do."""
        plan = plan_of(order)
        async with ads_as(order, self._settings, plan.payload.advertiser_id) as api:
            campaign = await api.campaign_named(plan.name)
            if campaign is None or campaign.operation_status != "ENABLE":
                return None
            adgroup = await api.adgroup_named(campaign.id, plan.name)
            there = {} if adgroup is None else await api.ads_of(adgroup.id)
            ads = _in_order(plan, there)
            if adgroup is None or ads is None:
                return None
            return receipt_of(plan.payload, VENDOR, plan.name, plan.budget_usd, Launched(campaign.id, adgroup.id, ads))

    async def _act(self, plan: LaunchPlan, progress: Progress, api: AdsApi) -> Receipt:
        try:
            launched = await self._created(plan, progress, api)
            await _switch_on(launched, api)
        except EffectRefusedError:
            await _undo(plan, progress, api)
            raise
        return receipt_of(plan.payload, VENDOR, plan.name, plan.budget_usd, launched)

    async def _created(self, plan: LaunchPlan, progress: Progress, api: AdsApi) -> Launched:
        campaign_id = await self._campaign(plan, progress, api)
        adgroup_id = await self._adgroup(plan, progress, api, campaign_id, datetime.now(UTC) + _TO_START)
        ads = await self._ads(plan, progress, api, adgroup_id)
        return Launched(campaign_id, adgroup_id, ads)

    async def _campaign(self, plan: LaunchPlan, progress: Progress, api: AdsApi) -> str:
        async def look() -> str | None:
            found = await api.campaign_named(plan.name)
            return None if found is None else found.id

        return await progress.made("campaign_id", look, lambda: api.create_campaign(campaign_fields(plan)))

    async def _adgroup(
        self, plan: LaunchPlan, progress: Progress, api: AdsApi, campaign_id: str, start: datetime
    ) -> str:
        async def look() -> str | None:
            found = await api.adgroup_named(campaign_id, plan.name)
            return None if found is None else found.id

        async def make() -> str:
            return await api.create_adgroup(adgroup_fields(plan, campaign_id, start, self._settings))

        return await progress.made("adgroup_id", look, make)

    async def _ads(self, plan: LaunchPlan, progress: Progress, api: AdsApi, adgroup_id: str) -> tuple[str, ...]:
        """Creates the ads that are not there yet, and reads all of them back by their names."""
        known = progress.get("ad_ids")
        if known is not None:
            return tuple(known)
        there = await api.ads_of(adgroup_id)
        missing = [number for number, ad in enumerate(plan.payload.ads) if ad_name(plan, number, ad) not in there]
        if missing:
            creatives = [await self._creative(plan, number, progress, api) for number in missing]
            try:
                await api.create_ads(adgroup_id, creatives)
            except EffectUnknownError as lost:
                log.info("ads.lost: %s", lost)
            there = await api.ads_of(adgroup_id)
        found = _in_order(plan, there)
        if found is None:
            raise EffectPendingError("the ads are not there yet, and are looked for again", retry_after_s=LOOK_AGAIN_S)
        await progress.keep(ad_ids=list(found))
        return found

    async def _creative(self, plan: LaunchPlan, number: int, progress: Progress, api: AdsApi) -> JsonObject:
        ad = plan.payload.ads[number]
        video = None if ad.asset is None else await self._video(ad.asset.sha256, plan.workspace_id, progress, api)
        return creative_fields(ad_name(plan, number, ad), ad, video, self._settings)

    async def _video(self, sha256: str, workspace_id: UUID, progress: Progress, api: AdsApi) -> tuple[str, str]:
        """The kept film in the advertiser's library, and its cover. One file is there once, under its sha-256."""
        name = f"{sha256}.mp4"

        async def make() -> str:
            film = await asyncio.to_thread(kept_film, sha256, workspace_id, self._settings)
            with await asyncio.to_thread(open_film, film, self._settings) as file:
                md5 = await asyncio.to_thread(_md5_of, file)
                file.seek(0)
                return await api.upload_video(name, md5, film.bytes, _parts(file))

        video_id = await progress.made(f"video {sha256}", lambda: api.video_named(name), make)
        cover = await api.cover_of(video_id)
        if cover is None:
            raise ProviderDownError(f"TikTok is still at work on video {video_id}", retry_after_s=30.0)
        return video_id, cover


def _md5_of(file: BinaryIO) -> str:
    """TikTok compares uploads by MD5; it guards nothing."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in _parts(file):
        digest.update(part)
    return digest.hexdigest()


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(_PART):
        yield part


def _in_order(plan: LaunchPlan, there: Mapping[str, Standing]) -> tuple[str, ...] | None:
    """The ids of the plan's ads, in order; None if one is missing."""
    names = [ad_name(plan, number, ad) for number, ad in enumerate(plan.payload.ads)]
    return tuple(there[name].id for name in names) if all(name in there for name in names) else None


async def _switch_on(launched: Launched, api: AdsApi) -> None:
    """Ads, then their group, and the campaign last: until that one is on, nothing is shown and nothing is spent."""
    await _enabled("ad", launched.ad_ids, api)
    await _enabled("adgroup", () if launched.adgroup_id is None else (launched.adgroup_id,), api)
    await _enabled("campaign", (launched.campaign_id,), api)


async def _enabled(level: Level, ids: tuple[str, ...], api: AdsApi) -> None:
    try:
        await api.set_status(level, ids, "ENABLE")
    except EffectUnknownError as lost:
        for thing_id in ids:
            found = await api.standing(level, thing_id)
            if found is None or found.operation_status != "ENABLE":
                raise EffectPendingError(f"{lost.message}; it is paused, and is switched on again later") from lost


async def _undo(plan: LaunchPlan, progress: Progress, api: AdsApi) -> None:
    """After a refusal: the paused campaign is deleted. If that fails too, it stays paused and spends nothing."""
    campaign_id = progress.get("campaign_id")
    if campaign_id is None:
        return
    try:
        await api.set_status("campaign", [campaign_id], "DELETE")
    except (EffectRefusedError, EffectUnknownError, TransientError) as failed:
        log.warning("ads.undo: campaign %s stays, paused (%s)", campaign_id, failed)

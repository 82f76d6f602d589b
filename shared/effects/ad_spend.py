"""What a campaign spent, by the days (UTC) that the ledger counts in; and how it is switched off (B043).

The vendor's days and hours are those of the advertiser's own time zone. An hour of the report belongs to the day (UTC)
in which it begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.core.canonical import text_digest
from shared.core.money import ZERO, usd
from shared.effects.spend_cap import OVERSHOOT
from shared.errors import EffectRefusedError, EffectUnknownError
from shared.providers.accounts.access import Asked
from shared.providers.text import clean_text
from shared.providers.tiktok_ads import AdsApi, ads_api

MOCK = "tiktok-ads-mock"  # the vendor of receipts in mock mode
CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class SpentDay:
    """One day (UTC) that holds a reservation."""

    day: date
    reserved_usd: Decimal
    is_settled: bool


@dataclass(frozen=True, slots=True)
class SpendingCampaign:
    """A campaign at the vendor, and the days on which it may spend, in order. `at` is now, by the database."""

    advertiser_id: str
    campaign_id: str
    days: tuple[SpentDay, ...]
    at: datetime

    @property
    def open_days(self) -> list[SpentDay]:
        """Days that have begun and are not settled."""
        return [day for day in self.days if not day.is_settled and day.day <= self.at.astimezone(UTC).date()]


class SpendSource(Protocol):
    """Where the figures are. Both raise `ProviderDownError` (later it may work) and `EffectRefusedError` (a person has
    to look); `pause` also `EffectUnknownError`."""

    async def by_day(self, campaign: SpendingCampaign) -> dict[date, Decimal]:
        """US dollars for each open day; nothing was spent on one that is not in it, or the figure is late."""
        ...

    async def pause(self, advertiser_id: str, campaign_id: str) -> None:
        """Switches it off. Twice is once."""
        ...


def spend_source(settings: Settings, vendor: str | None, workspace_id: UUID) -> SpendSource | None:
    """Who knows what campaigns of this vendor spend in a workspace; None where this mode cannot ask them."""
    if settings.tiktok_provider_mode == "real":
        return None if vendor == MOCK else AdsSpend(settings, workspace_id)
    return MockSpend() if vendor == MOCK else None


class AdsSpend:
    """TikTok's reports by the hour."""

    def __init__(self, settings: Settings, workspace_id: UUID) -> None:
        self._settings, self._workspace_id = settings, workspace_id

    def _asked(self, advertiser_id: str) -> Asked:
        return Asked(Vendor.ADS, self._workspace_id, external_id=advertiser_id)

    async def by_day(self, campaign: SpendingCampaign) -> dict[date, Decimal]:
        open_days = [one.day for one in campaign.open_days]
        if not open_days:
            return {}
        async with ads_api(self._settings, self._asked(campaign.advertiser_id)) as api:
            zone = await _zone(api)
            hours = [
                hour
                for local in local_days(open_days, zone, campaign.at)
                for hour in await api.spend_by_hour(campaign.campaign_id, local)
            ]
        return spend_by_day(hours, zone, [one.day for one in campaign.days], set(open_days))

    async def pause(self, advertiser_id: str, campaign_id: str) -> None:
        async with ads_api(self._settings, self._asked(advertiser_id)) as api:
            try:
                await api.set_status("campaign", [campaign_id], "DISABLE")
            except EffectUnknownError:
                standing = await api.standing("campaign", campaign_id)
                if standing is not None and standing.operation_status != "DISABLE":
                    raise


async def _zone(api: AdsApi) -> tzinfo:
    """The advertiser's time zone. Money in another currency than US dollars cannot be held against a cap in them."""
    account = await api.account()
    if account.currency != CURRENCY:
        told = f"the ad account is in {clean_text(account.currency, 10)}; caps and budgets are in {CURRENCY}"
        raise EffectRefusedError("currency", told)
    try:
        return ZoneInfo(account.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        told = f"the ad account's time zone {clean_text(account.zone, 60)!r} is not known here"
        raise EffectRefusedError("timezone_unknown", told) from unknown


def local_days(days: Sequence[date], zone: tzinfo, at: datetime) -> Iterable[date]:
    """The vendor's days that touch these days (UTC), none that has not begun."""
    found = set()
    for day in days:
        begins = datetime.combine(day, time(), UTC)
        ends = min(begins + timedelta(days=1, microseconds=-1), max(at.astimezone(UTC), begins))
        found |= {begins.astimezone(zone).date(), ends.astimezone(zone).date()}
    return sorted(found)


def spend_by_day(
    hours: Iterable[tuple[datetime, Decimal]], zone: tzinfo, days: Sequence[date], wanted: set[date]
) -> dict[date, Decimal]:
    """Spend by day (UTC) of hours in the advertiser's time. What falls before the first or after the last of the
    campaign's days is counted with that one: nothing that was spent is lost."""
    found: dict[date, Decimal] = {}
    for hour, spent in hours:
        day = hour.replace(tzinfo=zone).astimezone(UTC).date()
        day = min(max(day, days[0]), days[-1])
        if day in wanted:
            found[day] = found.get(day, ZERO) + spent
    return found


class MockSpend:
    """Spends 80 to 100 % of each daily budget: the same for the same campaign and day; of today what has passed."""

    async def by_day(self, campaign: SpendingCampaign) -> dict[date, Decimal]:
        return {one.day: self._spent(campaign, one) for one in campaign.open_days}

    def _spent(self, campaign: SpendingCampaign, one: SpentDay) -> Decimal:
        drawn = int(text_digest(f"{campaign.campaign_id}\n{one.day}")[:8], 16) % 2001
        whole = one.reserved_usd / OVERSHOOT * (Decimal(8000 + drawn) / 10_000)
        passed = campaign.at.astimezone(UTC) - datetime.combine(one.day, time(), UTC)
        share = min(Decimal(1), Decimal(int(passed.total_seconds())) / 86_400)
        return usd((whole * share).quantize(Decimal("0.01")))

    async def pause(self, advertiser_id: str, campaign_id: str) -> None:
        """There is nothing to switch off."""

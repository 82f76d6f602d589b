"""Launching an ad campaign: what an agent proposes, and what it may spend at most (X26, B043)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.core.canonical import JsonObject
from shared.core.ids import new_id
from shared.effects.contract import Receipt, Write
from shared.effects.spend_cap import OVERSHOOT

LEAST_CAMPAIGN_USD = Decimal(50)  # of a day, or of a lifetime
LEAST_DAY_USD = Decimal(20)  # of an ad group
_CENT = Decimal("0.01")
_SHORTEST_DAY = timedelta(hours=2)

Objective = Literal["reach", "traffic", "video_views", "engagement", "conversions", "shop_sales"]
AgeGroup = Literal["18-24", "25-34", "35-44", "45-54", "55+"]
CallToAction = Literal["shop_now", "learn_more", "order_now", "view_now", "sign_up", "contact_us", "visit_store"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AdAudience(_Strict):
    """Whom the ads are shown to. An empty field leaves that side open; `countries` are two letters, such as US."""

    countries: tuple[str, ...] = Field(("US",), min_length=1, max_length=20)
    age_groups: tuple[AgeGroup, ...] = ()
    gender: Literal["any", "female", "male"] = "any"
    languages: tuple[str, ...] = Field((), max_length=20)


class AdSchedule(_Strict):
    """When it runs: on `days` days by UTC, that of the start included; it ends with the last of them.

    A gate may be open for weeks: a start that is past by then, or none, means when it is launched.
    """

    starts_at: AwareDatetime | None = None
    days: int = Field(7, ge=1, le=90)


class AdAsset(_Strict):
    """A video that is no post: a kept file, named by the sha-256 of its bytes. `path` is for those who look at it."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    asset_id: str | None = Field(None, max_length=200)
    path: str | None = Field(None, max_length=4_000)
    bytes: int | None = Field(None, ge=1)


class Ad(_Strict):
    """One ad: a post that is published already (`post_id`, a Spark ad), or a video (`asset`)."""

    name: str = Field(min_length=1, max_length=100)
    post_id: str | None = Field(None, min_length=1, max_length=64)
    asset: AdAsset | None = None
    text: str = Field(min_length=1, max_length=100)
    call_to_action: CallToAction = "shop_now"
    landing_url: str | None = Field(None, pattern=r"^https?://[^\s]+$", max_length=1_000)

    @model_validator(mode="after")
    def _shows_one_thing(self) -> Ad:
        if (self.post_id is None) == (self.asset is None):
            raise ValueError("give either post_id or asset: what the ad shows")
        return self


class LaunchCampaign(_Strict):
    """A campaign with one ad group and its ads. `budget_usd` is that of a day, or of the whole lifetime.

    Propose it with `amount_usd=payload.most_usd`: that is what a gate releases.
    """

    advertiser_id: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")
    name: str = Field(min_length=1, max_length=200)
    objective: Objective = "traffic"
    budget_usd: Decimal = Field(gt=0, le=1_000_000, decimal_places=2)
    budget_mode: Literal["daily", "lifetime"] = "lifetime"
    schedule: AdSchedule = AdSchedule()
    audience: AdAudience = AdAudience()
    ads: tuple[Ad, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _is_not_below_the_minimum(self) -> LaunchCampaign:
        if self.budget_usd < self.least_usd:
            raise ValueError(
                f"budget_usd: TikTok takes ${self.least_usd} or more: ${LEAST_CAMPAIGN_USD} a day or a lifetime, "
                f"and ${LEAST_DAY_USD} for each day of a lifetime"
            )
        return self

    @property
    def least_usd(self) -> Decimal:
        """The smallest `budget_usd` that TikTok takes for this mode and these days."""
        if self.budget_mode == "daily":
            return LEAST_CAMPAIGN_USD
        return max(LEAST_CAMPAIGN_USD, LEAST_DAY_USD * self.schedule.days)

    @property
    def most_usd(self) -> Decimal:
        """The most that it can spend in all: a daily budget may be overshot on each of its days."""
        if self.budget_mode == "lifetime":
            return self.budget_usd
        return self.budget_usd * OVERSHOOT * self.schedule.days

    def within(self, released_usd: Decimal | None) -> Decimal:
        """`budget_usd`, or less, so that no more than the money that was released can be spent in all."""
        if released_usd is None or released_usd >= self.most_usd:
            return self.budget_usd
        share = released_usd if self.budget_mode == "lifetime" else released_usd / (OVERSHOOT * self.schedule.days)
        return share.quantize(_CENT, rounding=ROUND_DOWN)

    def daily_usd(self, budget_usd: Decimal) -> Decimal:
        """What the ad group may spend a day, before TikTok's overshoot, if the campaign has this budget."""
        if self.budget_mode == "daily":
            return budget_usd
        return (budget_usd / self.schedule.days).quantize(_CENT, rounding=ROUND_DOWN)

    def begins(self, now: datetime) -> datetime:
        """When it begins if it is launched now, by UTC. A day with little left of it would be paid for nothing."""
        starts_at = self.schedule.starts_at
        if starts_at is not None and starts_at > now:
            return starts_at.astimezone(UTC)
        today = now.astimezone(UTC)
        tomorrow = datetime.combine(today.date() + timedelta(days=1), time.min, UTC)
        return today if tomorrow - today >= _SHORTEST_DAY else tomorrow

    def ends(self, begins: datetime) -> datetime:
        """Midnight after the last of its days."""
        return datetime.combine(begins.date() + timedelta(days=self.schedule.days), time.min, UTC)


@dataclass(frozen=True, slots=True)
class Launched:
    """What stands at the vendor: ids of the campaign, its ad group and its ads, in their order. What is below the
    campaign is left out where a person has found no more than that."""

    campaign_id: str
    adgroup_id: str | None
    ad_ids: tuple[str, ...]


def receipt_of(payload: LaunchCampaign, vendor: str, name: str, budget_usd: Decimal, launched: Launched) -> Receipt:
    """The receipt of a campaign that runs, with its row in `tiktok_campaigns`."""
    values = {
        "id": new_id(),
        "advertiser_id": payload.advertiser_id,
        "campaign_id": launched.campaign_id,
        "adgroup_ids": [] if launched.adgroup_id is None else [launched.adgroup_id],
        "ad_ids": list(launched.ad_ids),
        "name": name,
        "objective": payload.objective,
        "budget_usd": budget_usd,
        "status": "active",
    }
    details: JsonObject = {
        "name": name,
        "adgroup_id": launched.adgroup_id,
        "ad_ids": list(launched.ad_ids),
        "budget_usd": str(budget_usd),
        "budget_mode": payload.budget_mode,
    }
    return Receipt(vendor, launched.campaign_id, details=details, writes=(Write("save_campaign", values),))

"""A launch in the words of TikTok's Ads API: everything is created paused, with names that carry the order's tag.

Enumerations are those of the official SDK and of client code (bububa/tiktok-business).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.ad_money import LaunchPlan
from shared.effects.launch_campaign import Ad, AdAudience
from shared.errors import EffectRefusedError

_OBJECTIVES = {
    "reach": ("REACH", "REACH", "CPM"),
    "traffic": ("TRAFFIC", "CLICK", "CPC"),
    "video_views": ("VIDEO_VIEWS", "ENGAGED_VIEW", "CPV"),
    "engagement": ("ENGAGEMENT", "FOLLOWERS", "OCPM"),
    "conversions": ("WEB_CONVERSIONS", "CONVERT", "OCPM"),
    "shop_sales": ("PRODUCT_SALES", "VALUE", "OCPM"),
}
_ADULTS = ("18-24", "25-34", "35-44", "45-54", "55+")
_AGES = {
    "18-24": "AGE_18_24",
    "25-34": "AGE_25_34",
    "35-44": "AGE_35_44",
    "45-54": "AGE_45_54",
    "55+": "AGE_55_100",
}
_GENDERS = {"any": "GENDER_UNLIMITED", "female": "GENDER_FEMALE", "male": "GENDER_MALE"}


@cache
def _locations() -> dict[str, str]:
    file = Path(__file__).parent.parent / "providers" / "tiktok_locations.yaml"
    read: dict[str, str] = yaml.safe_load(file.read_text("utf-8"))
    return read


def request_id(plan: LaunchPlan, what: str) -> str:
    """Digits that are the same in every attempt: TikTok takes a create of one request id once."""
    return str(int(hashlib.sha256(f"{plan.tag} {what}".encode()).hexdigest()[:15], 16))


def _number(amount: Decimal) -> float:
    """Dollars and cents as the JSON number that the API wants; nothing is computed with it."""
    return float(amount)


def campaign_fields(plan: LaunchPlan) -> JsonObject:
    is_daily = plan.payload.budget_mode == "daily"
    return {
        "campaign_name": plan.name,
        "objective_type": _OBJECTIVES[plan.payload.objective][0],
        "budget_mode": "BUDGET_MODE_DAY" if is_daily else "BUDGET_MODE_TOTAL",
        "budget": _number(plan.budget_usd),
        "operation_status": "DISABLE",
        "request_id": request_id(plan, "campaign"),
    }


def adgroup_fields(plan: LaunchPlan, campaign_id: str, now: datetime, settings: Settings) -> JsonObject:
    """The ad group has a daily budget in either mode, so that no day can spend more than was reserved for it."""
    _, goal, billing = _OBJECTIVES[plan.payload.objective]
    return {
        "campaign_id": campaign_id,
        "adgroup_name": plan.name,
        "placement_type": "PLACEMENT_TYPE_NORMAL",
        "placements": ["PLACEMENT_TIKTOK"],
        **_targeting(plan.payload.audience),
        "budget_mode": "BUDGET_MODE_DAY",
        "budget": _number(plan.daily_usd),
        "schedule_type": "SCHEDULE_START_END",
        "schedule_start_time": _utc(max(plan.begins, now)),
        "schedule_end_time": _utc(plan.ends),
        "pacing": "PACING_MODE_SMOOTH",
        "optimization_goal": goal,
        "billing_event": billing,
        "bid_type": "BID_TYPE_NO_BID",
        "operation_status": "DISABLE",
        "request_id": request_id(plan, "ad group"),
        **_promotion(plan, settings),
    }


def _targeting(audience: AdAudience) -> JsonObject:
    """All adults, if no age is named: TikTok refuses ads to those below 18 in places (40065)."""
    known = _locations()
    unknown = [country for country in audience.countries if country.upper() not in known]
    if unknown:
        raise EffectRefusedError(
            "country_unknown", f"audience.countries: {unknown}: no country that is known here; {', '.join(known)} are"
        )
    fields: JsonObject = {
        "location_ids": [known[country.upper()] for country in audience.countries],
        "age_groups": [_AGES[age] for age in audience.age_groups or _ADULTS],
        "gender": _GENDERS[audience.gender],
    }
    return {**fields, "languages": list(audience.languages)} if audience.languages else fields


def _promotion(plan: LaunchPlan, settings: Settings) -> JsonObject:
    if plan.payload.objective == "conversions":
        pixel = _needed(settings.tiktok_ads_pixel_id, "TIKTOK_ADS_PIXEL_ID", "conversions")
        return {"promotion_type": "WEBSITE", "pixel_id": pixel, "optimization_event": "SHOPPING"}
    if plan.payload.objective == "shop_sales":
        store = _needed(settings.tiktok_ads_store_id, "TIKTOK_ADS_STORE_ID", "shop sales")
        return {"promotion_type": "VIDEO_SHOPPING", "product_source": "STORE", "store_id": store}
    return {"promotion_type": "WEBSITE"}


def ad_name(plan: LaunchPlan, number: int, ad: Ad) -> str:
    """`number` tells two ads of the same name apart."""
    return f"{ad.name} [{plan.tag}-{number + 1}]"


def creative_fields(name: str, ad: Ad, video: tuple[str, str] | None, settings: Settings) -> JsonObject:
    """One ad; `video` is the uploaded video and its cover, None for a post."""
    identity = _needed(settings.tiktok_ads_identity_id, "TIKTOK_ADS_IDENTITY_ID", "ads")
    shown: JsonObject = {"tiktok_item_id": ad.post_id}
    if video is not None:
        shown = {"video_id": video[0], "image_ids": [video[1]]}
    landing = {} if ad.landing_url is None else {"landing_page_url": ad.landing_url}
    return {
        "ad_name": name,
        "identity_type": settings.tiktok_ads_identity_type,
        "identity_id": identity,
        "ad_format": "SINGLE_VIDEO",
        **shown,
        "ad_text": ad.text,
        "call_to_action": ad.call_to_action.upper(),
        **landing,
        "operation_status": "DISABLE",
    }


def _needed(value: str | None, name: str, what: str) -> str:
    if value is None:
        raise EffectRefusedError("settings_missing", f"settings: {name}: needed by {what}")
    return value


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")

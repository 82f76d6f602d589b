"""What the fake of TikTok's Ads API remembers, and the rules that it keeps: budgets, names, ages, limits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from shared.core.canonical import JsonObject

Level = Literal["campaign", "adgroup", "ad"]
LEVELS: tuple[Level, ...] = ("campaign", "adgroup", "ad")
OBJECTIVES = {
    "REACH",
    "TRAFFIC",
    "VIDEO_VIEWS",
    "ENGAGEMENT",
    "LEAD_GENERATION",
    "WEB_CONVERSIONS",
    "PRODUCT_SALES",
    "APP_PROMOTION",
}
LEAST_CAMPAIGN, LEAST_DAY = Decimal(50), Decimal(20)
US = "6252001"
MOST_ADS = 20


class Refusal(Exception):
    """The API's no: a code and its message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True)
class Spent:
    """What an hour cost. The next `late` reports do not have it yet."""

    usd: Decimal
    late: int = 0


def needed(body: JsonObject, *names: str) -> None:
    for name in names:
        if body.get(name) in (None, "", []):
            raise Refusal(40002, f"{name}: Missing data for required field.")


@dataclass
class AdsDesk:
    """Everything the fake remembers. Shared by the server's threads; whoever calls holds the lock."""

    tokens: frozenset[str] | None = None
    advertisers: frozenset[str] | None = None
    qps: int = 0  # how many requests a second; 0: any number
    lock: threading.RLock = field(default_factory=threading.RLock)
    things: dict[Level, dict[str, JsonObject]] = field(default_factory=lambda: {level: {} for level in LEVELS})
    videos: dict[str, JsonObject] = field(default_factory=dict)
    spent: dict[tuple[str, datetime], Spent] = field(default_factory=dict)  # by campaign and hour (UTC)
    timezone: str = "UTC"  # of every advertiser, as the currency
    currency: str = "USD"
    seen: set[str] = field(default_factory=set)
    arrivals: deque[float] = field(default_factory=deque)
    made: int = 0

    def new_id(self) -> str:
        self.made += 1
        return str(1_780_000_000_000_000_000 + self.made)

    def let_in(self, token: str | None, advertiser_id: object, now: float) -> None:
        """Whether this request may be made at all."""
        if not token:
            raise Refusal(40104, "Access token is null, you should set it in http header with key Access-Token.")
        if self.tokens is not None and token not in self.tokens:
            raise Refusal(40105, "Access token is incorrect or has been revoked.")
        while self.arrivals and self.arrivals[0] <= now - 1:
            self.arrivals.popleft()
        self.arrivals.append(now)
        if self.qps and len(self.arrivals) > self.qps:
            told = f"App 7000 reaches the QPS limit {self.qps}, current QPS is {len(self.arrivals)}"
            raise Refusal(40100, told)
        if not isinstance(advertiser_id, str) or not advertiser_id:
            raise Refusal(40002, "advertiser_id: Missing data for required field.")
        if self.advertisers is not None and advertiser_id not in self.advertisers:
            raise Refusal(40001, f"No permission to operate advertiser {advertiser_id}.")

    def create_campaign(self, body: JsonObject) -> JsonObject:
        needed(body, "campaign_name", "objective_type")
        if body["objective_type"] not in OBJECTIVES:
            raise Refusal(40002, f"objective_type: not one of {sorted(OBJECTIVES)}")
        mode = body.get("budget_mode", "BUDGET_MODE_INFINITE")
        if mode != "BUDGET_MODE_INFINITE":
            self._least(body, LEAST_CAMPAIGN)
        if any(one["campaign_name"] == body["campaign_name"] for one in self._alive("campaign")):
            raise Refusal(40002, "Campaign name already exists. Please try another one.")
        return self._put("campaign", body, {"budget_mode": mode})

    def create_adgroup(self, body: JsonObject) -> JsonObject:
        needed(body, "campaign_id", "adgroup_name", "budget", "budget_mode", "schedule_type", "schedule_start_time")
        needed(body, "optimization_goal", "billing_event", "pacing", "location_ids", "promotion_type")
        campaign = self._there("campaign", body["campaign_id"])
        begins, ends = _time(body, "schedule_start_time"), None
        if begins < datetime.now(UTC) - timedelta(seconds=60):
            raise Refusal(40002, "schedule_start_time: Start time must be later than the current time.")
        if body["schedule_type"] == "SCHEDULE_START_END":
            ends = _time(body, "schedule_end_time")
            if ends <= begins:
                raise Refusal(40002, "schedule_end_time: End time must be later than start time.")
        days = 1 if ends is None else max(1, (ends - begins).days + (1 if (ends - begins).seconds else 0))
        self._least(body, LEAST_DAY * (days if body["budget_mode"] == "BUDGET_MODE_TOTAL" else 1))
        if US in body["location_ids"] and (not body.get("age_groups") or "AGE_13_17" in body["age_groups"]):
            raise Refusal(40065, "Ad groups may not target users aged 13-17 in the United States.")
        if campaign["objective_type"] == "WEB_CONVERSIONS":
            needed(body, "pixel_id", "optimization_event")
        if body["promotion_type"] == "VIDEO_SHOPPING":
            needed(body, "store_id", "product_source")
        return self._put("adgroup", body, {})

    def create_ads(self, body: JsonObject) -> JsonObject:
        """All of them, or none."""
        needed(body, "adgroup_id", "creatives")
        self._there("adgroup", body["adgroup_id"])
        there = [ad for ad in self._alive("ad") if ad["adgroup_id"] == body["adgroup_id"]]
        if len(there) + len(body["creatives"]) > MOST_ADS:
            raise Refusal(40502, f"The ad group already has {len(there)} ads; {MOST_ADS} are allowed.")
        for creative in body["creatives"]:
            self._check_creative(creative)
        common = {"adgroup_id": body["adgroup_id"], "advertiser_id": body["advertiser_id"]}
        made = [self._put("ad", {**common, **creative}, {}) for creative in body["creatives"]]
        creatives = [{"ad_id": ad["ad_id"], "ad_name": ad["ad_name"]} for ad in made]
        return {"ad_ids": [ad["ad_id"] for ad in made], "creatives": creatives}

    def _check_creative(self, creative: JsonObject) -> None:
        needed(creative, "ad_name", "ad_format", "identity_type", "identity_id", "ad_text")
        if len(creative["ad_text"]) > 100:
            raise Refusal(40002, "ad_text: Length must be between 1 and 100.")
        if bool(creative.get("video_id")) == bool(creative.get("tiktok_item_id")):
            raise Refusal(40002, "Give one of video_id and tiktok_item_id.")
        if creative.get("video_id"):
            needed(creative, "image_ids")
            if creative["video_id"] not in self.videos:
                raise Refusal(40002, f"video_id: Video {creative['video_id']} does not exist.")

    def set_status(self, level: Level, body: JsonObject) -> JsonObject:
        needed(body, f"{level}_ids", "operation_status")
        wanted = body["operation_status"]
        if wanted not in ("ENABLE", "DISABLE", "DELETE"):
            raise Refusal(40002, "operation_status: not one of ENABLE, DISABLE, DELETE")
        for thing in [self._there(level, thing_id) for thing_id in body[f"{level}_ids"]]:
            thing["operation_status"] = wanted
        return {f"{level}_ids": body[f"{level}_ids"], "status": wanted}

    def listed(self, level: Level, advertiser_id: str, filtering: JsonObject) -> list[JsonObject]:
        """What the list call finds, newest first. A name is found by a part of it, as the API does."""
        found = []
        for thing in self._alive(level):
            ids = all(thing.get(f"{up}_id") in filtering[f"{up}_ids"] for up in LEVELS if f"{up}_ids" in filtering)
            name = filtering.get(f"{level}_name", "").lower() in thing[f"{level}_name"].lower()
            if ids and name and thing["advertiser_id"] == advertiser_id:
                found.append({**thing, "secondary_status": self._secondary(level, thing)})
        return sorted(found, key=lambda thing: thing[f"{level}_id"], reverse=True)

    def spend(self, campaign_id: str, at: str, usd: str, late: int = 0) -> None:
        """Says what the hour of this moment (ISO 8601, with its offset) cost."""
        hour = datetime.fromisoformat(at).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self.spent[campaign_id, hour] = Spent(Decimal(usd), late)

    def reported(self, campaigns: set[str], by: str, first: date, last: date) -> list[JsonObject]:
        """Spend by day or hour of the advertiser's time zone; each metric is a text, and none is "-"."""
        zone, found = ZoneInfo(self.timezone), dict[tuple[str, str], Decimal]()
        for (campaign, hour), spent in sorted(self.spent.items(), key=lambda one: one[0]):
            local = hour.astimezone(zone)
            if campaign not in campaigns or not first <= local.date() <= last:
                continue
            if spent.late:
                spent.late -= 1
                continue
            at = f"{local:%Y-%m-%d} 00:00:00" if by == "stat_time_day" else f"{local:%Y-%m-%d %H}:00:00"
            found[campaign, at] = found.get((campaign, at), Decimal(0)) + spent.usd
        return [
            {
                "dimensions": {"campaign_id": campaign, by: at},
                "metrics": {"spend": f"{usd:f}" if usd else "-"},
            }
            for (campaign, at), usd in found.items()
        ]

    def add_video(self, form: JsonObject, size: int) -> JsonObject:
        if any(video["file_name"] == form["file_name"] for video in self.videos.values()):
            raise Refusal(40911, "Duplicated material name.")
        video = {"video_id": f"v10033g5{self.new_id()}", "file_name": form["file_name"], "size": size}
        self.videos[video["video_id"]] = {**video, "advertiser_id": form["advertiser_id"]}
        return self.videos[video["video_id"]]

    def runs(self, campaign: JsonObject) -> bool:
        """Whether it is shown: campaign, an ad group and an ad of it are all switched on."""
        return campaign["operation_status"] == "ENABLE" and any(
            group["operation_status"] == "ENABLE"
            and any(ad["operation_status"] == "ENABLE" for ad in self.below(group))
            for group in self.below(campaign)
        )

    def below(self, thing: JsonObject) -> list[JsonObject]:
        """The ad groups of a campaign, or the ads of an ad group."""
        level: Level = "ad" if "adgroup_id" in thing else "adgroup"
        up = "adgroup_id" if level == "ad" else "campaign_id"
        return [one for one in self._alive(level) if one[up] == thing[up]]

    def _secondary(self, level: Level, thing: JsonObject) -> str:
        return f"{level.upper()}_STATUS_{thing['operation_status']}"

    def _alive(self, level: Level) -> Iterable[JsonObject]:
        return [thing for thing in self.things[level].values() if thing["operation_status"] != "DELETE"]

    def _there(self, level: Level, thing_id: object) -> JsonObject:
        thing = self.things[level].get(str(thing_id))
        if thing is None or thing["operation_status"] == "DELETE":
            raise Refusal(40002, f"{level}_id: {level} {thing_id} does not exist.")
        return thing

    def _put(self, level: Level, body: JsonObject, more: JsonObject) -> JsonObject:
        """A request id is good for one create: asked again with it, the API says that it is a duplicate."""
        request_id = body.get("request_id")
        if request_id is not None:
            if request_id in self.seen:
                raise Refusal(40050, "Duplicate request: this request_id has been used.")
            self.seen.add(request_id)
        thing_id = self.new_id()
        made = {**body, **more, f"{level}_id": thing_id, "create_time": _now()}
        made.setdefault("operation_status", "ENABLE")
        self.things[level][thing_id] = made
        return made

    def _least(self, body: JsonObject, least: Decimal) -> None:
        budget = body.get("budget")
        if not isinstance(budget, int | float) or isinstance(budget, bool) or Decimal(str(budget)) < least:
            raise Refusal(40002, "Budget should be greater than or equal to the minimum budget.")


def _time(body: JsonObject, name: str) -> datetime:
    try:
        return datetime.strptime(str(body[name]), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise Refusal(40002, f"{name}: Not a valid datetime.") from None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")

"""Launching over HTTP: one campaign whatever is lost on the way, nothing shown before all stands, no cent beyond."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.fakes.tiktok_ads import FakeTikTokAds
from shared.config import Settings
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.effects.launch_real import RealLaunch
from shared.effects.spend_cap import ad_day, set_ad_day_cap
from shared.engine.rooms import Rooms
from shared.errors import EffectRefusedError, ProviderDownError
from shared.providers.accounts.access import Asked
from shared.providers.tiktok_ads import AdAccount, ads_api
from tests.support.effects import Released, a_campaign, as_owner, tried
from tests.support.publishing import Notes, dies_after, kept_film, video_bytes

ADVERTISER = a_campaign()["advertiser_id"]
CREATES = ("campaign/create", "adgroup/create", "ad/create")
SWITCHES = ("ad/status/update", "adgroup/status/update", "campaign/status/update")
SECRET = "ads-token-secret"


@pytest.fixture
def fake() -> Iterator[FakeTikTokAds]:
    with FakeTikTokAds(tokens=frozenset({SECRET}), advertisers=frozenset({ADVERTISER})) as started:
        yield started


@pytest.fixture
def real(fake: FakeTikTokAds, settings: Settings, tmp_path: Path, workspace: UUID) -> Settings:
    """The settings of this database, with ads at the fake."""
    return settings.model_validate(
        {
            **settings.model_dump(),
            "tiktok_provider_mode": "real",
            "army_workspace_id": workspace,
            "tiktok_ads_api_url": fake.base_url,
            "tiktok_ads_token": SECRET,
            "tiktok_ads_identity_id": "identity-1",
            "tiktok_timeout_s": 0.3,
            "asset_dir": tmp_path,
        }
    )


@pytest.fixture
def effect(real: Settings) -> RealLaunch:
    return RealLaunch(real)


def released(rooms: Rooms, workspace: UUID, **changes: Any) -> Released:
    return Released(rooms, workspace, "launch_campaign", a_campaign(**changes), "350")


def used(rooms: Rooms, workspace: UUID) -> Decimal:
    """What is held of the fullest of the next days."""
    today = ad_day(rooms.store, workspace, default_cap_usd=Decimal(500))
    days = [today.day.fromordinal(today.day.toordinal() + after) for after in range(3)]
    return max(ad_day(rooms.store, workspace, default_cap_usd=Decimal(500), day=day).used_usd for day in days)


def only_campaign(fake: FakeTikTokAds) -> JsonObject:
    (campaign,) = fake.campaigns()
    return campaign


def assert_launched_once(fake: FakeTikTokAds, ads: int = 1) -> None:
    """One campaign that runs, with one group and its ads, within what was released."""
    campaign = only_campaign(fake)
    (group,) = campaign["adgroups"]
    assert campaign["runs"]
    assert len(group["ads"]) == ads
    assert all(thing["operation_status"] == "ENABLE" for thing in (campaign, group, *group["ads"]))
    assert (campaign["budget_mode"], campaign["budget"]) == ("BUDGET_MODE_TOTAL", 350)
    assert (group["budget_mode"], group["budget"]) == ("BUDGET_MODE_DAY", 50)


def test_a_launch(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """Campaign, ad group, ad, switched on last; a receipt, a row, and the money held."""
    ours = released(rooms, workspace)

    receipt = asyncio.run(effect.act(ours.order()))
    ours.keep(receipt)

    assert_launched_once(fake)
    (row, *_) = as_owner(rooms, "row_of_campaign", effect_id=ours.id)
    assert receipt.reference == row.campaign_id == only_campaign(fake)["campaign_id"]
    assert used(rooms, workspace) == Decimal("62.5")
    assert list(fake.counts)[-3:] == list(SWITCHES)


def test_targeting_reaches_the_vendor(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """Countries as location ids, adults only where no age is named, three whole days by UTC."""
    audience = {"countries": ["US", "de"], "gender": "female"}
    ours = released(rooms, workspace, audience=audience, schedule={"days": 3})

    asyncio.run(effect.act(ours.order()))

    (group,) = only_campaign(fake)["adgroups"]
    assert group["location_ids"] == ["6252001", "2921044"]
    assert group["gender"] == "GENDER_FEMALE"
    assert "AGE_13_17" not in group["age_groups"]
    assert len(group["age_groups"]) == 5
    assert group["schedule_end_time"].endswith(" 00:00:00")


@pytest.mark.parametrize("call", [*CREATES, *SWITCHES])
@pytest.mark.parametrize(
    "fault",
    [
        {"what": "cut", "after": True},
        {"what": "cut"},
        {"what": "status", "status": 502, "after": True},
        {"what": "status", "status": 502},
        {"what": "code", "code": "50002", "after": True},
        {"what": "code", "code": "40100"},
        {"what": "delay", "seconds": 0.4},
    ],
    ids=str,
)
def test_one_campaign_whatever_is_lost(
    fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID, call: str, fault: JsonObject
) -> None:
    """The answer to any write is lost, late or wrong, acted on or not: it is found by its name, or made once more."""
    fake.faults({"on": call, **fault})
    ours = released(rooms, workspace)

    tried(effect, ours)

    assert_launched_once(fake)
    assert used(rooms, workspace) == Decimal("62.5")


@pytest.mark.parametrize("dies_at", range(1, 6))
def test_one_campaign_wherever_it_dies(
    fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID, dies_at: int
) -> None:
    """The process ends right after each thing it kept; the next attempt goes on from there."""
    ours = released(rooms, workspace)
    ours.notes = Notes(dies_after(dies_at))

    tried(effect, ours)

    assert_launched_once(fake)
    assert [fake.counts[call] for call in CREATES] == [1, 1, 1]


def test_nothing_kept_is_found_by_name(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """All notes are lost after a whole launch: the campaign is found, and its receipt is the same."""
    ours = released(rooms, workspace)
    first = asyncio.run(effect.act(ours.order()))
    ours.notes = Notes()

    found = asyncio.run(effect.find(ours.order()))

    assert found is not None
    assert (found.reference, found.details) == (first.reference, first.details)
    assert asyncio.run(effect.act(ours.order())).reference == first.reference
    assert_launched_once(fake)


def test_two_launches_of_one_name(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """Two orders that read the same are two campaigns: the names carry their keys."""
    found = [asyncio.run(effect.act(released(rooms, workspace).order())).reference for _ in range(2)]

    assert len(set(found)) == len(fake.campaigns()) == 2


def test_a_half_made_launch_is_not_found(
    fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID
) -> None:
    """Created but not switched on: there is more to do, and nothing is shown."""
    fake.faults({"on": "campaign/status/update", "what": "code", "code": "60001"})
    ours = released(rooms, workspace)
    with pytest.raises(ProviderDownError):
        asyncio.run(effect.act(ours.order()))

    assert asyncio.run(effect.find(ours.order())) is None
    assert not only_campaign(fake)["runs"]


def test_over_the_cap_nothing_is_asked(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """The cap stands in front of the vendor."""
    set_ad_day_cap(rooms.store, workspace, Decimal(62), "a person")

    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(effect.act(released(rooms, workspace).order()))

    assert refused.value.reason == "ad_day_cap"
    assert fake.campaigns() == []
    assert sum(fake.counts.values()) == 0


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        ("campaign/create", "40002", "propose it again"),
        ("adgroup/create", "40065", "under 18"),
        ("ad/create", "40502", "as many ads"),
        ("adgroup/create", "40105", "TIKTOK_ADS_TOKEN"),
        ("campaign/status/update", "40300", "may not run ads"),
    ],
)
def test_a_refusal_leaves_nothing(
    fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID, call: str, code: str, said: str
) -> None:
    """The vendor's no comes with what to do, and what was made is deleted."""
    fake.faults({"on": call, "what": "code", "code": code})

    with pytest.raises(EffectRefusedError, match=said) as refused:
        asyncio.run(effect.act(released(rooms, workspace).order()))

    assert refused.value.reason == code
    assert all(campaign["operation_status"] == "DELETE" for campaign in fake.campaigns())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"objective": "conversions"}, "settings_missing"),
        ({"objective": "shop_sales"}, "settings_missing"),
        ({"audience": {"countries": ["XX"]}}, "country_unknown"),
        ({"advertiser_id": "7000000000000000002"}, "40001"),
    ],
)
def test_impossible_launches_are_refused(
    fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID, changes: JsonObject, reason: str
) -> None:
    """A setting, a country or an advertiser that is not there: nothing runs."""
    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(effect.act(released(rooms, workspace, **changes).order()))

    assert refused.value.reason == reason
    assert not any(campaign["runs"] for campaign in fake.campaigns())


def test_a_video_is_uploaded_once(
    fake: FakeTikTokAds, effect: RealLaunch, real: Settings, rooms: Rooms, workspace: UUID
) -> None:
    """Two ads show one file; the answer to its upload is lost. It is in the library once, byte by byte."""
    kept = kept_film(real, video_bytes(300_000), workspace)
    fake.faults({"on": "file/video/ad/upload", "what": "cut", "after": True})
    asset = {"sha256": kept.sha256, "bytes": kept.bytes}
    ads = [{"name": name, "asset": asset, "text": "Glow in 3 steps"} for name in ("v1", "v1")]

    tried(effect, released(rooms, workspace, ads=ads))

    assert_launched_once(fake, ads=2)
    (video,) = fake.desk.videos.values()
    assert (video["file_name"], video["size"]) == (f"{kept.sha256}.mp4", 300_000)


def test_a_missing_video_is_refused(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """The file is gone: the paused campaign is deleted."""
    ads = [{"name": "v1", "asset": {"sha256": "0" * 64}, "text": "Glow"}]

    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(effect.act(released(rooms, workspace, ads=ads).order()))

    assert refused.value.reason == "asset_missing"
    assert only_campaign(fake)["operation_status"] == "DELETE"


def test_the_secret_is_not_told(fake: FakeTikTokAds, effect: RealLaunch, rooms: Rooms, workspace: UUID) -> None:
    """Neither an error nor a kept note holds the token."""
    fake.faults({"on": "adgroup/create", "what": "code", "code": "40105"})
    ours = released(rooms, workspace)

    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(effect.act(ours.order()))

    assert SECRET not in refused.value.message
    assert SECRET not in str(ours.notes.kept)


def test_what_was_spent(fake: FakeTikTokAds, effect: RealLaunch, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """By the hour of the account's own day: the report's texts are money, and "-" is no value."""
    campaign_id = asyncio.run(effect.act(released(rooms, workspace).order())).reference
    fake.desk.timezone = "America/Los_Angeles"
    for hour in range(8, 32):  # the whole of 19 November there
        at = datetime(2026, 11, 19, tzinfo=UTC) + timedelta(hours=hour)
        fake.desk.spend(campaign_id, at.isoformat(), "0" if hour == 9 else "1.25")

    async def asked() -> tuple[AdAccount, list[tuple[datetime, Decimal]]]:
        async with ads_api(real, Asked(Vendor.ADS, real.army_workspace_id, external_id=ADVERTISER)) as api:
            return await api.account(), await api.spend_by_hour(campaign_id, date(2026, 11, 19))

    account, hours = asyncio.run(asked())
    assert (account.zone, account.currency) == ("America/Los_Angeles", "USD")
    assert (len(hours), hours[0]) == (23, (datetime(2026, 11, 19, 0), Decimal("1.25")))
    assert datetime(2026, 11, 19, 1) not in dict(hours)


@pytest.mark.parametrize("told", ["NaN", "-3", "1e30"])
def test_an_odd_figure_is_none(fake: FakeTikTokAds, real: Settings, told: str) -> None:
    """What is no amount of money is an answer that cannot be read, not a spend."""
    fake.desk.spend("17", "2026-11-19T05:00:00Z", told)

    async def asked() -> None:
        async with ads_api(real, Asked(Vendor.ADS, real.army_workspace_id, external_id=ADVERTISER)) as api:
            await api.spend_by_hour("17", date(2026, 11, 19))

    with pytest.raises(ProviderDownError, match="spend"):
        asyncio.run(asked())


def test_a_limit_is_waited_for(settings: Settings, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """Ten requests a second and no more: the launch goes on where it was told to wait."""
    with FakeTikTokAds(qps=4) as slow:
        effect = RealLaunch(real.model_copy(update={"tiktok_ads_api_url": slow.base_url}))
        ours = released(rooms, workspace)
        with pytest.raises(ProviderDownError, match="QPS") as wait:
            asyncio.run(effect.act(ours.order()))
        slow.desk.arrivals.clear()
        slow.desk.qps = 0

        tried(effect, ours)

        assert wait.value.retry_after_s == 1.0
        assert_launched_once(slow)


def test_nobody_there(real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """No connection: nothing happened, later it may. The money stays held for that."""
    effect = RealLaunch(real.model_copy(update={"tiktok_ads_api_url": "http://127.0.0.1:9"}))

    with pytest.raises(ProviderDownError):
        asyncio.run(effect.act(released(rooms, workspace).order()))

    assert used(rooms, workspace) == Decimal("62.5")

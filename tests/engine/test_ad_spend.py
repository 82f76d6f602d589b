"""What ads really spent: read by the hours of the vendor's day, settled once by day (UTC), and stopped at the cap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from local.fakes.tiktok_ads import FakeTikTokAds
from shared.config import use_settings
from shared.core.canonical import JsonObject
from shared.effects.ad_spend import local_days, spend_by_day
from shared.effects.spend_cap import AdSpend, ad_day, charge, set_ad_day_cap
from shared.engine.execute_step import end_loop
from shared.engine.prove import prove_run
from shared.engine.rooms import Rooms
from shared.engine.settle_ad_spend import read_ad_spend, settle_due_ad_spend, settle_workspace_ad_spend
from tests.engine.test_launch import launched, registered_launching
from tests.support.ageing import alerts_of
from tests.support.effects import Doubtful, a_campaign, as_owner
from tests.support.queues import HeldQueue

DAYS = 3
DAILY = Decimal(50)
HELD = Decimal("62.5")


@pytest.fixture
def fake() -> Iterator[FakeTikTokAds]:
    with FakeTikTokAds() as one:
        yield one


@pytest.fixture
def real(rooms: Rooms, fake: FakeTikTokAds, workspace: UUID) -> Iterator[Rooms]:
    """The rooms in real mode against the fake; what other tests left is not read."""
    changed = {"tiktok_provider_mode": "real", "tiktok_ads_api_url": fake.base_url, "tiktok_ads_token": "t"}
    given = {**rooms.settings.model_dump(), **changed, "army_workspace_id": workspace}
    settings = rooms.settings.model_validate(given)
    as_owner(rooms, "forget_campaigns", workspace_id=uuid4())
    yield replace(rooms, settings=settings)
    use_settings(rooms.settings)


class Running:
    """A campaign that runs at the fake: three days from today on, $50 each, its money held."""

    def __init__(self, rooms: Rooms, workspace: UUID, fake: FakeTikTokAds | None) -> None:
        self.rooms, self.workspace, self.fake = rooms, workspace, fake
        self.effect = Doubtful(rooms, workspace, "launch_campaign", a_campaign(name=f"Glow {uuid4()}"))
        ids = {"effect_id": self.effect.id, "run_id": self.effect.run_id}
        spend = AdSpend(DAILY, DAYS)
        charge(rooms.store, workspace, spend, key=self.effect.key, default_cap_usd=Decimal(500), **ids)
        self.campaign_id = "17" if fake is None else self._made(fake)
        self.effect.resolve("done", self.campaign_id)

    def _made(self, fake: FakeTikTokAds) -> str:
        body: JsonObject = {
            "campaign_name": f"Glow {uuid4()}",
            "objective_type": "TRAFFIC",
            "operation_status": "ENABLE",
        }
        body |= {"advertiser_id": a_campaign()["advertiser_id"], "budget_mode": "BUDGET_MODE_DAY", "budget": 50}
        return str(fake.desk.create_campaign(body)["campaign_id"])

    def age(self, days: int) -> None:
        as_owner(self.rooms, "age_ad_days", workspace_id=self.workspace, days=days)

    def spends(self, day: date, usd: str, hour: int = 12, late: int = 0) -> None:
        assert self.fake is not None
        at = datetime.combine(day, time(hour), UTC).isoformat()
        self.fake.desk.spend(self.campaign_id, at, usd, late)

    @property
    def days(self) -> list[Any]:
        return as_owner(self.rooms, "ad_days", workspace_id=self.workspace)

    @property
    def row(self) -> Any:
        return next(
            row
            for row in as_owner(self.rooms, "campaigns", workspace_id=self.workspace)
            if row.effect_id == self.effect.id
        )

    def used(self, day: date) -> Decimal:
        return ad_day(self.rooms.store, self.workspace, default_cap_usd=Decimal(0), day=day).used_usd

    def told(self, kind: str) -> list[Any]:
        return [event.payload for event in self.effect.told() if event.kind == kind]

    @property
    def operation(self) -> str:
        assert self.fake is not None
        return str(self.fake.desk.things["campaign"][self.campaign_id]["operation_status"])


def look_again(one: Running) -> None:
    as_owner(one.rooms, "look_now", workspace_id=one.workspace)


def test_final_days_are_settled(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Each at what the vendor says: books, caps and proof agree, the rest is free, and it is not read again."""
    one = Running(real, workspace, fake)
    one.age(30)
    for place, row in enumerate(one.days):
        one.spends(row.day, f"{40 + place}.10", hour=3)
        one.spends(row.day, "0.90", hour=22)

    tick = settle_due_ad_spend(real)

    assert (tick.read, tick.days_settled, tick.failed, tick.is_full) == (1, 3, 0, False)
    assert [row.settled_usd for row in one.days] == [Decimal(41), Decimal(42), Decimal(43)]
    assert [one.used(row.day) for row in one.days] == [Decimal(41), Decimal(42), Decimal(43)]
    assert (one.row.status, one.row.look_at) == ("ended", None)
    (told,) = one.told("campaign.spend_settled")
    assert (told["spent_usd"], len(told["days"])) == ("126.00000000", 3)
    proof = prove_run(workspace, one.effect.run_id, real)
    assert proof["differences"] == []
    assert proof["ad_spend"]["settled_usd"] == "126.00000000"
    assert [day["settled_usd"] for day in proof["ad_spend"]["days"]] == ["41.00000000", "42.00000000", "43.00000000"]
    assert settle_due_ad_spend(real).read == 0


def test_a_day_that_is_not_over_is_only_noted(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Today and the days to come stay held; what is seen of today is shown, and it is read again soon."""
    one = Running(real, workspace, fake)
    today = one.days[0].day
    one.spends(today, "12.34", hour=0)

    tick = settle_due_ad_spend(real)

    assert (tick.read, tick.days_settled) == (1, 0)
    assert [row.seen_usd for row in one.days] == [Decimal("12.34"), None, None]
    assert [one.used(row.day) for row in one.days] == [HELD] * 3
    (shown,) = read_ad_spend(workspace, real)
    assert shown["days"][0]["seen_usd"] == "12.34000000"
    assert one.row.status == "active"
    assert one.told("campaign.spend_settled") == []


def test_more_than_was_held_counts_at_once(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """The vendor went beyond its own overshoot: the day has that much less for others, and its books agree."""
    one = Running(real, workspace, fake)
    today = one.days[0].day
    one.spends(today, "70", hour=0)

    settle_due_ad_spend(real)

    assert one.used(today) == Decimal(70)
    assert prove_run(workspace, one.effect.run_id, real)["differences"] == []


def test_figures_that_go_down(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Until a day is final its highest figure counts; then the vendor's last word does, and it is the last."""
    slow = replace(real, settings=real.settings.model_copy(update={"ad_spend_final_h": 700.0}))
    one = Running(real, workspace, fake)
    one.age(10)
    day = one.days[0].day
    for usd in ("70", "45"):
        one.spends(day, usd)
        look_again(one)
        settle_due_ad_spend(slow)
        assert (one.days[0].seen_usd, one.used(day)) == (Decimal(70), Decimal(70))

    look_again(one)
    settle_due_ad_spend(real)
    one.spends(day, "5")
    settle_workspace_ad_spend(workspace, real)

    assert (one.days[0].settled_usd, one.used(day)) == (Decimal(45), Decimal(45))


def test_figures_that_come_late(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """A report that has nothing yet settles nothing before the day is final."""
    slow = replace(real, settings=real.settings.model_copy(update={"ad_spend_final_h": 700.0}))
    one = Running(real, workspace, fake)
    one.age(10)
    day = one.days[0].day
    one.spends(day, "48.00", late=1)

    settle_due_ad_spend(slow)
    assert (one.days[0].settled_usd, one.used(day)) == (None, HELD)
    look_again(one)
    settle_due_ad_spend(real)

    assert (one.days[0].settled_usd, one.used(day)) == (Decimal(48), Decimal(48))


def test_ticks_at_once_settle_once(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Two deliveries of the schedule and two people: one settlement, one event, the money given back once."""
    one = Running(real, workspace, fake)
    one.age(30)
    for row in one.days:
        one.spends(row.day, "40")
    start = Barrier(4)
    asked: list[Callable[[], Any]] = [lambda: settle_due_ad_spend(real)] * 2
    asked += [lambda: settle_workspace_ad_spend(workspace, real)] * 2

    def tick(ask: Callable[[], Any]) -> int:
        start.wait()
        try:
            return int(ask().days_settled)
        finally:
            end_loop()

    with ThreadPoolExecutor(4) as pool:
        settled = list(pool.map(tick, asked))

    assert sum(settled) == DAYS
    assert [one.used(row.day) for row in one.days] == [Decimal(40)] * 3
    assert len(one.told("campaign.spend_settled")) == 1
    assert prove_run(workspace, one.effect.run_id, real)["differences"] == []


def test_a_tick_that_died_is_taken_up(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Claimed and never written: nobody reads it until the lease is over, and then it is as if nothing had been."""
    one = Running(real, workspace, fake)
    one.age(30)
    one.spends(one.days[0].day, "40")
    real.store.move_unscoped("claim_ad_spend", lease_s=300.0)

    assert settle_due_ad_spend(real).read == 0
    assert [row.settled_usd for row in one.days] == [None] * 3
    look_again(one)
    assert settle_due_ad_spend(real).days_settled == DAYS


@pytest.mark.parametrize("code", ["50002", "40100"])
def test_a_busy_vendor_is_asked_later(real: Rooms, workspace: UUID, fake: FakeTikTokAds, code: str) -> None:
    """HTTP 200 with an error: nothing changes, and what is held stays held."""
    one = Running(real, workspace, fake)
    one.age(30)
    fake.faults({"on": "report/integrated/get", "what": "code", "code": code, "skip": 1})

    assert settle_due_ad_spend(real).failed == 1
    assert [(row.settled_usd, row.seen_usd) for row in one.days] == [(None, None)] * 3
    look_again(one)
    assert settle_due_ad_spend(real).days_settled == DAYS


def test_a_vendor_that_says_no_raises_an_alert(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """A token that was revoked, or money that is no dollars: a person has to look, and the money stays held."""
    one = Running(real, workspace, fake)
    one.age(30)
    fake.faults({"on": "advertiser/info", "what": "code", "code": "40105"})
    assert settle_due_ad_spend(real).failed == 1
    fake.desk.currency = "EUR"
    look_again(one)
    assert settle_due_ad_spend(real).failed == 1

    alerts = [alert for alert in alerts_of(one.effect.run_id, real) if alert.kind == "ad_spend_unread"]
    assert len(alerts) == 1, "one a day"
    assert "TIKTOK_ADS_TOKEN" in alerts[0].evidence["reason"]
    assert [one.used(row.day) for row in one.days] == [HELD] * 3
    assert settle_due_ad_spend(real).failed == 0, "it is not asked again at once"


def test_at_the_cap_what_runs_is_paused_once(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """A lower cap, and spend that reaches it: every campaign of the day is switched off, told and alerted of once."""
    first, second = Running(real, workspace, fake), Running(real, workspace, fake)
    other = Running(real, uuid4(), fake)
    set_ad_day_cap(real.store, workspace, Decimal(20), "ada")
    first.spends(first.days[0].day, "20.01", hour=0)

    paused = settle_due_ad_spend(real).paused
    for _ in range(2):
        look_again(first)
        paused += settle_due_ad_spend(real).paused

    assert paused == 2
    assert [one.operation for one in (first, second, other)] == ["DISABLE", "DISABLE", "ENABLE"]
    assert [one.row.status for one in (first, second, other)] == ["paused", "paused", "active"]
    (told,) = first.told("campaign.paused")
    assert (told["spent_usd"], told["cap_usd"]) == ("20.01000000", "20.00000000")
    assert [alert.kind for alert in alerts_of(second.effect.run_id, real)] == ["ad_day_cap"]


def test_a_pause_that_was_lost_is_made_again(real: Rooms, workspace: UUID, fake: FakeTikTokAds) -> None:
    """No answer to switching it off: it is not called paused, and the next tick does it."""
    one = Running(real, workspace, fake)
    set_ad_day_cap(real.store, workspace, Decimal(20), "ada")
    one.spends(one.days[0].day, "25", hour=0)
    fake.faults({"on": "campaign/status/update", "what": "cut"})

    assert (settle_due_ad_spend(real).paused, one.row.status) == (0, "active")
    look_again(one)
    assert (settle_due_ad_spend(real).paused, one.operation) == (1, "DISABLE")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "UTC"])
def test_the_vendors_day_is_not_ours(real: Rooms, workspace: UUID, fake: FakeTikTokAds, zone: str) -> None:
    """Its hours are put into the day (UTC) in which they begin, whatever day they are there; nothing is lost."""
    fake.desk.timezone = zone
    one = Running(real, workspace, fake)
    one.age(30)
    for row in one.days:
        one.spends(row.day, "1.00", hour=1)
        one.spends(row.day, "30.00", hour=12)
        one.spends(row.day, "2.00", hour=22)

    settle_due_ad_spend(real)

    assert [row.settled_usd for row in one.days] == [Decimal(33)] * 3


def test_hours_at_the_edges() -> None:
    """Only local days that touch an open day are asked; an hour outside of the campaign counts with its nearest day."""
    zone, days = ZoneInfo("America/New_York"), [date(2026, 11, 1), date(2026, 11, 2)]  # clocks go back on the first
    at = datetime(2026, 11, 2, 3, tzinfo=UTC)

    asked = list(local_days([date(2026, 11, 2)], zone, at))
    hours = [(datetime(2026, 10, 31, 19), Decimal(1)), (datetime(2026, 11, 1, 1), Decimal(2))]
    hours += [(datetime(2026, 11, 1, 19), Decimal(4)), (datetime(2026, 11, 3, 5), Decimal(8))]

    assert asked == [date(2026, 11, 1)]
    assert spend_by_day(hours, zone, days, set(days)) == {days[0]: Decimal(3), days[1]: Decimal(12)}
    assert spend_by_day(hours, zone, days, {days[1]}) == {days[1]: Decimal(12)}


def test_mock_mode_spends_too(rooms: Rooms, workspace: UUID, queue: HeldQueue) -> None:
    """From an approved launch to settled days without a vendor: figures that differ, none above its budget."""
    as_owner(rooms, "forget_campaigns", workspace_id=workspace)
    with registered_launching():
        run_id = launched(rooms, queue, workspace)
    as_owner(rooms, "age_ad_days", workspace_id=workspace, days=30)

    assert settle_due_ad_spend(rooms).days_settled == 7
    (shown,) = read_ad_spend(workspace, rooms)
    settled = [Decimal(day["settled_usd"]) for day in shown["days"]]
    assert all(Decimal(40) <= spent <= Decimal(50) for spent in settled)
    assert len(set(settled)) > 1
    assert prove_run(workspace, run_id, rooms)["ad_spend"]["settled_usd"] == f"{sum(settled):.8f}"


def test_what_the_mode_cannot_ask_is_left_alone(rooms: Rooms, workspace: UUID) -> None:
    """A campaign at TikTok, in mock mode: no figure is made up, and its money stays held."""
    as_owner(rooms, "forget_campaigns", workspace_id=workspace)
    one = Running(rooms, workspace, None)
    one.age(30)

    tick = settle_due_ad_spend(rooms)

    assert (tick.read, tick.days_settled) == (1, 0)
    assert [one.used(row.day) for row in one.days] == [HELD] * 3

"""The daily cap on paid ads: held under any concurrency, counted once, given back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from shared.effects.spend_cap import AdDay, AdSpend, Charge, ad_day, charge, release, set_ad_day_cap, settlement
from shared.errors import EffectRefusedError, InvalidInputError
from shared.store.session import Store

DEFAULT = Decimal(500)


def charged(store: Store, workspace: UUID, daily: str, key: str | None = None, days: int = 1) -> Charge:
    return charge(store, workspace, AdSpend(Decimal(daily), days), key=key or str(uuid4()), default_cap_usd=DEFAULT)


def day(store: Store, workspace: UUID, after: int = 0) -> AdDay:
    today = ad_day(store, workspace, default_cap_usd=DEFAULT)
    return ad_day(store, workspace, default_cap_usd=DEFAULT, day=today.day + timedelta(days=after))


def refusal_of(store: Store, workspace: UUID, spend: AdSpend, key: str) -> str | None:
    """Why it was refused; None if the money is held."""
    try:
        charge(store, workspace, spend, key=key, default_cap_usd=DEFAULT)
    except EffectRefusedError as refused:
        return refused.reason
    return None


@pytest.fixture
def hundred(store: Store, workspace: UUID) -> UUID:
    """A workspace that may spend $100 a day."""
    set_ad_day_cap(store, workspace, Decimal(100), "a person")
    return workspace


def test_fifty_at_once_never_exceed_the_cap(store: Store, hundred: UUID) -> None:
    """Fifty threads want $4 a day each, overshoot $5: twenty get it, whatever their order, and no cent is over."""
    start = Barrier(50)

    def race(number: int) -> str | None:
        start.wait(10)
        return refusal_of(store, hundred, AdSpend(Decimal(4), 1), f"launch-{number}")

    with ThreadPoolExecutor(50) as pool:
        refused = list(pool.map(race, range(50)))

    assert (refused.count(None), refused.count("ad_day_cap")) == (20, 30)
    assert day(store, hundred).used_usd == Decimal(100)


def test_fifty_over_days_that_overlap(store: Store, hundred: UUID) -> None:
    """Campaigns of one to five days race: no day is over its cap, and none of them waits for another for ever."""
    start = Barrier(50)

    def race(number: int) -> str | None:
        start.wait(10)
        spend = AdSpend(Decimal(3), 1 + number % 5, today + timedelta(days=number % 3))
        return refusal_of(store, hundred, spend, f"launch-{number}")

    today = day(store, hundred).day
    with ThreadPoolExecutor(50) as pool:
        refused = set(pool.map(race, range(50)))

    assert refused == {None, "ad_day_cap"}
    used = [day(store, hundred, after).used_usd for after in range(7)]
    assert all(amount <= 100 for amount in used)
    assert max(used) >= 90


def test_the_same_key_is_charged_once(store: Store, hundred: UUID) -> None:
    """Twenty threads with one key, as after a crash and two deliveries: one reservation, and all are told of it."""
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: charged(store, hundred, "8", "launch-1"), range(20)))

    assert day(store, hundred).used_usd == Decimal(10)
    assert [charge.is_new for charge in found].count(True) == 1
    assert {charge.each_usd for charge in found} == {Decimal(10)}


def test_the_refusal_names_cap_used_and_wanted(store: Store, hundred: UUID) -> None:
    """Whoever reads it knows what to raise, and by how much."""
    charged(store, hundred, "60")

    with pytest.raises(EffectRefusedError) as refused:
        charged(store, hundred, "24")

    assert refused.value.reason == "ad_day_cap"
    for told in (str(day(store, hundred).day), "is $100:", "$75 is used", "wants $30 a day"):
        assert told in refused.value.message
    assert day(store, hundred).used_usd == Decimal(75)


def test_a_full_day_refuses_the_whole_launch(store: Store, hundred: UUID) -> None:
    """One of its three days is taken: nothing is held on the others."""
    tomorrow = day(store, hundred, 1).day
    assert refusal_of(store, hundred, AdSpend(Decimal(80), 1, tomorrow), "a") is None

    with pytest.raises(EffectRefusedError, match=str(tomorrow)):
        charged(store, hundred, "8", days=3)

    assert [day(store, hundred, after).used_usd for after in range(3)] == [Decimal(0), Decimal(100), Decimal(0)]


def test_what_was_not_launched_is_given_back(store: Store, hundred: UUID) -> None:
    """Release empties every day, once; the key does not come back to life."""
    charged(store, hundred, "40", "launch-1", days=2)

    assert release(store, hundred, key="launch-1") == Decimal(100)
    assert release(store, hundred, key="launch-1") == Decimal(0)
    assert [day(store, hundred, after).used_usd for after in range(2)] == [Decimal(0), Decimal(0)]
    with pytest.raises(EffectRefusedError) as refused:
        charged(store, hundred, "40", "launch-1", days=2)
    assert refused.value.reason == "ad_day_released"


def test_a_day_is_settled_at_what_it_came_to(store: Store, hundred: UUID) -> None:
    """The real spend stays in the count of its day, the rest is free again; the other day is held as before."""
    today = charged(store, hundred, "40", "launch-1", days=2).first_day

    for spent, given_back in (("41.20", "8.80"), ("0", "0")):
        moves = settlement(hundred, "launch-1", final={today: Decimal(spent)}, so_far={today: Decimal(99)})
        (row,) = store.move_all(hundred, [moves[0], moves[2]])[-1]
        assert row.given_back_usd == Decimal(given_back)
    assert [day(store, hundred, after).used_usd for after in range(2)] == [Decimal("41.20"), Decimal(50)]


def test_without_a_cap_of_its_own_the_settings_hold(store: Store, workspace: UUID) -> None:
    """A workspace that set nothing still has a bound."""
    with pytest.raises(EffectRefusedError, match=r"is \$500"):
        charged(store, workspace, "401")

    assert charged(store, workspace, "400").each_usd == Decimal(500)


def test_a_lower_cap_takes_nothing_away(store: Store, hundred: UUID) -> None:
    """What runs goes on; nothing is added until there is room again."""
    charged(store, hundred, "40")
    set_ad_day_cap(store, hundred, Decimal(45), "a person")

    assert day(store, hundred).used_usd == Decimal(50)
    assert day(store, hundred).left_usd == Decimal(0)
    with pytest.raises(EffectRefusedError):
        charged(store, hundred, "0.01")


def test_workspaces_do_not_share_a_cap(store: Store, hundred: UUID) -> None:
    """The wall stands between two tenants' money, and between their keys."""
    other = uuid4()
    charged(store, hundred, "80", "launch-1")

    assert charged(store, other, "80", "launch-1").is_new
    assert day(store, other).used_usd == Decimal(100)


def test_a_start_that_is_past_is_today(store: Store, hundred: UUID) -> None:
    """No day that is over is charged."""
    held = charge(store, hundred, AdSpend(Decimal(8), 1, date(2020, 1, 1)), key="a", default_cap_usd=DEFAULT)

    assert held.first_day == day(store, hundred).day
    assert day(store, hundred).used_usd == Decimal(10)


@pytest.mark.parametrize(("daily", "days"), [("0", 1), ("-1", 1), ("NaN", 1), ("1", 0), ("1", 91)])
def test_impossible_charges_are_refused(store: Store, hundred: UUID, daily: str, days: int) -> None:
    """No amount, or no day: nothing is written."""
    with pytest.raises(InvalidInputError):
        charged(store, hundred, daily, days=days)

    assert day(store, hundred).used_usd == Decimal(0)

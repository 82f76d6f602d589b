"""The daily cap on paid ads: a launch that could exceed it is stopped before anything is created (B043).

A campaign spends on each of its days, so each of them holds a reservation. TikTok may spend a quarter more than a daily
budget on one day, so a quarter more is reserved. Whatever runs at the same time, no day is reserved beyond its cap: the
days are locked, in order, before they are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import Any
from uuid import UUID

from shared.core.money import PLACES, usd
from shared.errors import EffectRefusedError, InvalidInputError
from shared.store.documents import as_jsonb
from shared.store.session import Step, Store

OVERSHOOT = Decimal("1.25")  # what TikTok may spend of a daily budget on one day
MOST_DAYS = 90


@dataclass(frozen=True, slots=True)
class AdSpend:
    """What a launch asks for: a daily budget in US dollars, on how many days, from `first_day` (UTC) on. Today is meant
    if that is None or past."""

    daily_usd: Decimal
    days: int
    first_day: date | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What is held: `each_usd` on `first_day` and the days after it. `is_new` is False if it was held before."""

    first_day: date
    each_usd: Decimal
    is_new: bool


@dataclass(frozen=True, slots=True)
class AdDay:
    """One day (UTC) of a workspace: its cap, and what is reserved or spent of it."""

    day: date
    cap_usd: Decimal
    used_usd: Decimal

    @property
    def left_usd(self) -> Decimal:
        return max(Decimal(0), self.cap_usd - self.used_usd)


def charge(
    store: Store,
    workspace_id: UUID,
    spend: AdSpend,
    *,
    key: str,
    default_cap_usd: Decimal,
    run_id: UUID | None = None,
    effect_id: UUID | None = None,
) -> Charge:
    """Reserves a quarter more than the daily budget on each day, or nothing at all; twice under one key is once.

    `default_cap_usd` applies where the workspace has set no cap. Raises `EffectRefusedError("ad_day_cap")` that names
    the day, its cap, what is used and what was wanted, and `EffectRefusedError("ad_day_released")` for a key whose
    money was given back.
    """
    each_usd = _each_usd(spend)
    span: dict[str, Any] = {"workspace_id": workspace_id, "first_day": spend.first_day, "days": spend.days}
    amounts = {"key": key, "each_usd": each_usd, "run_id": run_id, "effect_id": effect_id}
    (row,) = store.move_all(
        workspace_id,
        [
            ("open_ad_days", {**span, "default_cap_usd": default_cap_usd}),
            ("lock_ad_days", span),
            ("charge_ad_days", {**span, **amounts}),
        ],
    )[2]
    return _verdict(row, each_usd)


def _each_usd(spend: AdSpend) -> Decimal:
    if not 1 <= spend.days <= MOST_DAYS:
        raise InvalidInputError("days", f"{spend.days} is out of range; allowed: 1 to {MOST_DAYS}")
    if not spend.daily_usd.is_finite() or spend.daily_usd <= 0:
        raise InvalidInputError("daily_usd", "expected: a positive amount in US dollars")
    return (spend.daily_usd * OVERSHOOT).quantize(PLACES, rounding=ROUND_UP)


def _verdict(row: Any, each_usd: Decimal) -> Charge:
    if row.is_settled:
        raise EffectRefusedError("ad_day_released", "the money for this launch was given back: propose it anew")
    if row.is_known:
        return Charge(row.known_day, row.known_usd, is_new=False)
    if not row.fits:
        raise EffectRefusedError(
            "ad_day_cap",
            f"the ad cap of {row.tight_day} is ${usd(row.cap_usd).normalize():f}: "
            f"${usd(row.used_usd).normalize():f} is used, and this launch wants ${each_usd.normalize():f} a day "
            "(its daily budget and the quarter that TikTok may overshoot); raise the cap, or launch less",
        )
    return Charge(row.first_day, each_usd, is_new=True)


def release(store: Store, workspace_id: UUID, *, key: str) -> Decimal:
    """Gives back what the key still holds, in US dollars: nothing was launched. Twice is once."""
    return _given_back(store.move_all(workspace_id, release_moves(workspace_id, key, None)))


def release_moves(workspace_id: UUID, key: str, refused_id: UUID | None) -> list[Step]:
    """The same as statements, to be sent with the last move of an effect: they act only if it was refused."""
    return _settlement(workspace_id, key, spent=None, refused_id=refused_id)


def settlement(
    workspace_id: UUID, key: str, *, final: Mapping[date, Decimal], so_far: Mapping[date, Decimal]
) -> list[Step]:
    """What days came to, as statements of one transaction: `final` is put in place of what was reserved, and the rest
    given back; `so_far` is noted, and holds more where it is more than was reserved. Settled days stay."""
    which = {"workspace_id": workspace_id, "key": key, "most_days": MOST_DAYS}
    lock, settle = _settlement(workspace_id, key, spent=_by_day(final), refused_id=None)
    return [lock, ("note_ad_days", {**which, "seen": _by_day(so_far)}), settle]


def _by_day(amounts: Mapping[date, Decimal]) -> str:
    return as_jsonb({day.isoformat(): str(usd(amount)) for day, amount in amounts.items()}) or "{}"


def _settlement(workspace_id: UUID, key: str, *, spent: str | None, refused_id: UUID | None) -> list[Step]:
    which = {"workspace_id": workspace_id, "key": key, "most_days": MOST_DAYS}
    return [("lock_charged_days", which), ("settle_ad_days", {**which, "spent": spent, "refused_id": refused_id})]


def _given_back(results: list[list[Any]]) -> Decimal:
    (row,) = results[-1]
    given_back: Decimal = row.given_back_usd
    return given_back


def set_ad_day_cap(store: Store, workspace_id: UUID, cap_usd: Decimal, set_by: str) -> None:
    """Sets the cap of today and of every day to come. Reservations beyond a lower cap stay; nothing is added."""
    if not cap_usd.is_finite() or cap_usd < 0:
        raise InvalidInputError("cap_usd", "expected: an amount in US dollars, 0 or more")
    store.move(workspace_id, "set_ad_day_cap", workspace_id=workspace_id, cap_usd=usd(cap_usd), set_by=set_by)


def ad_day(store: Store, workspace_id: UUID, *, default_cap_usd: Decimal, day: date | None = None) -> AdDay:
    """The cap of a day (UTC; today if None) and what is used of it."""
    values = {"workspace_id": workspace_id, "default_cap_usd": default_cap_usd, "day": day}
    (row,) = store.move(workspace_id, "ad_day", **values)
    return AdDay(row.day, row.cap_usd, row.used_usd)

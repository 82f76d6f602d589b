"""Settles what ads spent: for each launched campaign the vendor's figures go into the ledger, day by day.

    an open day   → the highest figure so far is noted; more than was reserved is held under the cap at once
    a final day   → settled with the vendor's last figure; what was reserved and not spent is free again
    today's cap   → once it is reached, what still runs is paused at the vendor, and an alert is raised

Any number of ticks may run at once, and each may die anywhere: a campaign is claimed for a while, reading changes
nothing, and its figures are written in one transaction that acts on open days only.
"""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.ids import new_id
from shared.core.scrub import scrubbed
from shared.effects.ad_spend import SpendingCampaign, SpentDay, spend_source
from shared.effects.spend_cap import MOST_DAYS, settlement
from shared.engine.execute_step import on_this_thread
from shared.engine.read_run import shown_row
from shared.engine.rooms import Rooms
from shared.errors import EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.store.documents import clean_text

log = logging.getLogger(__name__)

A_TICK = 200  # campaigns
TICK_S = 25.0  # of beginning new ones
LEASE_S = 300.0  # longer than reading one takes
REFUSED_AGAIN_S = 6 * 3600.0
SHOWN = 100


@dataclass(slots=True)
class SpendTick:
    """What a tick came to. `failed`: their figures could not be read, and are asked for again later. `is_full`: there
    may be more."""

    read: int = 0
    days_settled: int = 0
    paused: int = 0
    failed: int = 0
    is_full: bool = False

    def shown(self) -> JsonObject:
        return {
            "campaigns_read": self.read,
            "days_settled": self.days_settled,
            "campaigns_paused": self.paused,
            "campaigns_failed": self.failed,
            "is_full": self.is_full,
        }


def settle_due_ad_spend(rooms: Rooms) -> SpendTick:
    """Of every workspace, campaign after campaign that is due to be read; a bounded number, for a bounded time."""
    tick, until = SpendTick(), clock.monotonic() + TICK_S
    while tick.read + tick.failed < A_TICK and clock.monotonic() < until:
        rows = rooms.store.move_unscoped("claim_ad_spend", lease_s=LEASE_S)
        if not rows:
            return tick
        _settle_one(rows[0].workspace_id, rows[0].id, tick, rooms)
    tick.is_full = True
    return tick


def settle_workspace_ad_spend(workspace_id: UUID, rooms: Rooms) -> SpendTick:
    """Of one workspace, now, whether due or not."""
    tick, until = SpendTick(), clock.monotonic() + TICK_S
    rows = rooms.store.move(workspace_id, "campaigns_to_look_at", limit=A_TICK)
    for place, row in enumerate(rows):
        if clock.monotonic() >= until:
            tick.is_full = True
            break
        _settle_one(workspace_id, row.id, tick, rooms)
        tick.is_full = place + 1 == A_TICK
    return tick


def read_ad_spend(workspace_id: UUID, rooms: Rooms) -> list[JsonObject]:
    """The newest campaigns with their days: reserved, seen so far, settled; US dollars as text."""
    rows = rooms.store.move(workspace_id, "ad_spend_of_workspace", limit=SHOWN, most_days=MOST_DAYS)
    return [shown_row(row) for row in rows]


def _settle_one(workspace_id: UUID, campaign_id: UUID, tick: SpendTick, rooms: Rooms) -> None:
    values = {"campaign_id": campaign_id, "most_days": MOST_DAYS}
    rows = rooms.store.move(workspace_id, "ad_spend_of_campaign", **values)
    if not rows:
        return
    (row,) = rows
    try:
        tick.days_settled += on_this_thread(_read(workspace_id, row, rooms))
        tick.paused += on_this_thread(_paused(workspace_id, rooms))
        tick.read += 1
    except (ProviderDownError, EffectUnknownError) as later:
        log.warning("ad_spend.later: campaign %s: %s", row.campaign_id, later)
        tick.failed += 1
    except EffectRefusedError as refused:
        tick.failed += 1
        reason = clean_text(scrubbed(refused.message, rooms.settings.secrets))[:1000]
        rooms.store.move(workspace_id, "alert_unread_ad_spend", id=campaign_id, alert_id=new_id(), reason=reason)
        _write(workspace_id, row, {}, {}, REFUSED_AGAIN_S, rooms)


async def _read(workspace_id: UUID, row: Any, rooms: Rooms) -> int:
    """Asks the vendor and writes what it said: how many days are settled now."""
    days = [SpentDay(date.fromisoformat(d["day"]), Decimal(d["reserved_usd"]), d["is_settled"]) for d in row.days or []]
    campaign = SpendingCampaign(row.advertiser_id, row.campaign_id, tuple(days), row.at)
    source = spend_source(rooms.settings, row.vendor, workspace_id)
    if source is None:
        return _write(workspace_id, row, {}, {}, REFUSED_AGAIN_S, rooms)
    found = await source.by_day(campaign)
    final = {one.day: found.get(one.day, Decimal(0)) for one in campaign.open_days if _is_final(one.day, row.at, rooms)}
    so_far = {day: spent for day, spent in found.items() if day not in final}
    return _write(workspace_id, row, final, so_far, _next_s(campaign, set(final), rooms), rooms)


def _final_at(day: date, rooms: Rooms) -> datetime:
    """When the vendor's figures of a day (UTC) change no more."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1, hours=rooms.settings.ad_spend_final_h)


def _is_final(day: date, at: datetime, rooms: Rooms) -> bool:
    return at >= _final_at(day, rooms)


def _next_s(campaign: SpendingCampaign, final: set[date], rooms: Rooms) -> float | None:
    """In how many seconds it is read again: soon while it may spend, then when the next day is final; None: never."""
    left = [one.day for one in campaign.days if not one.is_settled and one.day not in final]
    if not left:
        return None
    if campaign.days[-1].day >= campaign.at.astimezone(UTC).date():
        return rooms.settings.ad_spend_every_s
    return max(rooms.settings.ad_spend_every_s, (_final_at(left[0], rooms) - campaign.at).total_seconds())


def _write(
    workspace_id: UUID,
    row: Any,
    final: Mapping[date, Decimal],
    so_far: Mapping[date, Decimal],
    next_s: float | None,
    rooms: Rooms,
) -> int:
    looked = {"workspace_id": workspace_id, "run_id": row.run_id, "id": row.id, "key": row.key}
    moves = [
        ("lock_run", {"run_id": row.run_id}),
        *settlement(workspace_id, row.key, final=final, so_far=so_far),
        ("looked_at_ad_spend", {**looked, "next_s": next_s, "most_days": MOST_DAYS}),
    ]
    (told,) = rooms.store.move_all(workspace_id, moves)[-1]
    return int(told.settled)


async def _paused(workspace_id: UUID, rooms: Rooms) -> int:
    """Switches off what still runs on a day whose cap is reached. The hold on effects does not keep it from that: it is
    there so that nothing begins."""
    paused = 0
    for row in rooms.store.move(workspace_id, "campaigns_at_cap", workspace_id=workspace_id):
        source = spend_source(rooms.settings, row.vendor, workspace_id)
        if source is None:
            continue
        await source.pause(row.advertiser_id, row.campaign_id)
        values = {"id": row.id, "day": row.day, "spent_usd": row.spent_usd, "cap_usd": row.cap_usd}
        told = rooms.store.move_step(workspace_id, "pause_campaign", run_id=row.run_id, alert_id=new_id(), **values)
        paused += len(told)
    return paused

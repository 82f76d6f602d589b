"""Launching, changing and sending in mock mode: the same receipt each time, the same rows, and the money held."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.core.canonical import JsonObject
from shared.effects.registry import effect_of
from shared.effects.spend_cap import ad_day, set_ad_day_cap
from shared.engine.rooms import Rooms
from shared.errors import EffectRefusedError
from tests.support.effects import Released, a_campaign, a_message, as_owner

KINDS: dict[str, JsonObject] = {
    "launch_campaign": a_campaign(),
    "update_listing": {"product_id": "1729000000000000001", "title": "Glow Serum 30 ml, for Dull Skin"},
    "send_message": a_message(),
}


def released(rooms: Rooms, workspace: UUID, kind: str, **changes: Any) -> Released:
    amount = "350" if kind == "launch_campaign" else None
    return Released(rooms, workspace, kind, {**KINDS[kind], **changes}, amount)


def used(rooms: Rooms, workspace: UUID) -> Decimal:
    return ad_day(rooms.store, workspace, default_cap_usd=Decimal(0)).used_usd


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_twice_is_once(rooms: Rooms, workspace: UUID, kind: str) -> None:
    """A second attempt of the same order gives the same reference, and leaves the one row."""
    effect, ours = effect_of(kind, rooms.settings), released(rooms, workspace, kind)

    first = asyncio.run(effect.act(ours.order()))
    ours.keep(first)
    again = asyncio.run(effect.act(ours.order()))
    ours.keep(again)

    assert (first.vendor, first.reference, first.details) == (again.vendor, again.reference, again.details)
    assert asyncio.run(effect.find(ours.order())) is None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_two_orders_are_two_deeds(rooms: Rooms, workspace: UUID, kind: str) -> None:
    """The ids are those of the order, but for a listing, which is the same listing."""
    effect = effect_of(kind, rooms.settings)
    found = [asyncio.run(effect.act(released(rooms, workspace, kind).order())).reference for _ in range(2)]

    assert (found[0] == found[1]) == (kind == "update_listing")


def test_a_launch_holds_its_money_and_leaves_its_row(rooms: Rooms, workspace: UUID) -> None:
    """$350 over seven days: $62.50 of today's cap, and a campaign of $350."""
    ours = released(rooms, workspace, "launch_campaign")

    ours.keep(asyncio.run(effect_of("launch_campaign", rooms.settings).act(ours.order())))

    row, *days = as_owner(rooms, "row_of_campaign", effect_id=ours.id)
    assert (row.advertiser_id, row.budget_usd, row.status) == ("7000000000000000001", Decimal(350), "active")
    assert (len(row.adgroup_ids), len(row.ad_ids), len(days) + 1) == (1, 1, 7)
    assert used(rooms, workspace) in (Decimal("62.5"), Decimal(0))  # nothing, if today is all but over


def test_a_launch_over_the_cap_is_refused(rooms: Rooms, workspace: UUID) -> None:
    """The mock is no way around the cap."""
    set_ad_day_cap(rooms.store, workspace, Decimal("62.49"), "a person")
    ours = released(rooms, workspace, "launch_campaign")

    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(effect_of("launch_campaign", rooms.settings).act(ours.order()))

    assert refused.value.reason == "ad_day_cap"
    assert used(rooms, workspace) == Decimal(0)


def test_less_money_is_a_smaller_budget(rooms: Rooms, workspace: UUID) -> None:
    """A gate released $200 of the $350 that were asked for."""
    ours = released(rooms, workspace, "launch_campaign")
    ours.released_usd = Decimal(200)

    receipt = asyncio.run(effect_of("launch_campaign", rooms.settings).act(ours.order()))

    assert receipt.details["budget_usd"] == "200.00"


def test_too_little_money_is_refused(rooms: Rooms, workspace: UUID) -> None:
    """$100 is $14.28 a day, less than TikTok takes: nothing is held."""
    ours = released(rooms, workspace, "launch_campaign")
    ours.released_usd = Decimal(100)

    with pytest.raises(EffectRefusedError, match=r"\$140 or more") as refused:
        asyncio.run(effect_of("launch_campaign", rooms.settings).act(ours.order()))

    assert refused.value.reason == "budget_below_minimum"
    assert used(rooms, workspace) == Decimal(0)


def test_a_listing_keeps_its_old_texts(rooms: Rooms, workspace: UUID) -> None:
    """Hashtags become the last paragraph; what stood there before is kept beside it."""
    ours = released(rooms, workspace, "update_listing", hashtags=["glow", "serum"])

    ours.keep(asyncio.run(effect_of("update_listing", rooms.settings).act(ours.order())))

    (row,) = as_owner(rooms, "row_of_listing", product_id="1729000000000000001", workspace_id=workspace)
    previous = row.listing["previous"]
    assert row.title == "Glow Serum 30 ml, for Dull Skin"
    assert row.description == previous["description"] + "\n\n#glow #serum"
    assert row.listing["effect_id"] == str(ours.id)
    assert previous["title"] != row.title


def test_a_message_leaves_its_row(rooms: Rooms, workspace: UUID) -> None:
    """Who was written to, and what."""
    ours = released(rooms, workspace, "send_message")

    ours.keep(asyncio.run(effect_of("send_message", rooms.settings).act(ours.order())))

    (row,) = as_owner(rooms, "row_of_message", effect_id=ours.id)
    assert (row.creator, row.body) == ("glowwithmia", KINDS["send_message"]["body"])

"""A person says that an effect was done: the rows and the events are those that the engine's own receipt leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from shared.core.canonical import JsonObject
from shared.effects.contract import Receipt
from shared.effects.registry import effect_of
from shared.effects.resolved import told_receipt
from shared.effects.spend_cap import AdSpend, ad_day, charge
from shared.engine.resolve_effect import As
from shared.engine.rooms import Rooms
from shared.errors import ConflictError, InvalidInputError
from tests.support.effects import Doubtful, Released, a_campaign, a_message, as_owner
from tests.support.publishing import HANDLE, a_post
from tests.support.runs import events_of

POST = "7300000000000000001"
URL = f"https://www.tiktok.com/@{HANDLE}/video/{POST}"
PRODUCT = "1729000000000000001"
KINDS: dict[str, JsonObject] = {
    "publish_video": a_post(),
    "launch_campaign": a_campaign(),
    "update_listing": {"product_id": PRODUCT, "title": "Glow Serum 30 ml, for Dull Skin"},
    "send_message": a_message(),
}
PREVIOUS = {"previous": {"title": "Serum", "html": "<p>Old words</p>"}}


def doubtful(rooms: Rooms, workspace: UUID, kind: str, progress: JsonObject | None = None, **changes: Any) -> Doubtful:
    return Doubtful(rooms, workspace, kind, {**KINDS[kind], **changes}, progress)


def kept(receipt: Receipt) -> list[tuple[str, JsonObject]]:
    """The rows of a receipt, but for their own ids."""
    return [
        (write.statement, {name: value for name, value in write.values.items() if name != "id"})
        for write in receipt.writes
    ]


FOUND: dict[str, Callable[[Receipt], JsonObject]] = {
    "publish_video": lambda _: {},
    "launch_campaign": lambda done: {"adgroup_id": done.details["adgroup_id"], "ad_ids": done.details["ad_ids"]},
    "update_listing": lambda done: {
        "previous_title": done.details["previous"]["title"],
        "previous_description": done.details["previous"]["description"],
        "audit_status": done.details["audit_status"],
    },
    "send_message": lambda done: {"conversation_id": done.details["conversation_id"]},
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_rows_are_those_of_the_engine(rooms: Rooms, workspace: UUID, kind: str) -> None:
    """Told what the vendor would have answered, the same statements get the same values, and the event is the same."""
    ours = Released(rooms, workspace, kind, KINDS[kind], "350" if kind == "launch_campaign" else None)
    done = asyncio.run(effect_of(kind, rooms.settings).act(ours.order()))
    publish_id = {"publish_id": done.details.get("publish_id")} if kind == "publish_video" else {}
    order = ours.order()
    known = replace(order, progress={**order.progress, **publish_id})

    told = told_receipt(kind, known, done.reference, FOUND[kind](done))

    assert (kept(told), told.event, told.reference, told.url) == (kept(done), done.event, done.reference, done.url)
    assert told.details == done.details


def test_a_post_that_is_out(rooms: Rooms, workspace: UUID) -> None:
    """Its row and its event are there, with who said so; the numbers of the events leave no gap."""
    ours = doubtful(rooms, workspace, "publish_video", {"publish_id": "v_pub_file~v2.1"})

    assert ours.resolve("done", POST)["status"] == "done"

    (post,) = as_owner(rooms, "posts_of_run", run_id=ours.run_id)
    assert (post.post_id, post.url, post.publish_id, post.effect_id) == (POST, URL, "v_pub_file~v2.1", ours.id)
    assert ours.row.receipt["details"]["by"] == "ada"
    told = {event.kind: event.payload for event in ours.told()}
    assert list(told)[-3:] == ["effect.resolved", "effect.done", "tiktok.posted"]
    assert told["tiktok.posted"]["receipt"]["url"] == URL
    events = events_of(ours.run_id, workspace, rooms)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_a_post_that_only_some_may_see(rooms: Rooms, workspace: UUID) -> None:
    """It has a publish id and no address; a reference of that form is enough."""
    ours = doubtful(rooms, workspace, "publish_video", privacy_level="SELF_ONLY")

    ours.resolve("done", "v_pub_file~v2-1.99")

    (post,) = as_owner(rooms, "posts_of_run", run_id=ours.run_id)
    assert (post.post_id, post.url, post.publish_id) == (None, None, "v_pub_file~v2-1.99")


def test_a_campaign_that_runs(rooms: Rooms, workspace: UUID) -> None:
    """Its row has what was released, and its money stays held."""
    ours = doubtful(rooms, workspace, "launch_campaign", {"begins": "2026-11-19T08:00:00+00:00"})
    charge(rooms.store, workspace, AdSpend(Decimal(50), 7), key=ours.key, default_cap_usd=Decimal(500))

    ours.resolve("done", "1780000000000000001", adgroup_id=1780000000000000002, ad_ids=["1780000000000000003"])

    row, *_ = as_owner(rooms, "row_of_campaign", effect_id=ours.id)
    assert (row.campaign_id, row.adgroup_ids, row.ad_ids, row.budget_usd) == (
        "1780000000000000001",
        ["1780000000000000002"],
        ["1780000000000000003"],
        Decimal(350),
    )
    assert ad_day(rooms.store, workspace, default_cap_usd=Decimal(0)).used_usd == Decimal("62.5")


def test_a_listing_and_a_message(rooms: Rooms, workspace: UUID) -> None:
    """What an attempt had kept need not be told: the texts before, the conversation."""
    listing = doubtful(rooms, workspace, "update_listing", PREVIOUS)
    message = doubtful(rooms, workspace, "send_message", {"conversation_id": "88"})

    listing.resolve("done", PRODUCT, audit_status="LIVE")
    message.resolve("done", "m-1")

    (product,) = as_owner(rooms, "row_of_listing", product_id=PRODUCT, workspace_id=workspace)
    assert (product.title, product.listing["previous"]["title"]) == (KINDS["update_listing"]["title"], "Serum")
    (sent,) = as_owner(rooms, "row_of_message", effect_id=message.id)
    assert (sent.conversation_id, sent.message_id, sent.creator) == ("88", "m-1", "glowwithmia")


WRONG = [
    ("publish_video", None, "two words", {}, "reference"),
    ("publish_video", None, POST, {"url": "https://example.com/x"}, "receipt.url"),
    ("publish_video", None, POST, {"url": URL.replace(HANDLE, "other")}, "receipt.url"),
    ("publish_video", None, POST, {"url": URL + "7"}, "receipt.url"),
    ("publish_video", None, POST, {"likes": 3}, "receipt.likes"),
    ("launch_campaign", None, "no id", {}, "reference"),
    ("launch_campaign", {"campaign_id": "17"}, "18", {}, "reference"),
    ("launch_campaign", None, "17", {"ad_ids": ["1", "2"]}, "receipt.ad_ids"),
    ("launch_campaign", None, "17", {"adgroup_id": "a b"}, "receipt.adgroup_id"),
    ("update_listing", PREVIOUS, "1", {}, "reference"),
    ("update_listing", None, PRODUCT, {}, "receipt.previous_title"),
    ("update_listing", None, PRODUCT, {"previous_title": "x"}, "receipt.previous_description"),
    ("send_message", None, "m-1", {}, "receipt.conversation_id"),
    ("send_message", {"conversation_id": "88"}, "m-1", {"cards_refused": {"9": "no"}}, "receipt.cards_refused.9"),
]


@pytest.mark.parametrize(("kind", "progress", "reference", "receipt", "field"), WRONG)
def test_a_wrong_receipt_is_named(
    rooms: Rooms, workspace: UUID, kind: str, progress: JsonObject | None, reference: str, receipt: Any, field: str
) -> None:
    """The field is named, and nothing is written: it is as much in doubt as before."""
    ours = doubtful(rooms, workspace, kind, progress)
    before = ours.told()

    with pytest.raises(InvalidInputError) as wrong:
        ours.resolve("done", reference, **receipt)

    assert wrong.value.field == field
    assert (ours.row.status, len(ours.told())) == ("unknown", len(before))


def test_a_campaign_that_does_not_run_frees_its_money(rooms: Rooms, workspace: UUID) -> None:
    """Refused: its reservation is given back, no row is left, and the end is told."""
    ours = doubtful(rooms, workspace, "launch_campaign")
    charge(rooms.store, workspace, AdSpend(Decimal(50), 7), key=ours.key, default_cap_usd=Decimal(500))

    ours.resolve("refused")

    assert ad_day(rooms.store, workspace, default_cap_usd=Decimal(0)).used_usd == 0
    assert as_owner(rooms, "row_of_campaign", effect_id=ours.id) == []
    assert [event.kind for event in ours.told()][-2:] == ["effect.resolved", "effect.refused"]


def test_two_words_at_once_are_one(rooms: Rooms, workspace: UUID) -> None:
    """The first one counts; of the other no row is left, whatever it said."""
    ours = doubtful(rooms, workspace, "publish_video")

    def say(became: As, reference: str | None) -> str:
        start.wait()
        try:
            return str(ours.resolve(became, reference)["status"])
        except ConflictError:
            return "late"

    start = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(say, ("done", "refused", "done"), (POST, None, "7300000000000000002")))

    posts = as_owner(rooms, "posts_of_run", run_id=ours.run_id)
    assert said.count("late") == 2
    assert [post.post_id for post in posts] == ([ours.row.receipt["reference"]] if ours.row.status == "done" else [])

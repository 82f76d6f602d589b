"""The shop over HTTP: signed calls, tokens, what agents read, listings changed once, and messages never sent twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import urllib3

from local.fakes.tiktok_shop import FakeTikTokShop
from local.fakes.tiktok_shop_desk import APP_KEY, APP_SECRET, CIPHER, TOKEN, ShopDesk
from shared.agents.records import Brand
from shared.config import Settings, use_settings
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.effects.listing_real import RealUpdateListing
from shared.effects.message_real import RealSendMessage
from shared.engine.brands import add_brand
from shared.engine.plan_assets import asset_plan
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.errors import (
    EffectPendingError,
    EffectRefusedError,
    InvalidInputError,
    ProviderDownError,
    ProviderRefusedError,
)
from shared.providers.accounts.access import Asked
from shared.providers.mock.shop import mock_creators, mock_products
from shared.providers.shop import read_products, search_creators
from shared.providers.tiktok_shop import shop_api
from shared.providers.tiktok_shop_sign import sign
from shared.workflows.asset_brief import AssetBrief
from tests.support.effects import Released, a_message, as_owner, tried
from tests.support.publishing import Notes, dies_after

PRODUCT = mock_products("lakucosmetics", 1).products[0]
CREATOR = mock_creators("", 0, 10**9, 1).creators[0]
LOST: list[JsonObject] = [
    {"what": "cut", "after": True},
    {"what": "cut"},
    {"what": "status", "status": 502, "after": True},
    {"what": "code", "code": "36009003", "after": True},
    {"what": "code", "code": "36009007"},
    {"what": "code", "code": "36009002"},
    {"what": "delay", "seconds": 0.4},
]
lost = pytest.mark.parametrize("fault", LOST, ids=str)


@pytest.fixture
def fake() -> Iterator[FakeTikTokShop]:
    """A shop whose seller's token is its own in each test: tokens are kept by the process."""
    desk = ShopDesk()
    desk.tokens = {f"{TOKEN}-{time.monotonic_ns()}": 2**40}
    with FakeTikTokShop(desk=desk) as started:
        yield started


@pytest.fixture
def real(fake: FakeTikTokShop, settings: Settings, workspace: UUID) -> Settings:
    return settings.model_validate(
        {
            **settings.model_dump(),
            "tiktok_provider_mode": "real",
            "army_workspace_id": workspace,
            "tiktok_shop_api_url": fake.base_url,
            "tiktok_shop_auth_url": fake.base_url,
            "tiktok_shop_app_key": APP_KEY,
            "tiktok_shop_app_secret": APP_SECRET,
            "tiktok_shop_token": next(iter(fake.desk.tokens)),
            "tiktok_shop_cipher": CIPHER,
            "tiktok_timeout_s": 0.3,
        }
    )


def asked(real: Settings, ask: Any) -> Any:
    """What one call of the client came to."""

    async def within() -> Any:
        async with shop_api(real, Asked(Vendor.SHOP, real.army_workspace_id)) as api:
            question: Coroutine[Any, Any, Any] = ask(api)
            return await question

    return asyncio.run(within())


def listing(rooms: Rooms, workspace: UUID, **changes: Any) -> Released:
    payload = {"product_id": PRODUCT.id, "title": "Glow Serum 30 ml, for Dull Skin", **changes}
    return Released(rooms, workspace, "update_listing", payload, None)


def message(rooms: Rooms, workspace: UUID, **changes: Any) -> Released:
    payload = a_message(creator_open_id=CREATOR.open_id, creator_handle=CREATOR.handle, **changes)
    return Released(rooms, workspace, "send_message", payload, None)


# The signature.


def test_the_documented_signature() -> None:
    """The worked result of the partner documentation, byte by byte."""
    params = {"app_key": "29a39d", "timestamp": "1623812664", "sign": "ignored", "access_token": "ignored"}

    assert (
        sign("/authorization/202309/shops", params, b"", "e59af819cc")
        == "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"
    )


def test_the_body_is_signed_as_it_is_sent() -> None:
    """One space more is another signature; a form's body does not count."""
    path, params = "/event/202309/webhooks", {"app_key": "68xu9ks5p4i8", "timestamp": "1696909648"}

    assert sign(path, params, b'{"a":1}', "s") != sign(path, params, b'{"a": 1}', "s")
    assert sign(path, params, b"x", "s", is_form=True) == sign(path, params, b"", "s")


def raw(fake: FakeTikTokShop, path: str, *, age_s: int = 0, secret: str = APP_SECRET, **more: str | None) -> JsonObject:
    """A hand-made GET: what the fake says to it."""
    params = {"app_key": APP_KEY, "timestamp": str(int(time.time()) - age_s), "shop_cipher": CIPHER, **more}
    given = {name: value for name, value in params.items() if value is not None}
    given.setdefault("sign", sign(path, given, b"", secret))
    headers = {"x-tts-access-token": next(iter(fake.desk.tokens))}
    answer = urllib3.PoolManager().request("GET", f"{fake.base_url}{path}", fields=given, headers=headers)
    read: JsonObject = json.loads(answer.data)
    return read


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"age_s": 299}, 0),
        ({"age_s": 301}, 36009004),
        ({"age_s": -29}, 0),
        ({"age_s": -32}, 36009004),
        ({"secret": "wrong"}, 106001),
        ({"app_key": "wrong"}, 36009004),
        ({"shop_cipher": None}, 106013),
        ({"shop_cipher": "wrong"}, 101000),
    ],
)
def test_the_fake_lets_nobody_else_in(fake: FakeTikTokShop, changes: Any, code: int) -> None:
    """Each check of the real shop has its own code."""
    assert raw(fake, f"/product/202309/products/{PRODUCT.id}", **changes)["code"] == code


def test_a_shop_is_named_only_where_one_is_meant(fake: FakeTikTokShop) -> None:
    """The list of shops refuses a cipher, and gives it."""
    path = "/authorization/202309/shops"

    assert raw(fake, path)["code"] == 36009004
    assert raw(fake, path, shop_cipher=None)["data"]["shops"][0]["cipher"] == CIPHER


# Tokens.


def test_a_token_of_the_settings_is_not_renewed(fake: FakeTikTokShop, real: Settings) -> None:
    """Expired, it is refused with what to do: a renewed pair would have no place to stay."""
    fake.desk.tokens = dict.fromkeys(fake.desk.tokens, 0.0)

    with pytest.raises(EffectRefusedError, match="army accounts connect tiktok_shop") as refused:
        asked(real, lambda api: api.listing(PRODUCT.id))

    assert refused.value.reason == "token_expired"
    assert fake.counts["token/refresh"] == 0


def test_missing_settings_are_named(settings: Settings) -> None:
    """All of them, in one message, before anything is asked."""
    with pytest.raises(EffectRefusedError) as refused:
        asked(settings, lambda api: api.listing(PRODUCT.id))

    for name in ("APP_KEY", "APP_SECRET", "CIPHER", "TOKEN"):
        assert f"TIKTOK_SHOP_{name}" in refused.value.message


def test_secrets_are_not_told(fake: FakeTikTokShop, real: Settings) -> None:
    """An error holds neither token nor secret nor cipher."""
    wrong = real.model_copy(update={"tiktok_shop_app_secret": real.tiktok_shop_cipher})

    with pytest.raises(EffectRefusedError, match="TIKTOK_SHOP_APP_SECRET") as refused:
        asked(wrong, lambda api: api.listing(PRODUCT.id))

    assert refused.value.reason == "sign_invalid"
    assert not any(secret in refused.value.message for secret in real.secrets)


# What agents read.


def test_listings_are_those_of_the_shop(fake: FakeTikTokShop, real: Settings) -> None:
    """Texts, prices, stock, sales and weaknesses, as plain text; what the API does not tell is unknown."""
    use_settings(real)
    found, mock = asyncio.run(read_products("lakucosmetics")), mock_products("lakucosmetics", 50).products

    assert found.source == "real"
    for product, wanted in zip(found.products, mock, strict=True):
        unknown = {"views": None, "clicks": None}
        short = wanted.search_words if wanted.issues else ()
        assert product == wanted.model_copy(update={**unknown, "search_words": short})
    assert any("Views" in note for note in found.notes)


def test_a_plan_of_assets_reads_the_shop(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """Its products are those on sale there. A shop that says no is told of by field, one that is silent may answer
    later."""
    brand = add_brand(Brand(name="Aster"), Caller(workspace, "ada"), rooms).brand_id
    use_settings(real)
    brief = AssetBrief(goal="Spring", handle="@lakucosmetics")

    plan = asset_plan(workspace, brand, brief, rooms)

    sold = {one.id for one in mock_products("lakucosmetics", 50).products if one.status == "ACTIVATE"}
    assert {one.product_id for one in plan.products} == sold
    for changed in ({"tiktok_shop_app_secret": real.tiktok_shop_cipher}, {"tiktok_shop_app_key": None}):
        use_settings(real.model_copy(update=changed))
        with pytest.raises(InvalidInputError, match=r"^brief\.handle: the shop of @lakucosmetics cannot be read"):
            asset_plan(workspace, brand, brief, rooms)
    use_settings(real.model_copy(update={"tiktok_shop_api_url": "http://127.0.0.1:1"}))
    with pytest.raises(ProviderDownError):
        asset_plan(workspace, brand, brief, rooms)


def test_no_plan_reads_the_shop_of_elsewhere(fake: FakeTikTokShop, real: Settings, rooms: Rooms) -> None:
    """The settings' shop is that of one workspace: another's plan says that it has none, and the shop is not asked."""
    use_settings(real)
    elsewhere = uuid4()
    brand = add_brand(Brand(name="Eve"), Caller(elsewhere, "eve"), rooms).brand_id

    with pytest.raises(InvalidInputError, match="no TikTok Shop account is connected in this workspace"):
        asset_plan(elsewhere, brand, AssetBrief(goal="Spring", handle="@lakucosmetics"), rooms)

    assert sum(fake.counts.values()) == 0


def test_only_the_listings_that_are_named(fake: FakeTikTokShop, real: Settings) -> None:
    """One id, one listing."""
    use_settings(real)
    third = mock_products("lakucosmetics", 50).products[2]

    found = asyncio.run(read_products("lakucosmetics", product_ids=(third.id,)))

    assert [product.id for product in found.products] == [third.id]


def test_pages_are_followed(fake: FakeTikTokShop, real: Settings) -> None:
    """More creators than a page holds, each once, with what an overlap is computed from."""
    use_settings(real)
    found = asyncio.run(search_creators("skincare", limit=50)).creators

    assert len({creator.open_id for creator in found}) == len(found) == 50
    assert fake.counts["creators/search"] == 3
    assert all(creator.age_ranges and creator.major_gender_share for creator in found)
    assert found[0].handle == mock_creators("skincare", 5_000, 250_000, 1).creators[0].handle


def test_categories_are_words_or_unknown(fake: FakeTikTokShop, real: Settings) -> None:
    """The marketplace tells numbers, which would stand in a message to a creator as they are."""
    use_settings(real)
    found = asyncio.run(search_creators("skincare"))

    assert found.creators
    assert {creator.categories for creator in found.creators} == {()}
    assert "categories only as numbers" in " ".join(found.notes)


def test_a_day_without_searches_left(fake: FakeTikTokShop, real: Settings) -> None:
    """The quota of the day is a clear refusal, not a crash."""
    use_settings(real)
    fake.desk.searches_a_day = 0

    with pytest.raises(ProviderRefusedError, match="search again tomorrow") as refused:
        asyncio.run(search_creators("skincare"))

    assert refused.value.reason == "creator_quota_day"


def test_a_busy_shop_is_asked_later(fake: FakeTikTokShop, real: Settings) -> None:
    """Too many requests: the next second is soon enough."""
    use_settings(real)
    fake.faults({"on": "products/search", "what": "code", "code": "36009002"})

    with pytest.raises(ProviderDownError) as wait:
        asyncio.run(read_products("lakucosmetics"))

    assert wait.value.retry_after_s == 1.0


# Listings.


def test_a_listing_is_changed(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """Only what changes is sent; it goes into an audit; the old texts are kept."""
    ours = listing(rooms, workspace)

    receipt = asyncio.run(RealUpdateListing(real).act(ours.order()))
    ours.keep(receipt)

    assert fake.desk.edits == [{"product_id": PRODUCT.id, "save_mode": "LISTING", "title": ours.payload["title"]}]
    assert receipt.details["audit_status"] == "AUDITING"
    (row,) = as_owner(rooms, "row_of_listing", product_id=PRODUCT.id, workspace_id=workspace)
    assert (row.title, row.description) == (ours.payload["title"], PRODUCT.description)
    assert row.listing["previous"]["title"] == PRODUCT.title


def test_hashtags_leave_the_rest_alone(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """Pictures and lists stay; the old hashtags go."""
    kept = '<p>Fine.</p><img src="https://p16.example/a.jpeg" width="10" height="10"><ul><li>one</li></ul>'
    fake.desk.listings[PRODUCT.id].live["description"] = f"{kept}<p>#old #tags</p>"
    ours = listing(rooms, workspace, title=None, hashtags=["Glow", "serum"])

    asyncio.run(RealUpdateListing(real).act(ours.order()))

    assert fake.desk.edits[0]["description"] == f"{kept}<p>#glow #serum</p>"


def test_a_description_is_text(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """Every sign reaches the buyer as it was approved: no tag of ours becomes one of theirs."""
    ours = listing(rooms, workspace, title=None, description="5 < 6 & <b>so on</b>\nnext line\n\nSecond.")

    asyncio.run(RealUpdateListing(real).act(ours.order()))

    wanted = "<p>5 &lt; 6 &amp; &lt;b&gt;so on&lt;/b&gt;<br>next line</p><p>Second.</p>"
    assert fake.desk.edits[0]["description"] == wanted


@lost
def test_one_text_whatever_is_lost(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID, fault: JsonObject
) -> None:
    """However the answer is lost, the texts stand there, and the receipt knows the old ones."""
    fake.faults({"on": "partial_edit", **fault})

    receipt = tried(RealUpdateListing(real), listing(rooms, workspace))

    assert fake.desk.shown(PRODUCT.id, under_review=True)["title"] == "Glow Serum 30 ml, for Dull Skin"
    assert receipt.details["previous"]["title"] == PRODUCT.title
    assert len(fake.desk.edits) == 1


def test_an_edit_that_passed_its_audit_is_found(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID
) -> None:
    """The process died after the edit; meanwhile the new texts are live."""
    ours, effect = listing(rooms, workspace), RealUpdateListing(real)
    asyncio.run(effect.act(ours.order()))
    fake.desk.audit(PRODUCT.id, passes=True)

    found = asyncio.run(effect.find(ours.order()))

    assert found is not None
    assert found.details["audit_status"] == "APPROVED"
    assert found.details["previous"]["title"] == PRODUCT.title


@pytest.mark.parametrize(
    ("status", "reason"), [("FREEZE", "product_closed"), ("DELETED", "12052048")], ids=["frozen", "deleted"]
)
def test_a_closed_listing_is_refused(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID, status: str, reason: str
) -> None:
    """Frozen or deleted: nothing is sent, and the reason says which."""
    fake.desk.listings[PRODUCT.id].status = status

    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(RealUpdateListing(real).act(listing(rooms, workspace).order()))

    assert refused.value.reason == reason
    assert fake.desk.edits == []


# Messages.


def test_a_message_is_sent(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """As it was approved, then a card for each product; a row, and the offer in the receipt."""
    products = [product.id for product in mock_products("lakucosmetics", 2).products]
    ours = message(rooms, workspace, product_ids=products, commission_percent="12.5")

    receipt = asyncio.run(RealSendMessage(real).act(ours.order()))
    ours.keep(receipt)

    sent = [(one["type"], json.loads(one["content"])) for one in fake.messages()]
    cards = [("PRODUCT_CARD", {"product_id": product}) for product in products]
    assert sent == [("TEXT", {"content": ours.payload["body"]}), *cards]
    assert receipt.details["commission_percent"] == "12.5"
    (row,) = as_owner(rooms, "row_of_message", effect_id=ours.id)
    assert (row.message_id, row.creator) == (fake.messages()[0]["id"], CREATOR.handle)


@lost
@pytest.mark.parametrize("call", ["conversations", "messages/send"])
def test_one_message_whatever_is_lost(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID, call: str, fault: JsonObject
) -> None:
    """The creator gets it once, whether or not the lost request was acted on."""
    fake.faults({"on": call, **fault})

    receipt = tried(RealSendMessage(real, settle_s=0), message(rooms, workspace))

    (sent,) = fake.messages()
    assert receipt.reference == sent["id"]


@pytest.mark.parametrize("dies_at", range(1, 5))
def test_one_message_wherever_it_dies(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID, dies_at: int
) -> None:
    """The process ends right after each thing it kept: message and card are there once."""
    ours = message(rooms, workspace, product_ids=[PRODUCT.id])
    ours.notes = Notes(dies_after(dies_at))

    tried(RealSendMessage(real, settle_s=0), ours)

    assert [one["type"] for one in fake.messages()] == ["TEXT", "PRODUCT_CARD"]


def test_the_same_words_in_two_orders(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """An older message that reads the same is not taken for ours, nor is one that the creator sent back."""
    first = asyncio.run(RealSendMessage(real).act(message(rooms, workspace).order()))
    fake.desk.send(fake.desk.talk_with(CREATOR.open_id)[0], "TEXT", fake.messages()[0]["content"], "im-creator")

    again = asyncio.run(RealSendMessage(real).act(message(rooms, workspace).order()))

    assert first.reference != again.reference
    assert len(fake.messages()) == 3


def test_a_lost_message_is_given_time_to_show(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID
) -> None:
    """Its answer was lost and it does not show: it may still be on its way, so it is not sent again at once."""
    fake.faults({"on": "messages/send", "what": "cut"})
    ours, effect = message(rooms, workspace), RealSendMessage(real, settle_s=60)
    with pytest.raises(EffectPendingError):
        asyncio.run(effect.act(ours.order()))

    with pytest.raises(EffectPendingError) as wait:
        asyncio.run(effect.find(ours.order()))

    assert 50 < (wait.value.retry_after_s or 0) <= 60
    assert fake.counts["messages/send"] == 1


def test_many_messages_since(fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID) -> None:
    """The creator wrote fifty times since: ours is still found, pages back."""
    ours, effect = message(rooms, workspace), RealSendMessage(real)
    sent = asyncio.run(effect.act(ours.order()))
    talk, _ = fake.desk.talk_with(CREATOR.open_id)
    for number in range(50):
        fake.desk.send(talk, "TEXT", json.dumps({"content": f"Hello {number}"}), "im-creator")

    found = asyncio.run(effect.find(ours.order()))

    assert found is not None
    assert found.reference == sent.reference


@pytest.mark.parametrize(
    ("desk", "reason", "said"),
    [
        ({"conversations": 0}, "message_quota_shop", "wait until creators answer"),
        ({"messages_per_creator": 0}, "message_quota_creator", "wait for one"),
        ({"creators": {}}, "creator_gone", "has left"),
    ],
)
def test_quotas_are_a_clear_refusal(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID, desk: JsonObject, reason: str, said: str
) -> None:
    """Whoever reads it knows what to wait for; nothing was sent."""
    for name, value in desk.items():
        setattr(fake.desk, name, value)

    with pytest.raises(EffectRefusedError, match=said) as refused:
        asyncio.run(RealSendMessage(real).act(message(rooms, workspace).order()))

    assert refused.value.reason == reason
    assert fake.messages() == []


def test_a_refused_card_does_not_undo_the_message(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID
) -> None:
    """The quota ends between the message and its second card: the receipt says what is out, and what is not."""
    fake.desk.messages_per_creator = 2
    products = [product.id for product in mock_products("lakucosmetics", 3).products]

    receipt = asyncio.run(RealSendMessage(real).act(message(rooms, workspace, product_ids=products).order()))

    assert receipt.details["products"] == products[:1]
    assert list(receipt.details["cards_refused"]) == products[1:]
    assert len(fake.messages()) == 2


@pytest.mark.parametrize("code", ["16030003", "16030007", "16030101", "16032001", "45101021", "105005", "101000"])
def test_documented_codes_are_explained(
    fake: FakeTikTokShop, real: Settings, rooms: Rooms, workspace: UUID, code: str
) -> None:
    """Each has words on what to do, and none is tried again."""
    fake.faults({"on": "conversations", "what": "code", "code": code})

    with pytest.raises(EffectRefusedError) as refused:
        asyncio.run(RealSendMessage(real).act(message(rooms, workspace).order()))

    assert "see the vendor message" not in refused.value.message
    assert fake.counts["conversations"] == 1

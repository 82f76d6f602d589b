"""What may be proposed to be published, and what publishing leaves in mock mode."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from shared.config import Settings
from shared.core.events import EventKind
from shared.effects.publish_video import PublishVideo
from shared.effects.registry import effect_of
from shared.errors import InvalidInputError
from tests.support.publishing import a_post, an_order


def problems(**changes: Any) -> str:
    """What is wrong with a proposal that was changed like this."""
    with pytest.raises(ValidationError) as refused:
        PublishVideo.model_validate(a_post(**changes))
    return str(refused.value)


def asset(**changes: Any) -> dict[str, Any]:
    return {**a_post()["asset"], **changes}


def test_a_good_proposal_is_kept_as_it_is() -> None:
    """The caption goes out as it was approved; the handle has one spelling."""
    post = PublishVideo.model_validate(a_post(handle="@LakuCosmetics"))

    assert (post.handle, post.caption, post.is_aigc) == ("lakucosmetics", a_post()["caption"], True)


@pytest.mark.parametrize(("caption", "fits"), [("a" * 2200, True), ("a" * 2201, False), ("🌿" * 1100, True)])
def test_captions_are_counted_in_utf16(caption: str, fits: bool) -> None:
    """TikTok counts UTF-16 units, so an emoji is two."""
    if fits:
        assert PublishVideo.model_validate(a_post(caption=caption)).caption == caption
        assert "UTF-16 units" in problems(caption=caption + "🌿")
    else:
        assert "2201 UTF-16 units" in problems(caption=caption)


@pytest.mark.parametrize("caption", ["a\x00b", "\ud83d", "b\udf3f"])
def test_unsendable_captions_are_refused(caption: str) -> None:
    """A NUL or half of a pair is refused before anyone approves it."""
    assert "surrogate pair" in problems(caption=caption)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"privacy_level": "EVERYBODY"}, "PUBLIC_TO_EVERYONE"),
        ({"handle": "no such/handle"}, "no TikTok handle"),
        ({"brand_content_toggle": True, "privacy_level": "SELF_ONLY"}, "cannot be SELF_ONLY"),
        ({"back_end": "business", "privacy_level": "SELF_ONLY"}, "business back end"),
        ({"watermark": "logo.png"}, "watermark"),
        ({"asset": asset(sha256="x")}, "asset.sha256"),
        ({"asset": asset(asset_id="1" * 64)}, "asset_id"),
        ({"asset": asset(duration_s=601)}, "asset.duration_s"),
        ({"asset": asset(duration_s=float("nan"))}, "asset.duration_s"),
        ({"asset": asset(width=359)}, "asset.width"),
        ({"asset": asset(height=4097)}, "asset.height"),
        ({"asset": asset(bytes=4_000_000_001)}, "asset.bytes"),
    ],
)
def test_what_tiktok_never_takes_is_refused_early(changes: dict[str, Any], said: str) -> None:
    """The field and what is allowed are named, before a gate shows it to a person."""
    assert said in problems(**changes)


def test_the_level_of_privacy_is_never_assumed() -> None:
    """Who may see a post is a person's choice: there is no default."""
    payload = a_post()
    del payload["privacy_level"]

    with pytest.raises(ValidationError, match="privacy_level"):
        PublishVideo.model_validate(payload)


def test_mock_receipts_come_from_the_key() -> None:
    """The same order gives the same post in every process; another order gives another."""
    effect = effect_of("publish_video", Settings())
    order = an_order(a_post())
    first, again = asyncio.run(effect.act(order)), asyncio.run(effect.act(order))
    other = asyncio.run(effect.act(an_order(a_post(), idempotency_key="effect-2")))

    assert (first.reference, first.url) == (again.reference, again.url)
    assert first.reference != other.reference
    assert first.url == f"https://www.tiktok.com/@lakucosmetics/video/{first.reference}"
    assert first.event == EventKind.POSTED


def test_a_private_post_has_no_address() -> None:
    """TikTok tells the id of public posts only, and the mock is no better informed."""
    receipt = asyncio.run(effect_of("publish_video", Settings()).act(an_order(a_post(privacy_level="SELF_ONLY"))))

    assert receipt.url is None
    assert receipt.reference.startswith("v_pub_mock~")


def test_an_unknown_kind_names_the_known_ones() -> None:
    """Who asks for another kind is told which there are."""
    with pytest.raises(InvalidInputError, match="publish_video"):
        effect_of("send_money", Settings())

"""What a person found at the vendor, as the receipt that its own answer would have given: same row, same event.

`reference` is the vendor's own id of what was made; `receipt` holds what else each kind has and no attempt had kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.core.canonical import JsonObject
from shared.core.wording import problems_of
from shared.effects import launch_campaign, publish_video, send_message, update_listing
from shared.effects.ad_money import plan_of
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.launch_campaign import Launched
from shared.effects.publish_video import PublishVideo
from shared.effects.send_message import SendMessage
from shared.effects.update_listing import Listing, UpdateListing
from shared.errors import InvalidInputError
from shared.providers.calling import text_of
from shared.providers.listing_html import html_of_text

_POST_ID = re.compile(r"[0-9]{5,32}")
_PUBLISH_ID = re.compile(r"[A-Za-z0-9_.~-]{1,200}")
_POST_URL = re.compile(r"https://www\.tiktok\.com/@([\w.-]{1,64})/video/([0-9]{5,32})")
_AD_ID = r"^[0-9A-Za-z_-]{1,64}$"
_Id = Annotated[str, BeforeValidator(text_of), Field(pattern=_AD_ID)]
_Model = TypeVar("_Model", bound=BaseModel)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToldPost(_Told):
    """`url`: where everybody can see it; it is made from the post's id if that is the reference."""

    url: str | None = Field(None, max_length=200)


class ToldCampaign(_Told):
    """What stands below the campaign: `ad_ids` in the order of the proposal's ads."""

    adgroup_id: _Id | None = None
    ad_ids: tuple[_Id, ...] = Field((), max_length=20)


class ToldListing(_Told):
    """The texts before the change, where no attempt had kept them; `audit_status` as the shop shows it."""

    previous_title: str | None = Field(None, max_length=255)
    previous_description: str | None = Field(None, max_length=20_000)
    audit_status: str | None = Field(None, max_length=40)


class ToldMessage(_Told):
    """`conversation_id` where no attempt had kept it; `cards_refused`: products without a card, and why."""

    conversation_id: _Id | None = None
    cards_refused: dict[str, str] = Field({}, max_length=5)


def told_receipt(kind: str, order: EffectOrder, reference: str, told: JsonObject) -> Receipt:
    """The receipt of an effect that was done, as a person tells it.

    Raises `InvalidInputError` naming `reference` or `receipt.<field>`, with what is allowed.
    """
    return _KINDS.get(kind, _plain)(order, reference, told)


def _plain(order: EffectOrder, reference: str, told: JsonObject) -> Receipt:
    _read(_Told, told)
    return Receipt("resolved", reference)


def _post(order: EffectOrder, reference: str, told: JsonObject) -> Receipt:
    post, found = PublishVideo.model_validate(order.payload), _read(ToldPost, told)
    is_post_id = _POST_ID.fullmatch(reference) is not None
    if not is_post_id and _PUBLISH_ID.fullmatch(reference) is None:
        raise InvalidInputError(
            "reference", "the post's id (digits), or TikTok's publish id of a post that is not public"
        )
    post_id = reference if is_post_id else None
    if found.url is not None:
        post_id = _of_url(found.url, post, post_id)
    kept = order.progress.get("publish_id") or order.progress.get("share_id")
    return publish_video.receipt_of(post, "tiktok", reference if not is_post_id else kept, post_id)


def _of_url(url: str, post: PublishVideo, post_id: str | None) -> str:
    """The post's id in its address, which must be of this account and this post."""
    read = _POST_URL.fullmatch(url)
    if read is None:
        raise InvalidInputError("receipt.url", "expected: https://www.tiktok.com/@<handle>/video/<id>")
    if read[1].lower() != post.handle:
        raise InvalidInputError("receipt.url", f"is of @{read[1]}; this post is for @{post.handle}")
    if post_id not in (None, read[2]):
        raise InvalidInputError("receipt.url", f"is of post {read[2]}, and the reference is {post_id}")
    return read[2]


def _campaign(order: EffectOrder, reference: str, told: JsonObject) -> Receipt:
    found, begun = _read(ToldCampaign, told), order.progress
    if re.fullmatch(_AD_ID, reference) is None:
        raise InvalidInputError("reference", "the campaign's id: letters, digits, _ and -, 64 at most")
    if begun.get("campaign_id") not in (None, reference):
        raise InvalidInputError("reference", f"the campaign that was begun for this is {begun['campaign_id']}")
    plan = plan_of(order)
    ads = found.ad_ids or tuple(begun.get("ad_ids") or ())
    if ads and len(ads) != len(plan.payload.ads):
        told_ads = f"{len(ads)} ids; this campaign has {len(plan.payload.ads)} ads: name all of them, or none"
        raise InvalidInputError("receipt.ad_ids", told_ads)
    launched = Launched(reference, found.adgroup_id or begun.get("adgroup_id"), ads)
    return launch_campaign.receipt_of(plan.payload, "tiktok-ads", plan.name, plan.budget_usd, launched)


def _listing(order: EffectOrder, reference: str, told: JsonObject) -> Receipt:
    change, found = UpdateListing.model_validate(order.payload), _read(ToldListing, told)
    if reference != change.product_id:
        raise InvalidInputError("reference", f"the product of this change is {change.product_id}")
    before = _before(order, found)
    after = change.applied_to(before)
    return update_listing.receipt_of(change.product_id, "tiktok-shop", before, after, found.audit_status)


def _before(order: EffectOrder, found: ToldListing) -> Listing:
    kept = order.progress.get("previous")
    if kept is not None:
        return Listing(kept["title"], kept["html"])
    if found.previous_title is None or found.previous_description is None:
        missing = "previous_title" if found.previous_title is None else "previous_description"
        raise InvalidInputError(f"receipt.{missing}", "is required: no attempt had kept the texts before the change")
    return Listing(found.previous_title, html_of_text(found.previous_description))


def _message(order: EffectOrder, reference: str, told: JsonObject) -> Receipt:
    payload, found = SendMessage.model_validate(order.payload), _read(ToldMessage, told)
    unknown = sorted(set(found.cards_refused) - set(payload.product_ids))
    if unknown:
        raise InvalidInputError(f"receipt.cards_refused.{unknown[0]}", "is no product of this message")
    conversation_id = found.conversation_id or order.progress.get("conversation_id")
    if conversation_id is None:
        raise InvalidInputError("receipt.conversation_id", "is required: no attempt had opened a conversation")
    return send_message.receipt_of(payload, "tiktok-shop", conversation_id, reference, found.cards_refused)


def _read(kind: type[_Model], told: JsonObject) -> _Model:
    try:
        return kind.model_validate(told)
    except ValidationError as wrong:
        field, problem = problems_of(wrong)[0]
        raise InvalidInputError(f"receipt.{field}" if field else "receipt", problem) from wrong


_KINDS: dict[str, Callable[[EffectOrder, str, JsonObject], Receipt]] = {
    "launch_campaign": _campaign,
    "publish_video": _post,
    "send_message": _message,
    "update_listing": _listing,
}

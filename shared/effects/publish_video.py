"""Publishing a video: what an agent proposes, and what is kept of a post (A040-A042, B045)."""

from __future__ import annotations

from typing import Annotated, BinaryIO, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.core.events import EventKind
from shared.core.ids import new_id
from shared.effects.contract import Receipt, Write
from shared.errors import EffectRefusedError, RefusedError
from shared.media.films import MOST_FILM_BYTES, Film, film_store
from shared.providers.handles import handle_or_none
from shared.providers.text import clean_text

MAX_CAPTION = 2200  # UTF-16 units, as TikTok counts: a character outside the basic plane, such as an emoji, is two
MAX_SECONDS = 600.0

PrivacyLevel = Literal["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "FOLLOWER_OF_CREATOR", "SELF_ONLY"]


def _handle(text: str) -> str:
    handle = handle_or_none(text)
    if handle is None:
        raise ValueError("is no TikTok handle: letters, digits, _ . and -, with or without @")
    return handle


def _caption(text: str) -> str:
    if clean_text(text, len(text)) != text:
        raise ValueError("has a NUL or half of a surrogate pair, which TikTok does not take")
    units = len(text.encode("utf-16-le")) // 2
    if units > MAX_CAPTION:
        raise ValueError(f"is {units} UTF-16 units long; TikTok takes {MAX_CAPTION} at most")
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VideoAsset(_Strict):
    """The video, a kept film: `sha256` names it, and its bytes are compared with it before they are sent.

    `asset_id` is the same sha-256; `path` leads to the file for those who look at the proposal.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    asset_id: str | None = None
    path: str | None = Field(None, max_length=4_000)
    bytes: int = Field(ge=1, le=MOST_FILM_BYTES)
    duration_s: float = Field(gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    width: int = Field(ge=360, le=4096)
    height: int = Field(ge=360, le=4096)

    @model_validator(mode="after")
    def _is_one_file(self) -> VideoAsset:
        if self.asset_id not in (None, self.sha256):
            raise ValueError("asset_id: leave it out, or give the sha256: files are kept by it")
        return self


class PublishVideo(_Strict):
    """One post. `caption` goes out as it stands; `handle` must be the account that the token is of.

    `content_posting` uploads the file (any privacy level that the creator has). `business` lets TikTok fetch it from
    `ASSET_PUBLIC_URL`, for accounts that a brand owns; its posts are public.
    """

    handle: Annotated[str, AfterValidator(_handle)]
    caption: Annotated[str, AfterValidator(_caption)]
    privacy_level: PrivacyLevel
    disable_comment: bool = False
    disable_duet: bool = False
    disable_stitch: bool = False
    brand_content_toggle: bool = Field(False, description="A paid partnership with a third party")
    brand_organic_toggle: bool = Field(False, description="The creator's own business")
    is_aigc: bool = Field(True, description="Made by AI: TikTok labels it")
    cover_at_ms: int | None = Field(None, ge=0, le=600_000)
    asset: VideoAsset
    back_end: Literal["content_posting", "business"] = "content_posting"

    @model_validator(mode="after")
    def _is_allowed(self) -> PublishVideo:
        if self.brand_content_toggle and self.privacy_level == "SELF_ONLY":
            raise ValueError("privacy_level: branded content cannot be SELF_ONLY")
        if self.back_end == "business" and self.privacy_level != "PUBLIC_TO_EVERYONE":
            raise ValueError("privacy_level: posts of the business back end are PUBLIC_TO_EVERYONE")
        return self


def approved_file(wanted: VideoAsset, workspace_id: UUID, settings: Settings) -> BinaryIO:
    """The workspace's film, open, with the bytes that were approved. Raises `EffectRefusedError` for a missing or
    another one, and `ProviderDownError` while the store of films does not answer."""
    film = kept_film(wanted.sha256, workspace_id, settings)
    if film.bytes != wanted.bytes:
        told = f"film {film.sha256} has {film.bytes} bytes; {wanted.bytes} were approved"
        raise EffectRefusedError("asset_changed", told)
    return open_film(film, settings)


def kept_film(sha256: str, workspace_id: UUID, settings: Settings) -> Film:
    """The film of this workspace. Raises `EffectRefusedError` if there is none."""
    try:
        return film_store(settings).find(workspace_id, sha256)
    except RefusedError as missing:
        raise _missing(missing) from missing


def open_film(film: Film, settings: Settings) -> BinaryIO:
    """Its bytes. Raises `EffectRefusedError` if they are gone, or are not those of its name."""
    try:
        return film_store(settings).open(film)
    except RefusedError as missing:
        raise _missing(missing) from missing


def _missing(why: RefusedError) -> EffectRefusedError:
    told = f"{why.message}; make the video again, or set FILM_BUCKET or ASSET_DIR to where it is"
    return EffectRefusedError("asset_missing", told)


def receipt_of(post: PublishVideo, vendor: str, publish_id: str | None, post_id: str | None) -> Receipt:
    """The receipt of a published video, with its row in `tiktok_posts` (A041) and the event to tell (A042).

    `post_id` is None for posts that are not public, and while TikTok has not yet said which one it is; `publish_id` is
    None only where a person has found the post. One of both is known.
    """
    url = None if post_id is None else f"https://www.tiktok.com/@{post.handle}/video/{post_id}"
    told: JsonObject = {"handle": post.handle, "publish_id": publish_id, "post_id": post_id, "url": url}
    values = {
        "id": new_id(),
        "account_handle": post.handle,
        "publish_id": publish_id,
        "post_id": post_id,
        "url": url,
        "caption": post.caption,
        "privacy_level": post.privacy_level,
        "asset": post.asset.model_dump_json(),
    }
    return Receipt(
        vendor=vendor,
        reference=post_id or publish_id or "",
        url=url,
        details=told,
        writes=(Write("save_post", values),),
        event=EventKind.POSTED,
    )

"""Publishing by the Content Posting API: ask what the account allows, open a post, upload, wait until it is out (A040).

A post exists for the world only when its last chunk has arrived, and TikTok's status says whether it has. So there is
one post for an order, whatever dies or stays silent: its id is noted before the first byte is sent, every later attempt
goes on with that id, and a new one is taken only when the old one can never be published.
"""

from __future__ import annotations

import asyncio
from typing import BinaryIO, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.pacing import Pace
from shared.effects.publish_video import PublishVideo, approved_file, receipt_of
from shared.effects.whose import asked_by
from shared.errors import EffectPendingError, EffectRefusedError, EffectUnknownError, EngineError, ProviderDownError
from shared.providers.accounts.access import Asked
from shared.providers.chunks import ChunkPlan, plan_chunks
from shared.providers.text import shown
from shared.providers.tiktok_content import ChunkFate, ContentPosting, CreatorInfo, PostStatus, content_posting
from shared.providers.tiktok_errors import PASSING_REASONS, refused

VENDOR = "tiktok"
CHUNK_TRIES = 4
LOOKS_FOR_ID = 4  # 55 s: a public post mostly has its id within a minute; the receipt does not wait longer for it


class Progress(BaseModel):
    """What is kept between attempts. `sent` is the number of bytes that TikTok has said it has."""

    model_config = ConfigDict(extra="ignore")

    publish_id: str | None = None
    upload_url: str = ""
    total: int = 1
    chunk: int = 1
    count: int = 1
    sent: int = 0
    asked_again: bool = False

    @property
    def plan(self) -> ChunkPlan:
        return ChunkPlan(self.total, self.chunk, self.count)

    @property
    def may_have_ended(self) -> bool:
        """Whether the last chunk may have been sent: all before it is there."""
        return self.sent >= self.plan.last.first


class ContentPublish:
    """The effect `publish_video` on the Content Posting API."""

    kind: ClassVar[str] = "publish_video"
    Payload: ClassVar[type[BaseModel]] = PublishVideo

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def act(self, order: EffectOrder) -> Receipt:
        async with content_posting(self._settings, _asked(order)) as api:
            return await _Publishing(api, self._settings, order).go_on()

    async def find(self, order: EffectOrder) -> Receipt | None:
        if Progress.model_validate(order.progress).publish_id is None:
            return None  # no upload was begun
        async with content_posting(self._settings, _asked(order)) as api:
            return await _Publishing(api, self._settings, order).found()


def _asked(order: EffectOrder) -> Asked:
    return asked_by(order, Vendor.TIKTOK, handle=PublishVideo.model_validate(order.payload).handle)


class _Publishing:
    """One attempt."""

    def __init__(self, api: ContentPosting, settings: Settings, order: EffectOrder) -> None:
        self._api, self._settings, self._order = api, settings, order
        self._post = PublishVideo.model_validate(order.payload)
        self._progress = Progress.model_validate(order.progress)
        self._pace = Pace(settings)
        self._is_counted = False  # whether TikTok said how much it has

    async def go_on(self) -> Receipt:
        """Does it, or goes on from what was begun."""
        if self._progress.publish_id is None:
            with await self._open_file() as file:
                await self._begin()
                await self._upload(file)
        elif not await self._is_uploaded():
            with await self._open_file() as file:
                await self._upload(file)
        return await self._until_out()

    async def found(self) -> Receipt | None:
        """The receipt of what was begun; None if its bytes are not all there, so that it cannot be out."""
        return await self._until_out() if await self._is_uploaded() else None

    # Opening a post.

    async def _open_file(self) -> BinaryIO:
        """The file, with the bytes that were approved."""
        workspace_id, settings = self._order.workspace_id, self._settings
        return await asyncio.to_thread(approved_file, self._post.asset, workspace_id, settings)

    async def _begin(self) -> None:
        post, info = self._post, await self._api.creator_info()
        _check_account(post, info)
        plan = plan_chunks(post.asset.bytes, self._settings.tiktok_chunk_bytes)
        upload = await self._api.begin_upload(_post_info(post, info), plan)
        await self._note(
            Progress(
                publish_id=upload.publish_id,
                upload_url=upload.upload_url,
                total=plan.total,
                chunk=plan.chunk,
                count=plan.count,
            )
        )

    # Uploading.

    async def _upload(self, file: BinaryIO) -> None:
        """Sends what is missing, chunk after chunk. What became of a chunk without a clear answer, the status says."""
        failures = 0
        while (chunk := self._progress.plan.after(self._progress.sent)) is not None:
            self._pace.check("the upload goes on in the next attempt")
            fate = await self._api.send_chunk(self._progress.upload_url, file, chunk, self._progress.total)
            if fate is ChunkFate.KEPT:
                failures = 0
                await self._note(self._progress.model_copy(update={"sent": chunk.end}))
                continue
            failures += 1
            if fate is ChunkFate.UNSURE:
                await self._pace.sleep(failures)
            if await self._is_uploaded():
                return
            if fate is ChunkFate.GONE:
                raise await self._expired()
            if failures == CHUNK_TRIES:
                kind = EffectPendingError if self._progress.may_have_ended else ProviderDownError
                raise kind(f"TikTok, upload: no good answer to {CHUNK_TRIES} tries of one chunk")

    async def _is_uploaded(self) -> bool:
        """Asks TikTok how much it has, and notes that. True if nothing is missing."""
        state = await self._look()
        if state.status != "PROCESSING_UPLOAD":
            return True
        self._is_counted = state.uploaded_bytes is not None
        had = self._progress.sent if state.uploaded_bytes is None else state.uploaded_bytes
        if had >= self._progress.total - 1:  # the documents leave open whether it is a count or the last byte's place
            return True
        try:
            self._progress.plan.after(had)
        except ValueError:
            raise await self._started_over(f"TikTok has {had} bytes, which is no end of a chunk") from None
        if had != self._progress.sent:
            await self._note(self._progress.model_copy(update={"sent": had}))
        return False

    async def _expired(self) -> EngineError:
        """The address is dead. If the last chunk was sent to it and TikTok does not count, nobody can tell."""
        if self._progress.may_have_ended and not self._is_counted:
            return EffectUnknownError(f"TikTok does not say whether {self._progress.publish_id} has all its bytes")
        return await self._started_over("the address to upload to has expired")

    async def _started_over(self, why: str) -> ProviderDownError:
        """Forgets a post whose bytes can never be complete: the next attempt opens a new one."""
        await self._note(Progress())
        return ProviderDownError(f"TikTok, upload: {why}; nothing was published, and it starts over")

    # Waiting.

    async def _until_out(self) -> Receipt:
        """Looks until the post is out. Raises `EffectRefusedError` if it failed, a `TransientError` at the deadline."""
        looks, state = 0, await self._look()
        while True:
            if state.status == "FAILED":
                raise await self._failure(state.fail_reason or "internal")
            looks += 1
            if state.status == "PUBLISH_COMPLETE" and (self._has_id(state) or not self._may_wait_for_id(looks)):
                return self._receipt(state)
            await self._pace.wait(looks, f"TikTok is still at it ({state.status})")
            state = await self._look_again(state)

    async def _look_again(self, before: PostStatus) -> PostStatus:
        """One more look. One that fails in passing is as good as none."""
        try:
            return await self._look()
        except (ProviderDownError, EffectPendingError) as down:
            await self._pace.sleep_for(down.retry_after_s or 0.0, down)
            return before

    async def _look(self) -> PostStatus:
        assert self._progress.publish_id is not None
        try:
            return await self._api.status(self._progress.publish_id)
        except ProviderDownError as down:
            if self._progress.may_have_ended:
                raise EffectPendingError(down.message, retry_after_s=down.retry_after_s) from down
            raise
        except EffectRefusedError as no:
            if no.reason == "invalid_publish_id" and self._progress.asked_again:
                raise await self._started_over("TikTok has forgotten it, and a person says that it is not out") from no
            if self._progress.may_have_ended:
                raise EffectUnknownError(
                    f"TikTok does not say what became of {self._progress.publish_id}: {no.message}"
                ) from no
            if no.reason == "invalid_publish_id":
                raise await self._started_over("TikTok has forgotten this upload") from no
            raise

    def _has_id(self, state: PostStatus) -> bool:
        return bool(state.post_ids) or self._post.privacy_level != "PUBLIC_TO_EVERYONE"

    def _may_wait_for_id(self, looks: int) -> bool:
        return looks <= LOOKS_FOR_ID and self._pace.has_time(looks)

    async def _failure(self, reason: str) -> EffectRefusedError | ProviderDownError:
        """A post that failed is not out. Where TikTok was the reason, the next attempt makes a new one."""
        if reason in PASSING_REASONS:
            return await self._started_over(f"TikTok failed with {reason}")
        return refused(reason, f"TikTok did not publish it: {shown(reason)}")

    def _receipt(self, state: PostStatus) -> Receipt:
        assert self._progress.publish_id is not None
        post_id = state.post_ids[0] if state.post_ids else None
        return receipt_of(self._post, VENDOR, self._progress.publish_id, post_id)

    async def _note(self, progress: Progress) -> None:
        await self._order.note(progress.model_dump(exclude_none=True) if progress.publish_id else {})
        self._progress = progress


def _check_account(post: PublishVideo, info: CreatorInfo) -> None:
    """Raises `EffectRefusedError` for what the account does not allow, before anything is begun."""
    if info.creator_username.lower() != post.handle:
        raise EffectRefusedError(
            "wrong_account",
            f"this post is for @{post.handle}, and the token that is there is of {shown('@' + info.creator_username)}; "
            "connect the right account",
        )
    if post.privacy_level not in info.privacy_level_options:
        allowed = ", ".join(shown(level) for level in info.privacy_level_options)
        raise refused(
            "privacy_level_option_mismatch", f"@{post.handle} does not allow {post.privacy_level}, only {allowed}"
        )
    if post.asset.duration_s > info.max_video_post_duration_sec:
        raise refused(
            "duration_check_failed",
            f"the video takes {post.asset.duration_s:g} s, and @{post.handle} may post "
            f"{info.max_video_post_duration_sec} s at most",
        )


def _post_info(post: PublishVideo, info: CreatorInfo) -> JsonObject:
    """The `post_info` of video/init. What the account has switched off stays off."""
    sent: JsonObject = {
        "title": post.caption,
        "privacy_level": post.privacy_level,
        "disable_comment": post.disable_comment or info.comment_disabled,
        "disable_duet": post.disable_duet or info.duet_disabled,
        "disable_stitch": post.disable_stitch or info.stitch_disabled,
        "brand_content_toggle": post.brand_content_toggle,
        "brand_organic_toggle": post.brand_organic_toggle,
        "is_aigc": post.is_aigc,
    }
    return sent if post.cover_at_ms is None else {**sent, "video_cover_timestamp_ms": post.cover_at_ms}

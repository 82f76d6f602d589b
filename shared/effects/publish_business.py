"""Publishing by the Business API, for an account that the brand owns: TikTok fetches the video from our address (A040).

One call both sends and publishes, and it takes no idempotency key. So what the account shows is noted before the call:
if its answer is lost, a public post that is there now, was not there before and has the caption is ours. Exactly one
such post is the receipt; none or several is a question for a person, and the call is never made again.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.pacing import Pace
from shared.effects.publish_video import PublishVideo, approved_file, receipt_of
from shared.effects.whose import asked_by
from shared.errors import EffectPendingError, EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.media.films import film_name
from shared.providers.accounts.access import Asked
from shared.providers.text import shown
from shared.providers.tiktok_business import BusinessPosting, BusinessStatus, ListedPost, business_posting
from shared.providers.tiktok_errors import PASSING_REASONS, refused

VENDOR = "tiktok-business"
LOOKS_FOR_LOST = 10  # 175 s at the account's list, for a post whose answer was lost
LOOKS_FOR_ID = 4  # 55 s: a public post mostly has its id within a minute; the receipt does not wait longer for it


class Progress(BaseModel):
    """What is kept between attempts: the id of the post, or what the account showed before it was asked for."""

    model_config = ConfigDict(extra="ignore")

    share_id: str | None = None
    was_asked: bool = False
    before: tuple[str, ...] = ()
    newest: int = 0
    asked_again: bool = False


class BusinessPublish:
    """The effect `publish_video` on the Business API."""

    kind: ClassVar[str] = "publish_video"
    Payload: ClassVar[type[BaseModel]] = PublishVideo

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def act(self, order: EffectOrder) -> Receipt:
        async with business_posting(self._settings, _asked(order)) as api:
            return await _Publishing(api, self._settings, order).go_on()

    async def find(self, order: EffectOrder) -> Receipt | None:
        if not Progress.model_validate(order.progress).was_asked:
            return None
        async with business_posting(self._settings, _asked(order)) as api:
            return await _Publishing(api, self._settings, order).found()


def _asked(order: EffectOrder) -> Asked:
    return asked_by(order, Vendor.BUSINESS, handle=PublishVideo.model_validate(order.payload).handle)


class _Publishing:
    """One attempt."""

    def __init__(self, api: BusinessPosting, settings: Settings, order: EffectOrder) -> None:
        self._api, self._settings, self._order = api, settings, order
        self._post = PublishVideo.model_validate(order.payload)
        self._progress = Progress.model_validate(order.progress)
        self._pace = Pace(settings)

    async def go_on(self) -> Receipt:
        """Does it, or goes on from what was begun."""
        if not self._progress.was_asked or (self._progress.asked_again and self._progress.share_id is None):
            await self._check()
            await self._publish()
        return await (self._lost() if self._progress.share_id is None else self._until_out())

    async def found(self) -> Receipt | None:
        """What became of the call that was made. None if a person says that nothing did, and nothing shows."""
        if self._progress.share_id is not None:
            return await self._until_out()
        if not self._progress.asked_again:
            return await self._lost()
        new = await self._new_posts()
        return self._shown(new[0]) if len(new) == 1 else None

    async def _check(self) -> None:
        """Raises `EffectRefusedError` where the account or the file is another than was approved."""
        handle = await self._api.username()
        if handle.lower() != self._post.handle:
            raise EffectRefusedError(
                "wrong_account",
                f"this post is for @{self._post.handle}, and the token that is there is of {shown('@' + handle)}; "
                "connect the right account",
            )
        workspace_id, settings = self._order.workspace_id, self._settings
        file = await asyncio.to_thread(approved_file, self._post.asset, workspace_id, settings)
        file.close()

    async def _publish(self) -> None:
        shows = await self._api.recent_posts()
        newest = max((post.create_time for post in shows), default=0)
        before = tuple(post.item_id for post in shows)
        await self._note(Progress(was_asked=True, before=before, newest=newest))
        try:
            share_id = await self._api.publish(_post_info(self._post), self._address())
        except EffectUnknownError:
            return  # the account's list shows what came of it
        except (EffectRefusedError, ProviderDownError):
            await self._note(Progress())  # a clear no: nothing was done, so the next attempt may ask
            raise
        await self._note(self._progress.model_copy(update={"share_id": share_id}))

    def _address(self) -> str:
        base = (self._settings.asset_public_url or "").rstrip("/")
        return f"{base}/{film_name(self._order.workspace_id, self._post.asset.sha256)}"

    async def _lost(self) -> Receipt:
        """The receipt of a post whose answer was lost, found in the account's list."""
        found: list[ListedPost] = []
        for looks in range(1, LOOKS_FOR_LOST + 1):
            found = await self._new_posts()
            if len(found) == 1:
                return self._shown(found[0])
            if found or looks == LOOKS_FOR_LOST:
                break
            await self._pace.wait(looks, "TikTok does not show the post yet")
        raise EffectUnknownError(
            f"TikTok did not say whether it took the post, and @{self._post.handle} shows "
            f"{'several new posts' if found else 'no new post'} with its caption; look at the account, then decide"
        )

    def _shown(self, post: ListedPost) -> Receipt:
        return receipt_of(self._post, VENDOR, f"item:{post.item_id}", post.item_id)

    async def _new_posts(self) -> list[ListedPost]:
        """The posts with this caption that the account did not show before it was asked."""
        try:
            shows = await self._api.recent_posts()
        except ProviderDownError as down:
            raise EffectPendingError(down.message, retry_after_s=down.retry_after_s) from down
        except EffectRefusedError as no:
            raise EffectUnknownError(f"TikTok cannot be asked what became of the post: {no.message}") from no
        before = set(self._progress.before)
        return [
            post
            for post in shows
            if post.item_id not in before
            and post.caption == self._post.caption
            and post.create_time >= self._progress.newest
        ]

    async def _until_out(self) -> Receipt:
        """Looks until the post is out. Raises `EffectRefusedError` if it failed, a `TransientError` at the deadline."""
        looks, state = 0, await self._look()
        while True:
            if state.status == "FAILED":
                raise await self._failure(state.reason or "internal")
            looks += 1
            may_wait = looks <= LOOKS_FOR_ID and self._pace.has_time(looks)
            if state.status == "PUBLISH_COMPLETE" and (state.post_ids or not may_wait):
                return self._receipt(state)
            await self._pace.wait(looks, f"TikTok is still at it ({state.status})")
            state = await self._look_again(state)

    def _receipt(self, state: BusinessStatus) -> Receipt:
        assert self._progress.share_id is not None
        post_id = state.post_ids[0] if state.post_ids else None
        return receipt_of(self._post, VENDOR, self._progress.share_id, post_id)

    async def _look_again(self, before: BusinessStatus) -> BusinessStatus:
        """One more look. One that fails in passing is as good as none."""
        try:
            return await self._look()
        except EffectPendingError as down:
            await self._pace.sleep_for(down.retry_after_s or 0.0, down)
            return before

    async def _look(self) -> BusinessStatus:
        assert self._progress.share_id is not None
        try:
            return await self._api.status(self._progress.share_id)
        except ProviderDownError as down:
            raise EffectPendingError(down.message, retry_after_s=down.retry_after_s) from down
        except EffectRefusedError as no:
            if self._progress.asked_again:
                raise await self._started_over("TikTok has forgotten it, and a person says that it is not out") from no
            raise EffectUnknownError(
                f"TikTok does not say what became of {self._progress.share_id}: {no.message}"
            ) from no

    async def _failure(self, reason: str) -> EffectRefusedError | ProviderDownError:
        """A post that failed is not out. Where TikTok was the reason, the next attempt makes a new one."""
        if reason in PASSING_REASONS:
            return await self._started_over(f"TikTok failed with {reason}")
        return refused(reason, f"TikTok did not publish it: {shown(reason)}")

    async def _started_over(self, why: str) -> ProviderDownError:
        """Forgets a post that is not out: the next attempt makes a new one."""
        await self._note(Progress())
        return ProviderDownError(f"TikTok Business: {why}; nothing was published, and it starts over")

    async def _note(self, progress: Progress) -> None:
        await self._order.note(progress.model_dump(mode="json", exclude_none=True) if progress.was_asked else {})
        self._progress = progress


def _post_info(post: PublishVideo) -> JsonObject:
    sent: JsonObject = {
        "caption": post.caption,
        "is_brand_organic": post.brand_organic_toggle,
        "is_branded_content": post.brand_content_toggle,
        "disable_comment": post.disable_comment,
        "disable_duet": post.disable_duet,
        "disable_stitch": post.disable_stitch,
        "is_ai_generated": post.is_aigc,
    }
    return sent if post.cover_at_ms is None else {**sent, "thumbnail_offset": post.cover_at_ms}

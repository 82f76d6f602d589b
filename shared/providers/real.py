"""TikTok itself as a source of account data: the account that the token is of, by the Display API, and its audience.

What the API does not tell is unknown, and the notes say so. No API open to brands tells which hashtags rise: there are
no trends here, and the answer says that too, instead of a guess.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.errors import AccountUnusableError, InvalidInputError, ProviderDownError
from shared.providers.accounts.access import Asked, asked_here, is_connected
from shared.providers.captions import hashtags_in, mentions_in
from shared.providers.handles import handle_or_none
from shared.providers.real_audience import read_audience
from shared.providers.records import AccountData, Post, Profile, Trends
from shared.providers.text import clean_text, shown
from shared.providers.tiktok_display import (
    MOST_TEXT,
    DisplayApi,
    DisplayUser,
    DisplayVideo,
    check_settings,
    display_api,
)

SOURCE_NAME = "TikTok"
NO_TRENDS = (
    "TikTok has no API open to brands that tells which hashtags rise; for trends give a file of account data (dataset)"
)
_NOTES = (
    "Saves are not in the data: unknown, not zero.",
    "Completion, reach, For You share, search visibility, comment texts and account health are not told.",
    "Only public videos are listed, without photo posts' lengths; music, language and whether a video is an ad "
    "are unknown.",
    f"Captions are told up to {MOST_TEXT} characters: hashtags after them are not seen.",
)


class RealSource:
    """The accounts that the workspace has connected, else the one whose token is set. Called in a thread that has no
    event loop of its own."""

    def __init__(self, settings: Settings, workspace_id: UUID | None) -> None:
        self._settings, self._workspace_id = settings, workspace_id

    def check(self, handle: str) -> None:
        """Whether an account is connected, or its token set. Whether TikTok takes the token, the first read tells: a
        door does not wait for TikTok."""
        try:
            if is_connected(self._asked(handle), self._settings):
                return
        except AccountUnusableError as unusable:
            raise InvalidInputError("handle", unusable.message) from unusable
        check_settings(self._settings)

    def _asked(self, handle: str | None) -> Asked:
        here = asked_here(Vendor.TIKTOK, handle)
        return replace(here, workspace_id=self._workspace_id)

    def account(self, handle: str, max_posts: int) -> AccountData:
        return asyncio.run(self._account(handle, max_posts))

    def trends(self, region: str | None, window_days: int, limit: int) -> Trends:
        return Trends(
            source="real",
            source_name=SOURCE_NAME,
            as_of=datetime.now(UTC),
            region=region,
            window_days=window_days,
            hashtags=(),
            why_none=NO_TRENDS,
        )

    def accounts(self) -> list[tuple[str, int]]:
        user = asyncio.run(self._user())
        return [(_handle(user), user.video_count or 0)]

    async def _user(self) -> DisplayUser:
        async with display_api(self._settings, self._asked(None)) as api:
            return await api.user()

    async def _account(self, handle: str, max_posts: int) -> AccountData:
        async with display_api(self._settings, self._asked(handle)) as api:
            user = await api.user()
            if _handle(user) != handle:
                raise InvalidInputError(
                    "handle",
                    f"in real mode only connected accounts can be read, and the token that is there is of "
                    f"@{_handle(user)}, not {shown('@' + handle)}; for another give a file of account data (dataset)",
                )
            videos, has_more = await _newest(api, max_posts)
        audience, why_none = await read_audience(handle, self._settings, self._asked(handle))
        posts = tuple(_post(video) for video in videos)
        more = (f"The newest {len(videos)} videos were read; there are more.",) if has_more else ()
        return AccountData(
            source="real",
            source_name=SOURCE_NAME,
            as_of=max([datetime.now(UTC), *(post.published_at for post in posts)]),
            profile=_profile(user),
            posts=posts,
            audience=audience,
            notes=(*_NOTES, *([why_none] if why_none else []), *more),
        )


def _handle(user: DisplayUser) -> str:
    handle = handle_or_none(user.username)
    if handle is None:
        raise ProviderDownError("TikTok, user/info: the answer has no good username")
    return handle


async def _newest(api: DisplayApi, most: int) -> tuple[list[DisplayVideo], bool]:
    """The newest videos, each once, and whether there are more. A page may be short, or empty, and not the last."""
    found: dict[str, DisplayVideo] = {}
    cursor: int | None = None
    while True:
        page = await api.videos(cursor)
        for video in page.videos:
            found.setdefault(video.id, video)
        if not page.has_more or len(found) >= most:
            break
        if cursor is not None and page.cursor >= cursor:
            raise ProviderDownError("TikTok, video/list: the cursor does not go on; the list would never end")
        cursor = page.cursor
    newest_first = sorted(found.values(), key=lambda video: (-video.create_time, video.id))
    return newest_first[:most], page.has_more or len(newest_first) > most


def _profile(user: DisplayUser) -> Profile:
    return Profile(
        handle=_handle(user),
        nickname=None if user.display_name is None else clean_text(user.display_name, 200),
        bio=None if user.bio_description is None else clean_text(user.bio_description),
        followers=user.follower_count,
        following=user.following_count,
        likes_received=user.likes_count,
        posts_total=user.video_count,
        verified=user.is_verified,
    )


def _post(video: DisplayVideo) -> Post:
    caption = clean_text(video.video_description or video.title or "")
    whole_words = caption if len(caption) < MOST_TEXT else caption.rpartition(" ")[0]  # the last one may be cut
    return Post(
        id=clean_text(video.id),
        url=None if video.share_url is None else clean_text(video.share_url, 2_000),
        caption=caption,
        published_at=datetime.fromtimestamp(video.create_time, UTC),
        views=video.view_count,
        likes=video.like_count,
        comments=video.comment_count,
        shares=video.share_count,
        duration_s=video.duration or None,
        hashtags=hashtags_in(whole_words),
        mentions=mentions_in(whole_words),
    )

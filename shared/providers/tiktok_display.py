"""TikTok's Display API: the account that a token is of, and its public videos (developers.tiktok.com, Display API).

Both methods raise `ProviderRefusedError` for a definite no and `ProviderDownError` when asking again may help.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, Field

from shared.config import Settings
from shared.core.canonical import Json, JsonObject
from shared.errors import AccountUnusableError, EffectRefusedError, NotEnoughSettingsError, ProviderRefusedError
from shared.providers.accounts.access import Access, Asked, FixedAccess, account_access
from shared.providers.calling import ask, calling, read_as, text_of
from shared.providers.tiktok_errors import READING_ADVICE
from shared.providers.tiktok_open import is_token_refused, open_data, open_headers

if TYPE_CHECKING:
    from httpx2 import AsyncClient

MOST_A_PAGE = 20
MOST_TEXT = 150  # characters of a caption that the API tells

Count = Annotated[int, Field(ge=0)] | None


class DisplayUser(BaseModel):
    """The account. `username` is its handle; counts are those of its profile."""

    username: str
    display_name: str | None = None
    bio_description: str | None = None
    is_verified: bool | None = None
    follower_count: Count = None
    following_count: Count = None
    likes_count: Count = None
    video_count: Count = None


class DisplayVideo(BaseModel):
    """A public video. `create_time` in Unix seconds, `duration` in seconds."""

    id: Annotated[str, BeforeValidator(text_of)] = Field(min_length=1, max_length=64)
    create_time: int = Field(ge=0, lt=2**33)
    share_url: str | None = None
    video_description: str | None = None
    title: str | None = None
    duration: Annotated[float, Field(ge=0)] | None = None
    like_count: Count = None
    comment_count: Count = None
    share_count: Count = None
    view_count: Count = None


class Page(BaseModel):
    """Videos, newest first. `cursor` (Unix milliseconds) leads to the next page, where there is one."""

    videos: tuple[DisplayVideo, ...] = ()
    cursor: int = 0
    has_more: bool = False


class _Found(BaseModel):
    user: DisplayUser


class DisplayApi:
    """The API as one account."""

    def __init__(self, client: AsyncClient, base_url: str, access: Access) -> None:
        self._client, self._base_url, self._access = client, base_url.rstrip("/"), access

    async def user(self) -> DisplayUser:
        found = await self._call("GET", "user/info", DisplayUser)
        return read_as(_Found, "TikTok, user/info", found).user

    async def videos(self, cursor: int | None) -> Page:
        """One page of at most 20; None begins with the newest."""
        body: JsonObject = {"max_count": MOST_A_PAGE}
        if cursor is not None:
            body["cursor"] = cursor
        return read_as(Page, "TikTok, video/list", await self._call("POST", "video/list", DisplayVideo, body))

    async def _call(self, method: str, name: str, wanted: type[BaseModel], body: Json = None) -> JsonObject:
        """Asks for the fields that the record has."""
        url, fields = f"{self._base_url}/v2/{name}/", {"fields": ",".join(wanted.model_fields)}
        used = self._access.token
        try:
            answer = await ask(self._client, method, url, headers=open_headers(used), params=fields, json_body=body)
            if is_token_refused(answer) and await self._access.renewed(used):
                again = open_headers(self._access.token)
                answer = await ask(self._client, method, url, headers=again, params=fields, json_body=body)
            return open_data(name, answer, READING_ADVICE)
        except EffectRefusedError as refused:
            raise ProviderRefusedError(refused.reason, refused.message) from refused


def check_settings(settings: Settings) -> str:
    """The token of the account that can be read. Raises `NotEnoughSettingsError` if none is set."""
    if settings.tiktok_access_token is None:
        raise NotEnoughSettingsError(
            "settings: TIKTOK_ACCESS_TOKEN: reading an account in TIKTOK_PROVIDER_MODE=real needs the token of that "
            "account; connect it (army accounts connect tiktok), or set TIKTOK_PROVIDER_MODE to mock, or to dataset "
            "with TIKTOK_DATASET"
        )
    return settings.tiktok_access_token.get_secret_value()


@asynccontextmanager
async def display_api(settings: Settings, asked: Asked) -> AsyncIterator[DisplayApi]:
    """The API as the account that is asked for. Raises `ProviderRefusedError` or `NotEnoughSettingsError` if it cannot
    be used: nothing was asked."""
    try:
        access: Access = await account_access(asked, settings) or FixedAccess(check_settings(settings))
    except AccountUnusableError as unusable:
        raise ProviderRefusedError(unusable.reason, unusable.message) from unusable
    async with calling(settings.tiktok_timeout_s) as client:
        yield DisplayApi(client, settings.tiktok_open_api_url, access)

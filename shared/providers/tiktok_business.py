"""TikTok's Business API for an account that a brand owns: publishing a video from an address (A040), and its audience.

`publish` both sends and publishes, so a lost answer to it is in doubt: `recent_posts` reads back what came of it.
Field names and codes are those of client code (bububa/tiktok-business, sns-sdks/python-tiktok).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.errors import EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.providers.accounts.access import Access, Asked, FixedAccess, account_access
from shared.providers.calling import Answer, NoAnswer, ask, calling, read_as, text_of, texts_of
from shared.providers.tiktok_errors import BUSINESS_DOUBTFUL, business_error, is_business_token_refused

if TYPE_CHECKING:
    from httpx2 import AsyncClient


class BusinessStatus(BaseModel):
    """Where a post stands; `post_ids` once it is public."""

    status: Literal["PROCESSING_DOWNLOAD", "SEND_TO_USER_INBOX", "PUBLISH_COMPLETE", "FAILED"]
    reason: str | None = None
    post_ids: Annotated[tuple[str, ...], BeforeValidator(texts_of)] = ()


class ListedPost(BaseModel):
    """A post as the account's list shows it. `create_time` in Unix seconds, by TikTok's clock."""

    item_id: Annotated[str, BeforeValidator(text_of)]
    caption: str = ""
    create_time: int = 0


class _Posts(BaseModel):
    videos: tuple[ListedPost, ...] = ()


class _Share(BaseModel):
    share_id: Annotated[str, BeforeValidator(text_of)] = Field(min_length=1, max_length=200)


Share = Annotated[float, Field(ge=0, le=1)]


class AgeShare(BaseModel):
    age: str
    percentage: Share


class GenderShare(BaseModel):
    gender: str
    percentage: Share


class CountryShare(BaseModel):
    country: str
    percentage: Share


class BusinessAccount(BaseModel):
    """An account and who follows it, as shares of 1; TikTok tells none of an account with fewer than 100 followers."""

    username: str
    audience_ages: tuple[AgeShare, ...] = ()
    audience_genders: tuple[GenderShare, ...] = ()
    audience_countries: tuple[CountryShare, ...] = ()


class _Account(BaseModel):
    username: str


class BusinessPosting:
    """The API as one account. Errors as in `shared.providers.tiktok_errors`."""

    def __init__(self, client: AsyncClient, base_url: str, access: Access) -> None:
        self._client, self._base_url, self._access = client, base_url.rstrip("/"), access
        self._business_id = access.external_id

    async def username(self) -> str:
        """The handle of the account that the token is of."""
        found = await self._get("get", "business/get/", {"fields": json.dumps(["username"])})
        return read_as(_Account, "TikTok Business, get", found).username

    async def account(self) -> BusinessAccount:
        """The account with its audience."""
        found = await self._get("get", "business/get/", {"fields": json.dumps(list(BusinessAccount.model_fields))})
        return read_as(BusinessAccount, "TikTok Business, get", found)

    async def recent_posts(self) -> tuple[ListedPost, ...]:
        """The newest twenty posts, newest first."""
        wanted = {"fields": json.dumps(["item_id", "caption", "create_time"]), "max_count": "20"}
        found = await self._get("video/list", "business/video/list/", wanted)
        return read_as(_Posts, "TikTok Business, video/list", found).videos

    async def publish(self, post_info: JsonObject, video_url: str) -> str:
        """Publishes, and gives the id to ask the status with.

        Raises `EffectUnknownError` where TikTok may have acted and did not say so.
        """
        body = {"business_id": self._business_id, "video_url": video_url, "post_info": post_info}
        url = self._url("business/video/publish/")
        answer = await self._asked("POST", url, json_body=body)
        if isinstance(answer, NoAnswer):
            if not answer.was_sent:
                raise ProviderDownError(f"TikTok Business, video/publish: no connection ({answer.what})")
            raise EffectUnknownError(f"TikTok Business, video/publish: no answer ({answer.what})")
        if not _is_said(answer) or answer.body["code"] in BUSINESS_DOUBTFUL:
            raise EffectUnknownError(f"TikTok Business, video/publish: HTTP {answer.status} and no clear answer")
        try:
            return _Share.model_validate(_data("video/publish", answer)).share_id
        except ValidationError as wrong:
            raise EffectUnknownError("TikTok Business, video/publish: an answer without share_id") from wrong

    async def status(self, publish_id: str) -> BusinessStatus:
        found = await self._get("publish/status", "business/publish/status/", {"publish_id": publish_id})
        return read_as(BusinessStatus, "TikTok Business, publish/status", found)

    async def _get(self, name: str, path: str, params: Mapping[str, str]) -> JsonObject:
        wanted = {"business_id": self._business_id, **params}
        answer = await self._asked("GET", self._url(path), params=wanted)
        if isinstance(answer, NoAnswer):
            raise ProviderDownError(f"TikTok Business, {name}: no answer ({answer.what})")
        return _data(name, answer)

    async def _asked(self, method: str, url: str, **told: Any) -> Answer | NoAnswer:
        """One call; once more with another token, if TikTok takes this one no more: then it has done nothing."""
        used = self._access.token
        answer = await ask(self._client, method, url, headers=_headers(used), **told)
        if is_business_token_refused(answer) and await self._access.renewed(used):
            answer = await ask(self._client, method, url, headers=_headers(self._access.token), **told)
        return answer

    def _url(self, path: str) -> str:
        """The slash at the end belongs to it: without, the API answers 404."""
        return f"{self._base_url}/open_api/v1.3/{path}"


def _headers(token: str) -> dict[str, str]:
    return {"Access-Token": token, "Content-Type": "application/json"}


def _is_said(answer: Answer) -> bool:
    """Whether the API itself has spoken: HTTP 200 and a code, which is where its errors are."""
    return answer.status == 200 and isinstance(answer.body, dict) and isinstance(answer.body.get("code"), int)


def _data(name: str, answer: Answer) -> JsonObject:
    if not _is_said(answer):
        if 400 <= answer.status < 500 and answer.status not in (408, 429):
            told = f"TikTok Business, {name}: HTTP {answer.status}; look at TIKTOK_BUSINESS_API_URL"
            raise EffectRefusedError(f"http_{answer.status}", told)
        raise ProviderDownError(f"TikTok Business, {name}: HTTP {answer.status}, and an answer that cannot be read")
    if answer.body["code"] != 0:
        told = f"{answer.body.get('message') or ''} request {answer.body.get('request_id')}"
        raise business_error(name, answer.body["code"], told)
    return dict(answer.body.get("data") or {})


@asynccontextmanager
async def business_posting(settings: Settings, asked: Asked) -> AsyncIterator[BusinessPosting]:
    """The API as the account that is asked for. Raises `EffectRefusedError` if it cannot be used: nothing was asked."""
    access: Access | None = await account_access(asked, settings)
    if access is None or settings.asset_public_url is None:
        needed: dict[str, str | SecretStr | None] = {"ASSET_PUBLIC_URL": settings.asset_public_url}
        if access is None:
            needed = {**_needed(settings), **needed}
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            told = f"settings: {', '.join(missing)}: the business back end needs this to publish"
            raise EffectRefusedError("settings_missing", told)
    async with _calling_as(access or _of_settings(settings), settings) as api:
        yield api


@asynccontextmanager
async def business_reading(settings: Settings, asked: Asked) -> AsyncIterator[BusinessPosting]:
    """The API as the account that is asked for. Raises `EffectRefusedError` if it cannot be used: nothing was asked."""
    access: Access = await account_access(asked, settings) or _of_settings(settings)
    async with _calling_as(access, settings) as api:
        yield api


@asynccontextmanager
async def _calling_as(access: Access, settings: Settings) -> AsyncIterator[BusinessPosting]:
    async with calling(settings.tiktok_timeout_s) as client:
        yield BusinessPosting(client, settings.tiktok_business_api_url, access)


def _needed(settings: Settings) -> dict[str, str | SecretStr | None]:
    return {
        "TIKTOK_BUSINESS_TOKEN": settings.tiktok_business_token,
        "TIKTOK_BUSINESS_ID": settings.tiktok_business_id,
    }


def _of_settings(settings: Settings) -> FixedAccess:
    token, business_id = settings.tiktok_business_token, settings.tiktok_business_id
    if token is None or business_id is None:
        missing = ", ".join(name for name, value in _needed(settings).items() if value is None)
        raise EffectRefusedError("settings_missing", f"settings: {missing}; or: army accounts connect tiktok_business")
    return FixedAccess(token.get_secret_value(), business_id)

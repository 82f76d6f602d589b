"""TikTok's Business API for ads: campaigns, ad groups, ads, their videos, and what they spent (v1.3).

Every answer is HTTP 200; `code` says how it went, and creating is not idempotent: a create whose answer is lost raises
`EffectUnknownError`, and the thing is looked up by its name. Field names are those of the official SDK.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from shared.config import Settings
from shared.core.canonical import Json, JsonObject
from shared.errors import EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.providers.accounts.access import Access, Asked, FixedAccess, account_access
from shared.providers.calling import Answer, NoAnswer, ask, calling, read_as, text_of
from shared.providers.tiktok_ads_errors import DUPLICATE, ads_error, is_doubtful
from shared.providers.tiktok_errors import is_business_token_refused

if TYPE_CHECKING:
    from httpx2 import AsyncClient

PAGE = 100
MOST_SPENT = Decimal(1_000_000)  # in an hour; more is no figure
Level = Literal["campaign", "adgroup", "ad"]
Operation = Literal["ENABLE", "DISABLE", "DELETE"]
_Thing = TypeVar("_Thing", bound=BaseModel)
_Id = Annotated[str, BeforeValidator(text_of)]


class Standing(BaseModel):
    """A campaign, an ad group or an ad as the API lists it."""

    id: str
    name: str
    operation_status: str


class AdAccount(BaseModel):
    """An advertiser's own currency and time zone (a name such as America/Los_Angeles): its days are counted in it."""

    currency: str
    timezone: str = ""
    display_timezone: str | None = None

    @property
    def zone(self) -> str:
        return self.display_timezone or self.timezone


class _PageInfo(BaseModel):
    page: int = 1
    total_page: int = 1


class _Page(BaseModel):
    list: tuple[dict[str, Any], ...] = ()
    page_info: _PageInfo = _PageInfo()


class _Campaign(BaseModel):
    campaign_id: _Id


class _AdGroup(BaseModel):
    adgroup_id: _Id


class _Video(BaseModel):
    video_id: _Id


class _Cover(BaseModel):
    id: _Id


class AdsApi:
    """The API as one advertiser."""

    def __init__(self, client: AsyncClient, base_url: str, access: Access) -> None:
        self._client, self._base_url, self._access = client, base_url.rstrip("/"), access
        self._advertiser_id = access.external_id

    async def campaign_named(self, name: str) -> Standing | None:
        """The campaign of exactly this name, the oldest if there are several; deleted ones do not count."""
        return await self._one("campaign", {"campaign_name": name}, name)

    async def adgroup_named(self, campaign_id: str, name: str) -> Standing | None:
        return await self._one("adgroup", {"campaign_ids": [campaign_id]}, name)

    async def ads_of(self, adgroup_id: str) -> dict[str, Standing]:
        """The ads of a group by their names."""
        return {ad.name: ad async for ad in self._listed("ad", {"adgroup_ids": [adgroup_id]})}

    async def standing(self, level: Level, thing_id: str) -> Standing | None:
        """How it stands now; None if there is none, or it was deleted."""
        async for found in self._listed(level, {f"{level}_ids": [thing_id]}):
            if found.id == thing_id:
                return found
        return None

    async def create_campaign(self, fields: JsonObject) -> str:
        data = await self._post("campaign/create/", fields)
        return _made(_Campaign, "campaign/create", data).campaign_id

    async def create_adgroup(self, fields: JsonObject) -> str:
        data = await self._post("adgroup/create/", fields)
        return _made(_AdGroup, "adgroup/create", data).adgroup_id

    async def create_ads(self, adgroup_id: str, creatives: Sequence[JsonObject]) -> None:
        """Creates the ads; which ids they got is read back by their names."""
        await self._post("ad/create/", {"adgroup_id": adgroup_id, "creatives": list(creatives)})

    async def set_status(self, level: Level, ids: Sequence[str], operation: Operation) -> None:
        """Enables, pauses or deletes them. Doing it twice changes nothing."""
        await self._post(f"{level}/status/update/", {f"{level}_ids": list(ids), "operation_status": operation})

    async def video_named(self, file_name: str) -> str | None:
        """The video in the advertiser's library that was uploaded under this name."""
        async for video in self._pages("file/video/ad/search/", {}):
            if video.get("file_name") == file_name:
                return read_as(_Video, "TikTok Ads, file/video/ad/search", video).video_id
        return None

    async def upload_video(self, file_name: str, md5: str, size: int, parts: Iterable[bytes]) -> str:
        """Sends the file; `md5` is of its bytes, which TikTok compares."""
        fields = {
            "advertiser_id": self._advertiser_id,
            "file_name": file_name,
            "upload_type": "UPLOAD_BY_FILE",
            "video_signature": md5,
        }
        head, tail, boundary = _form(fields, "video_file", file_name)
        headers = {
            "Access-Token": self._access.token,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        url = self._url("file/video/ad/upload/")
        answer = await ask(self._client, "POST", url, headers=headers, content=_sent(head, parts, tail))
        data = _data("file/video/ad/upload", answer, is_write=True)
        found = data[0] if isinstance(data, list) and data else data
        return _made(_Video, "file/video/ad/upload", found).video_id

    async def cover_of(self, video_id: str) -> str | None:
        """The picture that TikTok suggests in front of the video; None while there is none yet."""
        data = await self._get("file/video/suggestcover/", {"video_id": video_id})
        covers = read_as(_Page, "TikTok Ads, file/video/suggestcover", data).list
        return read_as(_Cover, "TikTok Ads, file/video/suggestcover", covers[0]).id if covers else None

    async def account(self) -> AdAccount:
        """The advertiser's currency and time zone."""
        wanted = {
            "advertiser_ids": json.dumps([self._advertiser_id]),
            "fields": json.dumps(["advertiser_id", "currency", "timezone", "display_timezone"]),
        }
        data = await self._get("advertiser/info/", wanted)
        found = read_as(_Page, "TikTok Ads, advertiser/info", data).list
        if not found:
            raise EffectRefusedError("advertiser_unknown", f"TikTok Ads knows no advertiser {self._advertiser_id}")
        return read_as(AdAccount, "TikTok Ads, advertiser/info", found[0])

    async def spend_by_hour(self, campaign_id: str, day: date) -> list[tuple[datetime, Decimal]]:
        """What the campaign spent in the hours of a day: when each begins, in the advertiser's time, and how much, in
        its currency. An hour without a row, or without a value, is not in it."""
        wanted = {
            "report_type": "BASIC",
            "data_level": "AUCTION_CAMPAIGN",
            "dimensions": json.dumps(["campaign_id", "stat_time_hour"]),
            "metrics": json.dumps(["spend"]),
            "filtering": json.dumps(
                [{"field_name": "campaign_ids", "filter_type": "IN", "filter_value": json.dumps([campaign_id])}]
            ),
            "start_date": day.isoformat(),
            "end_date": day.isoformat(),
        }
        rows = [_spent(row) async for row in self._pages("report/integrated/get/", wanted)]
        return [(hour, spent) for hour, spent in rows if spent is not None]

    async def _one(self, level: Level, filtering: JsonObject, name: str) -> Standing | None:
        found = [thing async for thing in self._listed(level, filtering) if thing.name == name]
        return min(found, key=lambda thing: (len(thing.id), thing.id), default=None)

    async def _listed(self, level: Level, filtering: JsonObject) -> AsyncIterator[Standing]:
        fields = [f"{level}_id", f"{level}_name", "operation_status"]
        wanted = {"filtering": json.dumps(filtering), "fields": json.dumps(fields)}
        async for row in self._pages(f"{level}/get/", wanted):
            status = str(row.get("operation_status", ""))
            if status != "DELETE":
                yield Standing(id=str(row[f"{level}_id"]), name=str(row[f"{level}_name"]), operation_status=status)

    async def _pages(self, path: str, wanted: Mapping[str, str]) -> AsyncIterator[JsonObject]:
        page = 1
        while True:
            data = await self._get(path, {**wanted, "page": str(page), "page_size": str(PAGE)})
            found = read_as(_Page, f"TikTok Ads, {path.strip('/')}", data)
            for row in found.list:
                yield row
            if page >= found.page_info.total_page:
                return
            page += 1

    async def _get(self, path: str, params: Mapping[str, str]) -> Json:
        wanted = {"advertiser_id": self._advertiser_id, **params}
        answer = await self._asked("GET", path, {}, params=wanted)
        return _data(path.strip("/"), answer, is_write=False)

    async def _post(self, path: str, fields: JsonObject) -> Json:
        body = {"advertiser_id": self._advertiser_id, **fields}
        answer = await self._asked("POST", path, {"Content-Type": "application/json"}, json_body=body)
        return _data(path.strip("/"), answer, is_write=True)

    async def _asked(self, method: str, path: str, more: Mapping[str, str], **told: Any) -> Answer | NoAnswer:
        """One call; once more with another token, if TikTok takes this one no more: then it has done nothing."""
        used = self._access.token
        headers = {**more, "Access-Token": used}
        answer = await ask(self._client, method, self._url(path), headers=headers, **told)
        if is_business_token_refused(answer) and await self._access.renewed(used):
            headers["Access-Token"] = self._access.token
            answer = await ask(self._client, method, self._url(path), headers=headers, **told)
        return answer

    def _url(self, path: str) -> str:
        """The slash at the end belongs to it: without, the API answers 404."""
        return f"{self._base_url}/open_api/v1.3/{path}"


def _data(call: str, answer: Answer | NoAnswer, *, is_write: bool) -> Json:
    """The data of a good answer. A write that may have been acted on raises `EffectUnknownError`."""
    told = f"TikTok Ads, {call}"
    if isinstance(answer, NoAnswer):
        if is_write and answer.was_sent:
            raise EffectUnknownError(f"{told}: no answer ({answer.what})")
        raise ProviderDownError(f"{told}: no answer ({answer.what})")
    body = answer.body
    if answer.status != 200 or not isinstance(body, dict) or not isinstance(body.get("code"), int):
        return _unreadable(told, answer, is_write=is_write)
    code, message = body["code"], str(body.get("message", ""))
    if code == 0:
        return body.get("data") or {}
    if is_write and (is_doubtful(code) or code == DUPLICATE):
        raise EffectUnknownError(f"{told}: {code} ({message[:300]})")
    raise ads_error(call, code, f"{message} request {body.get('request_id')}")


def _unreadable(told: str, answer: Answer, *, is_write: bool) -> Json:
    if 400 <= answer.status < 500 and answer.status not in (408, 429):
        raise EffectRefusedError(f"http_{answer.status}", f"{told}: HTTP {answer.status}; look at TIKTOK_ADS_API_URL")
    if is_write and answer.status != 429:
        raise EffectUnknownError(f"{told}: HTTP {answer.status}, and an answer that cannot be read")
    raise ProviderDownError(f"{told}: HTTP {answer.status}", retry_after_s=answer.retry_after_s)


def _made(kind: type[_Thing], call: str, data: Json) -> _Thing:
    """What was made. It is there, even if the answer does not say under which id: it is looked up."""
    try:
        return kind.model_validate(data)
    except ValidationError as wrong:
        raise EffectUnknownError(f"TikTok Ads, {call}: the answer names no id") from wrong


def _spent(row: JsonObject) -> tuple[datetime, Decimal | None]:
    """The hour of a report's row and its spend. Metrics are texts, and "-" is no value."""
    try:
        hour = datetime.fromisoformat(str(row["dimensions"]["stat_time_hour"])).replace(tzinfo=None)
        told = str(row["metrics"]["spend"])
        spent = None if told == "-" else Decimal(told)
    except (KeyError, TypeError, ValueError, InvalidOperation) as wrong:
        raise ProviderDownError("TikTok Ads, report/integrated/get: a row without a good hour or spend") from wrong
    if spent is not None and not (spent.is_finite() and 0 <= spent < MOST_SPENT):
        raise ProviderDownError(f"TikTok Ads, report/integrated/get: a spend of {told[:40]} at {hour}")
    return hour, spent


def _form(fields: Mapping[str, str], file_field: str, file_name: str) -> tuple[bytes, bytes, str]:
    """What stands before and after a file in a multipart form, and the boundary."""
    boundary = f"----army{fields['video_signature']}"
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="{file_field}"; filename="{file_name}"\r\n'
    head += "Content-Type: video/mp4\r\n\r\n"
    return head.encode(), f"\r\n--{boundary}--\r\n".encode(), boundary


async def _sent(head: bytes, parts: Iterable[bytes], tail: bytes) -> AsyncIterable[bytes]:
    yield head
    for part in parts:
        yield part
    yield tail


@asynccontextmanager
async def ads_api(settings: Settings, asked: Asked) -> AsyncIterator[AdsApi]:
    """The API as the advertiser that is asked for. Raises `EffectRefusedError` if it cannot be used: nothing was
    asked."""
    access: Access = await account_access(asked, settings) or _of_settings(settings, asked)
    async with calling(settings.tiktok_timeout_s) as client:
        yield AdsApi(client, settings.tiktok_ads_api_url, access)


def _of_settings(settings: Settings, asked: Asked) -> FixedAccess:
    if settings.tiktok_ads_token is None:
        told = "settings: TIKTOK_ADS_TOKEN: ads need it, or an account: army accounts connect tiktok_ads"
        raise EffectRefusedError("settings_missing", told)
    return FixedAccess(settings.tiktok_ads_token.get_secret_value(), asked.external_id or "")

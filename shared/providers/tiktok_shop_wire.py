"""Signed calls to TikTok Shop: one body, serialised once and signed as it is sent; an expired token is renewed once.

Envelope `{code, message, data, request_id}`; the code counts, whatever the HTTP status is.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.config import Settings
from shared.core.canonical import Json, JsonObject
from shared.errors import EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.providers.accounts.access import Access, AccountAccess, Asked, FixedAccess, account_access
from shared.providers.calling import Answer, NoAnswer, ask, calling
from shared.providers.tiktok_shop_errors import TOKEN_EXPIRED, is_doubtful, shop_error
from shared.providers.tiktok_shop_sign import sign, wants_shop

if TYPE_CHECKING:
    from httpx2 import AsyncClient


@dataclass(frozen=True, slots=True)
class _App:
    key: str
    secret: str
    cipher: str
    access: Access


class ShopWire:
    """Calls with one seller's token, for one shop."""

    def __init__(self, client: AsyncClient, settings: Settings, app: _App) -> None:
        self._client, self._app = client, app
        self._url = settings.tiktok_shop_api_url.rstrip("/")

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> JsonObject:
        return await self._call("GET", path, params or {}, b"", is_write=False)

    async def search(self, path: str, params: Mapping[str, str], body: JsonObject) -> JsonObject:
        """A POST that only reads."""
        return await self._call("POST", path, params, _bytes(body), is_write=False)

    async def post(self, path: str, body: JsonObject) -> JsonObject:
        """A POST that changes something. Raises `EffectUnknownError` where the shop may have acted and did not say."""
        return await self._call("POST", path, {}, _bytes(body), is_write=True)

    async def _call(
        self, method: str, path: str, params: Mapping[str, str], body: bytes, *, is_write: bool
    ) -> JsonObject:
        used = self._app.access.token
        answer = await self._once(method, path, params, body, used)
        if _code(answer) == TOKEN_EXPIRED and await self._app.access.renewed(used):
            answer = await self._once(method, path, params, body, self._app.access.token)
        return _data(f"{method} {path}", answer, is_write=is_write)

    async def _once(
        self, method: str, path: str, params: Mapping[str, str], body: bytes, token: str
    ) -> Answer | NoAnswer:
        told = {**params, "app_key": self._app.key, "timestamp": str(int(time.time()))}
        if wants_shop(path):
            told["shop_cipher"] = self._app.cipher
        told["sign"] = sign(path, told, body, self._app.secret)
        headers = {"x-tts-access-token": token, "content-type": "application/json"}
        if body:
            headers["content-length"] = str(len(body))
        content = _sent(body) if body else None
        return await ask(self._client, method, f"{self._url}{path}", headers=headers, params=told, content=content)


def _bytes(body: JsonObject) -> bytes:
    """The body as it is signed and sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _sent(body: bytes) -> AsyncIterable[bytes]:
    yield body


def _code(answer: Answer | NoAnswer) -> int | None:
    if isinstance(answer, NoAnswer) or not isinstance(answer.body, dict):
        return None
    code: Json = answer.body.get("code")
    return code if isinstance(code, int) else None


def _data(call: str, answer: Answer | NoAnswer, *, is_write: bool) -> JsonObject:
    told = f"TikTok Shop, {call}"
    if isinstance(answer, NoAnswer):
        if is_write and answer.was_sent:
            raise EffectUnknownError(f"{told}: no answer ({answer.what})")
        raise ProviderDownError(f"{told}: no answer ({answer.what})")
    code = _code(answer)
    if code is None:
        if 400 <= answer.status < 500 and answer.status not in (408, 429):
            told = f"{told}: HTTP {answer.status}; look at TIKTOK_SHOP_API_URL"
            raise EffectRefusedError(f"http_{answer.status}", told)
        if is_write and answer.status != 429:
            raise EffectUnknownError(f"{told}: HTTP {answer.status}, and an answer that cannot be read")
        raise ProviderDownError(f"{told}: HTTP {answer.status}", retry_after_s=answer.retry_after_s)
    if code == 0:
        data = answer.body.get("data")
        return data if isinstance(data, dict) else {}
    message = f"{answer.body.get('message') or ''} request {answer.body.get('request_id')}"
    if is_write and is_doubtful(code):
        raise EffectUnknownError(f"{told}: {code} ({message[:300]})")
    raise shop_error(call, code, message, retry_after_s=answer.retry_after_s)


@asynccontextmanager
async def shop_wire(settings: Settings, asked: Asked) -> AsyncIterator[ShopWire]:
    """Calls for the shop that is asked for. Raises `EffectRefusedError` if it cannot be used: nothing was asked."""
    account = await account_access(asked, settings)
    app = _of_settings(settings) if account is None else _of_account(account, settings)
    async with calling(settings.tiktok_timeout_s) as client:
        yield ShopWire(client, settings, app)


def _of_account(account: AccountAccess, settings: Settings) -> _App:
    key, secret = settings.tiktok_shop_app_key, settings.tiktok_shop_app_secret
    if key is None or secret is None:
        told = "settings: TIKTOK_SHOP_APP_KEY, TIKTOK_SHOP_APP_SECRET: they sign every call to a shop"
        raise EffectRefusedError("settings_missing", told)
    return _App(key, secret.get_secret_value(), account.cipher, account)


def _of_settings(settings: Settings) -> _App:
    secrets = {
        "TIKTOK_SHOP_APP_SECRET": settings.tiktok_shop_app_secret,
        "TIKTOK_SHOP_TOKEN": settings.tiktok_shop_token,
        "TIKTOK_SHOP_CIPHER": settings.tiktok_shop_cipher,
    }
    key = settings.tiktok_shop_app_key
    missing = [name for name, value in secrets.items() if value is None]
    missing += ["TIKTOK_SHOP_APP_KEY"] if key is None else []
    if key is None or missing:
        told = f"settings: {', '.join(sorted(missing))}: needed for the shop in real mode, or a connected shop"
        raise EffectRefusedError("settings_missing", told)
    secret, token, cipher = (value.get_secret_value() for value in secrets.values() if value is not None)
    return _App(key, secret, cipher, FixedAccess(token))

"""Asking a vendor for the next pair of tokens. The refresh token that is sent is good for this one time.

TikTok for Developers: POST /v2/oauth/token/, errors flat (`{error, error_description}`) whatever the status. Business
API: POST /tt_user/oauth2/refresh_token/. TikTok Shop: GET /api/v2/token/refresh, with Unix times.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field, SecretStr

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.errors import AccountUnusableError, EngineError, ProviderDownError
from shared.providers.accounts.tokens import Tokens
from shared.providers.calling import Answer, NoAnswer, ask, calling, read_as
from shared.providers.text import clean_text
from shared.providers.tiktok_errors import BUSINESS_BUSY, BUSINESS_DOUBTFUL, BUSINESS_THROTTLED

_LOST = {"invalid_grant", "access_denied", "40103", "40105", "40107", "36004004", "105002"}
_PASSING = {"server_error", "temporarily_unavailable", "rate_limit_exceeded", "36009002", "36009003", "36009007"}
_PASSING |= {str(code) for code in BUSINESS_BUSY | BUSINESS_DOUBTFUL | BUSINESS_THROTTLED}


class GrantLostError(Exception):
    """The vendor takes the refresh token no more: only a person can connect the account again. `code` is its word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Relative(BaseModel):
    access_token: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = Field(min_length=1)
    expires_in: int = Field(ge=0, le=10**9)
    refresh_expires_in: int | None = Field(None, ge=0, le=10**9)
    refresh_token_expires_in: int | None = Field(None, ge=0, le=10**9)
    open_id: str | None = None

    def as_tokens(self, old: Tokens) -> Tokens:
        now = datetime.now(UTC)
        seconds = self.refresh_expires_in if self.refresh_expires_in is not None else self.refresh_token_expires_in
        return Tokens(
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            access_expires_at=now + timedelta(seconds=self.expires_in),
            refresh_expires_at=None if seconds is None else now + timedelta(seconds=seconds),
        )


class _Absolute(BaseModel):
    access_token: SecretStr = Field(min_length=1)
    refresh_token: SecretStr = Field(min_length=1)
    access_token_expire_in: int = Field(ge=0, lt=2**33)
    refresh_token_expire_in: int | None = Field(None, ge=0, lt=2**33)
    open_id: str | None = None  # of the seller, not the shop

    def as_tokens(self, old: Tokens) -> Tokens:
        until = self.refresh_token_expire_in
        return Tokens(
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            cipher=old.cipher,
            access_expires_at=datetime.fromtimestamp(self.access_token_expire_in, UTC),
            refresh_expires_at=None if until is None else datetime.fromtimestamp(until, UTC),
        )


def renewed_tokens(vendor: Vendor, external_id: str, old: Tokens, settings: Settings) -> Tokens:
    """The next pair, from a thread that has no event loop of its own. Nothing is kept of it here.

    Raises `GrantLostError`, `AccountUnusableError` for an app that is not set or not taken, and `ProviderDownError`
    when asking again may help.
    """
    return asyncio.run(_renewed(vendor, external_id, old, settings))


async def _renewed(vendor: Vendor, external_id: str, old: Tokens, settings: Settings) -> Tokens:
    assert old.refresh_token is not None
    try:
        async with asyncio.timeout(settings.tiktok_timeout_s), calling(settings.tiktok_timeout_s) as client:
            method, url, told = _request(vendor, old.refresh_token.get_secret_value(), settings)
            answer = await ask(client, method, url, **told)
    except TimeoutError as late:
        raise ProviderDownError(f"{vendor.called}, token refresh: no answer in time") from late
    found: _Relative | _Absolute
    data = _data(vendor, answer)
    if vendor is Vendor.SHOP:
        found = read_as(_Absolute, f"{vendor.called}, token refresh", data)
    else:
        found = read_as(_Relative, f"{vendor.called}, token refresh", data)
        if found.open_id not in (None, external_id):
            raise GrantLostError("another_account")
    return found.as_tokens(old)


def _request(vendor: Vendor, refresh_token: str, settings: Settings) -> tuple[str, str, dict[str, Any]]:
    """Method, address, and headers with a body or a query."""
    key, secret = _app(vendor, settings)
    granted = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if vendor is Vendor.TIKTOK:
        form = urlencode({"client_key": key, "client_secret": secret, **granted}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(form))}
        url = f"{settings.tiktok_open_api_url.rstrip('/')}/v2/oauth/token/"
        return "POST", url, {"headers": headers, "content": _sent(form)}
    if vendor is Vendor.BUSINESS:
        url = f"{settings.tiktok_business_api_url.rstrip('/')}/open_api/v1.3/tt_user/oauth2/refresh_token/"
        body = {"client_id": key, "client_secret": secret, **granted}
        return "POST", url, {"headers": {"content-type": "application/json"}, "json_body": body}
    url = f"{settings.tiktok_shop_auth_url.rstrip('/')}/api/v2/token/refresh"
    return "GET", url, {"headers": {}, "params": {"app_key": key, "app_secret": secret, **granted}}


def _app(vendor: Vendor, settings: Settings) -> tuple[str, str]:
    """The key and the secret of our app at this vendor. Raises `AccountUnusableError` naming what is not set."""
    its = settings
    given = {
        Vendor.TIKTOK: ("TIKTOK_CLIENT_KEY", its.tiktok_client_key, its.tiktok_client_secret),
        Vendor.BUSINESS: (
            "TIKTOK_BUSINESS_APP_ID",
            its.tiktok_business_app_id,
            its.tiktok_business_app_secret,
        ),
        Vendor.SHOP: ("TIKTOK_SHOP_APP_KEY", its.tiktok_shop_app_key, its.tiktok_shop_app_secret),
    }
    name, key, secret = given[vendor]
    if key is None or secret is None:
        told = f"settings: {name} and its secret: needed to renew the tokens of {vendor} accounts"
        raise AccountUnusableError("settings_missing", told)
    return key, secret.get_secret_value()


async def _sent(body: bytes) -> AsyncIterable[bytes]:
    yield body


def _data(vendor: Vendor, answer: Answer | NoAnswer) -> JsonObject:
    told = f"{vendor.called}, token refresh"
    if isinstance(answer, NoAnswer):
        raise ProviderDownError(f"{told}: no answer ({answer.what})")
    body = answer.body
    if not isinstance(body, dict):
        raise ProviderDownError(f"{told}: HTTP {answer.status}, and an answer that cannot be read")
    code = body.get("error") if vendor is Vendor.TIKTOK else body.get("code")
    if code in (None, 0, "") and answer.status < 400:
        return body if vendor is Vendor.TIKTOK else dict(body.get("data") or {})
    raise _refused(vendor, clean_text(str(code), 80), answer.status)


def _refused(vendor: Vendor, code: str, status: int) -> EngineError | GrantLostError:
    """The vendor's no. Its message is not told: nobody has promised that it quotes nothing of ours."""
    if code in _LOST:
        return GrantLostError(code)
    told = f"{vendor.called}, token refresh: {code}"
    if code in _PASSING or status >= 500 or status == 429:
        return ProviderDownError(told)
    return AccountUnusableError("app_refused", f"{told}; look at the key and the secret of the app")

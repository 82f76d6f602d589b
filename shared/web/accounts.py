"""What callers may send of accounts. Tokens are read as secrets: no error and no log holds one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, field_validator

from shared.core.accounts import Vendor
from shared.engine.accounts import NewAccount
from shared.providers.accounts.tokens import Tokens
from shared.providers.handles import handle_or_none
from shared.web.requests import Request

MOST_TOKEN = 8_000
MOST_SECONDS = 10 * 366 * 86_400
Seconds = Annotated[int, Field(ge=0, le=MOST_SECONDS)]
Scope = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}$")]


def _is_token(secret: SecretStr) -> SecretStr:
    """Raises ValueError for what no header can carry; the message says nothing of it."""
    value = secret.get_secret_value()
    if not value.isascii() or not value.isprintable() or " " in value or not 1 <= len(value) <= MOST_TOKEN:
        raise ValueError(f"is no token: 1 to {MOST_TOKEN} visible ASCII characters without a space")
    return secret


Token = Annotated[SecretStr, AfterValidator(_is_token)]


class GivenTokens(Request):
    """The tokens as the vendor gave them; the seconds count from now. Without `expires_in` a token does not run out."""

    access_token: Token
    refresh_token: Token | None = None
    expires_in: Seconds | None = None
    refresh_expires_in: Seconds | None = None
    cipher: Token | None = None

    def as_tokens(self) -> Tokens:
        return Tokens(
            access_token=self.access_token,
            refresh_token=self.refresh_token,
            cipher=self.cipher,
            access_expires_at=_at(self.expires_in),
            refresh_expires_at=_at(self.refresh_expires_in),
        )


def _at(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)


class GivenAccount(Request):
    """`POST /api/dashboard/accounts`. `external_id`: an open_id, an advertiser id, or a shop id."""

    vendor: Vendor
    external_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
    handle: Annotated[str, Field(min_length=1, max_length=65)] | None = None
    brand_id: UUID | None = None
    scopes: Annotated[tuple[Scope, ...], Field(max_length=200)] = ()
    tokens: GivenTokens

    @field_validator("handle")
    @classmethod
    def _normal(cls, handle: str | None) -> str | None:
        if handle is None:
            return None
        found = handle_or_none(handle)
        if found is None:
            raise ValueError("is no TikTok handle: letters, digits, _ . and -, with or without @")
        return found

    def as_account(self) -> NewAccount:
        tokens = self.tokens.as_tokens()
        return NewAccount(self.vendor, self.external_id, self.handle, self.brand_id, self.scopes, tokens)

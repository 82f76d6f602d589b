"""Accounts that are connected for a test: to the fakes, with tokens that run out when the test says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from local.fakes.tiktok_content import FakeTikTokContent
from local.fakes.tiktok_tokens import CLIENT_KEY, CLIENT_SECRET
from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.engine.accounts import NewAccount, connect_account
from shared.engine.members import Member
from shared.engine.rooms import Rooms
from shared.providers.accounts.tokens import Tokens
from tests.support.publishing import HANDLE, real_settings

FRESH_S = 86_400


def at_fake(rooms: Rooms, url: str, folder: Path, **changes: Any) -> Rooms:
    """The rooms in real mode against the fake, whose app they know; no token is set."""
    app = {
        "tiktok_client_key": CLIENT_KEY,
        "tiktok_client_secret": SecretStr(CLIENT_SECRET),
        "tiktok_business_app_id": CLIENT_KEY,
        "tiktok_business_app_secret": SecretStr(CLIENT_SECRET),
    }
    wanted = real_settings(url, folder, tiktok_access_token=None, tiktok_business_token=None, **app, **changes)
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    return replace(rooms, settings=rooms.settings.model_copy(update=given))


def connected(
    rooms: Rooms,
    workspace: UUID,
    pair: JsonObject,
    *,
    vendor: Vendor = Vendor.TIKTOK,
    left_s: float = FRESH_S,
    **more: Any,
) -> UUID:
    """The id of an account with this pair. `left_s`: how long we think that its token is good."""
    refresh = pair.get("refresh_token")
    tokens = Tokens(
        access_token=SecretStr(pair["access_token"]),
        refresh_token=None if refresh is None else SecretStr(refresh),
        cipher=None if more.get("cipher") is None else SecretStr(more.pop("cipher")),
        access_expires_at=datetime.now(UTC) + timedelta(seconds=left_s),
    )
    given = {"external_id": pair.get("open_id", "7"), "handle": HANDLE, "brand_id": None, "scopes": (), **more}
    account = NewAccount(vendor=vendor, tokens=tokens, **given)
    return UUID(connect_account(account, Member(workspace, "bo", ("admin",)), rooms)["account_id"])


def row_of(rooms: Rooms, workspace: UUID, account_id: UUID) -> Any:
    (row,) = rooms.store.move(workspace, "account", workspace_id=workspace, account_id=account_id)
    return row


def expired(fake: FakeTikTokContent, **more: Any) -> JsonObject:
    """A pair of the fake whose access token has run out."""
    return fake.pairs.issue(more.get("name", HANDLE), 0)

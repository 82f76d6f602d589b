"""The accounts of a workspace: connected, listed, disconnected. Tokens come in here and are never told again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject
from shared.core.events import EventKind
from shared.engine.members import Member, demand_admin
from shared.engine.read_run import shown_row
from shared.engine.rooms import Rooms
from shared.errors import InvalidInputError, NotFoundError
from shared.providers.accounts.tokens import Tokens, secret_name
from shared.secrets.store import secret_store

_NEEDS = {
    Vendor.TIKTOK: ("handle",),
    Vendor.BUSINESS: ("handle",),
    Vendor.ADS: (),
    Vendor.SHOP: ("cipher",),
}
_WHAT = {"handle": "the account's name at TikTok", "cipher": "which shop of the seller"}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to connect. `external_id` is the vendor's own: an open_id, an advertiser id, a shop id."""

    vendor: Vendor
    external_id: str
    handle: str | None
    brand_id: UUID | None
    scopes: tuple[str, ...]
    tokens: Tokens


def connect_account(account: NewAccount, member: Member, rooms: Rooms) -> JsonObject:
    """Connects an account, or connects it again: then the new tokens replace the old ones.

    The tokens are kept before the row names them; dying in between leaves the row as it was. Raises `ForbiddenError`
    for who is no admin and no owner, and `InvalidInputError` for what its vendor needs besides, or a foreign brand.
    """
    demand_admin(member, EventKind.ACCOUNT_CHANGE_REFUSED, "connect accounts", rooms)
    _check(account, rooms, member.workspace_id)
    account_id = uuid5(member.workspace_id, f"{account.vendor} {account.external_id}")
    secrets = secret_store(rooms.settings)
    before = _row(member.workspace_id, account_id, rooms)
    reference = secrets.put(secret_name(member.workspace_id, account_id), account.tokens.kept())
    values = {
        "workspace_id": member.workspace_id,
        "id": account_id,
        "vendor": account.vendor,
        "external_id": account.external_id,
        "handle": account.handle,
        "brand_id": account.brand_id,
        "scopes": list(account.scopes),
        "secret_ref": reference,
        "is_renewable": account.tokens.refresh_token is not None,
        "access_expires_at": account.tokens.access_expires_at,
        "refresh_expires_at": account.tokens.refresh_expires_at,
        "connected_by": member.name,
    }
    _locked(member.workspace_id, "save_account", values, rooms)
    if before is not None and before.secret_ref is not None:
        secrets.forget(before.secret_ref)
    return {"account_id": str(account_id), "status": "connected", "is_new": before is None}


def _check(account: NewAccount, rooms: Rooms, workspace_id: UUID) -> None:
    given = {"handle": account.handle, "cipher": account.tokens.cipher}
    for name in _NEEDS[account.vendor]:
        if given[name] is None:
            told = f"is required for {account.vendor}: {_WHAT[name]}"
            raise InvalidInputError(name if name == "handle" else f"tokens.{name}", told)
    if account.brand_id is not None and not rooms.store.move(workspace_id, "load_brand", brand_id=account.brand_id):
        raise InvalidInputError("brand_id", "names no brand of this workspace; army brands lists them")


def disconnect_account(account_id: UUID, member: Member, rooms: Rooms) -> JsonObject:
    """Ends an account here: nothing is read or done for it from now on, and its tokens are destroyed. Twice is
    harmless.

    What is being done at this moment ends. At TikTok the app stays authorised until the owner removes it there. Raises
    `ForbiddenError`, and `NotFoundError` for an account of elsewhere.
    """
    demand_admin(member, EventKind.ACCOUNT_CHANGE_REFUSED, "disconnect accounts", rooms)
    if _row(member.workspace_id, account_id, rooms) is None:
        raise NotFoundError(f"there is no account {account_id} in this workspace", field="account_id")
    values = {"workspace_id": member.workspace_id, "account_id": account_id, "by": member.name}
    rows = _locked(member.workspace_id, "disconnect_account", values, rooms)
    secret_store(rooms.settings).forget_all(secret_name(member.workspace_id, account_id))
    return {"account_id": str(account_id), "status": "disconnected", "is_new": bool(rows)}


def list_accounts(workspace_id: UUID, before: datetime | None, limit: int, rooms: Rooms) -> list[JsonObject]:
    """The accounts, newest first, without anything of their tokens but when they run out."""
    rows = rooms.store.move(workspace_id, "accounts", before=before, limit=limit)
    return [shown_row(row) for row in rows]


def _row(workspace_id: UUID, account_id: UUID, rooms: Rooms) -> Any:
    rows = rooms.store.move(workspace_id, "account", workspace_id=workspace_id, account_id=account_id)
    return rows[0] if rows else None


def _locked(workspace_id: UUID, name: str, values: dict[str, Any], rooms: Rooms) -> list[Any]:
    """The events of the workspace are counted one after another."""
    return rooms.store.move_all(workspace_id, [("lock_pauses", {"workspace_id": workspace_id}), (name, values)])[1]

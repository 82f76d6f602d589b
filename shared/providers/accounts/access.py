"""Whose token a call carries: that of the account which the run's workspace has connected, and no other's.

The tokens of the settings are those of one workspace, `ARMY_WORKSPACE_ID`, and count only where that workspace has
connected no account of the vendor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from shared.config import Settings
from shared.core.accounts import AccountStatus, Vendor
from shared.errors import AccountUnusableError, NotFoundError, ProviderDownError
from shared.providers.accounts.renewal import Renewal, again
from shared.providers.accounts.tokens import Tokens
from shared.secrets.store import secret_store
from shared.store.session import current_store
from shared.trace.context import current_agent_run_id, current_workspace_id

RENEW_BEFORE_S = 300.0


class Access(Protocol):
    """The right to call as one account."""

    @property
    def token(self) -> str: ...

    @property
    def external_id(self) -> str: ...

    async def renewed(self, used: str) -> bool:
        """After the vendor has refused the token `used`: whether there is another one now. Raises
        `AccountUnusableError` where only a person can help, and `ProviderDownError`."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Which account is wanted: of a vendor, by its handle or the vendor's id, for a run of a workspace.

    A run that names a brand takes an account of that brand, or one that is of the whole workspace.
    """

    vendor: Vendor
    workspace_id: UUID | None
    run_id: UUID | None = None
    agent_run_id: UUID | None = None
    handle: str | None = None
    external_id: str | None = None
    brand_id: UUID | None = None  # where no run says it

    @property
    def told(self) -> str:
        which = f"@{self.handle}" if self.handle else self.external_id
        return f"{self.vendor.called} account{f' {which}' if which else ''}"


def asked_here(vendor: Vendor, handle: str | None = None) -> Asked:
    """What the agent run around this call asks for."""
    return Asked(vendor, current_workspace_id.get(), agent_run_id=current_agent_run_id.get(), handle=handle)


@dataclass(frozen=True, slots=True)
class FixedAccess:
    """A token of the settings: nothing renews it."""

    token: str
    external_id: str = ""

    async def renewed(self, used: str) -> bool:
        return False


class AccountAccess:
    """A connected account. Its token is renewed before it runs out, and once more if the vendor refuses it."""

    def __init__(self, renewal: Renewal, tokens: Tokens) -> None:
        self._renewal, self._tokens = renewal, tokens

    @property
    def token(self) -> str:
        return self._tokens.access_token.get_secret_value()

    @property
    def external_id(self) -> str:
        return self._renewal.external_id

    @property
    def cipher(self) -> str:
        """Which shop of the seller it is."""
        return "" if self._tokens.cipher is None else self._tokens.cipher.get_secret_value()

    async def renewed(self, used: str) -> bool:
        if self.token == used:
            self._tokens = await asyncio.to_thread(self._renewal.renew)
        return True


async def account_access(asked: Asked, settings: Settings) -> AccountAccess | None:
    """The account that is asked for, with a token that is good for a while; None: the settings' token is to be taken.

    Raises `AccountUnusableError` where there is none to take, or a person has to connect it again, and
    `ProviderDownError` when asking again may help. The vendor is asked for nothing but a new token.
    """
    return await asyncio.to_thread(_account_access, asked, settings)


def _account_access(asked: Asked, settings: Settings) -> AccountAccess | None:
    workspace_id = asked.workspace_id
    if workspace_id is None:
        return None
    rows = _rows(asked, workspace_id, settings)
    if not rows and workspace_id == settings.army_workspace_id:
        return None
    row = _usable(asked, chosen(asked, rows))
    renewal = Renewal(settings, workspace_id, row)
    if row.is_over or (row.is_due and row.is_renewable):
        try:
            return AccountAccess(renewal, renewal.renew())
        except ProviderDownError:
            if row.is_over:
                raise
    try:
        return AccountAccess(renewal, Tokens.read(secret_store(settings).get(row.secret_ref)))
    except NotFoundError:
        return AccountAccess(renewal, renewal.reread())


def is_connected(asked: Asked, settings: Settings) -> bool:
    """Whether a connected account answers for this; False: the settings' token does. For a door: nothing is renewed.

    Raises `AccountUnusableError`.
    """
    if asked.workspace_id is None:
        return False
    rows = _rows(asked, asked.workspace_id, settings)
    if not rows and asked.workspace_id == settings.army_workspace_id:
        return False
    _usable(asked, chosen(asked, rows))
    return True


def _rows(asked: Asked, workspace_id: UUID, settings: Settings) -> Sequence[Any]:
    """The accounts of the vendor; without a database there can be none."""
    if not settings.has_database:
        return ()
    given = {"run_id": asked.run_id, "agent_run_id": asked.agent_run_id, "margin_s": RENEW_BEFORE_S}
    whose = {"workspace_id": workspace_id, "vendor": asked.vendor}
    return current_store().move(workspace_id, "accounts_for", **whose, **given)


def chosen(asked: Asked, rows: Sequence[Any]) -> Any:
    """The one of these that is asked for. Raises `AccountUnusableError` for none, or for several."""
    named = [row for row in rows if _is_named(asked, row)]
    if not named:
        there = ", ".join(f"@{row.handle}" if row.handle else row.external_id for row in rows[:20])
        told = f"no {asked.told} is connected in this workspace" + (f" (there are: {there})" if there else "")
        raise AccountUnusableError("account_missing", f"{told}; connect it with: army accounts connect {asked.vendor}")
    brand = named[0].run_brand_id if asked.brand_id is None else str(asked.brand_id)
    of_brand = [row for row in named if brand is not None and row.brand_id == brand]
    of_all = [row for row in named if row.brand_id is None]
    found = of_brand or of_all or ([] if brand is not None else named)
    if not found:
        told = f"the {asked.told} is of another brand than the run; connect it for any brand, or for brand {brand}"
        raise AccountUnusableError("account_of_another_brand", told)
    live = [row for row in found if row.status != AccountStatus.DISCONNECTED]
    if len(live) > 1:
        told = f"{len(live)} {asked.vendor.called} accounts are connected; give each its brand, and the brief a brand"
        raise AccountUnusableError("account_ambiguous", told)
    return live[0] if live else found[0]


def _is_named(asked: Asked, row: Any) -> bool:
    is_handle = asked.handle is None or row.handle == asked.handle
    return is_handle and asked.external_id in (None, row.external_id)


def _usable(asked: Asked, row: Any) -> Any:
    """The row, if its account may still be used."""
    if row.status == AccountStatus.CONNECTED:
        return row
    raise AccountUnusableError(
        f"account_{row.status}", f"the {asked.told} is {row.status}: {again(row.why, row.vendor)}"
    )

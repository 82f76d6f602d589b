"""Renewing the tokens of an account, one executor at a time.

A refresh token is good once, so the order matters: claim in Postgres → ask the vendor → keep the new pair as a new
version of the secret → let the row name it → destroy the old version. Whoever dies before the row names the new version
leaves a claim that runs out; the next one takes up a version that was kept, else asks the vendor again, and where the
vendor takes the old refresh token no more the account says that a person must connect it again.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.config import Settings
from shared.core.accounts import AccountStatus, Vendor
from shared.core.ids import new_id
from shared.errors import AccountUnusableError, NotFoundError, ProviderDownError
from shared.providers.accounts.renew import GrantLostError, renewed_tokens
from shared.providers.accounts.tokens import Tokens, secret_name
from shared.secrets.store import secret_store
from shared.store.session import current_store

log = logging.getLogger(__name__)

KEEP_TRIES = 3  # of a new pair that a store of secrets does not take: it is nowhere else
PAUSE_S = 0.1


def again(why: str | None, vendor: str) -> str:
    """What a person does about an account that cannot be used."""
    told = f"{why}; " if why else ""
    return f"{told}connect it again with: army accounts connect {vendor}"


def _is_over(until: datetime | None) -> bool:
    return until is not None and until < datetime.now(UTC)


class Renewal:
    """Of one account as it was read. Its methods wait for disk and network: they are called in a thread, where nothing
    cuts them off between the vendor's answer and its keeping."""

    def __init__(self, settings: Settings, workspace_id: UUID, row: Any) -> None:
        self._settings, self._workspace_id = settings, workspace_id
        self._id, self._vendor, self._seen = row.id, Vendor(row.vendor), str(row.secret_ref)
        self.external_id: str = row.external_id
        self._store, self._secrets = current_store(), secret_store(settings)

    @property
    def _lease_s(self) -> float:
        return self._settings.tiktok_timeout_s + 60.0

    def renew(self) -> Tokens:
        """The next pair, by us or by whoever is at it. Raises `AccountUnusableError` and `ProviderDownError`."""
        until = time.monotonic() + self._settings.tiktok_timeout_s
        while not self._move("claim_renewal", lease_s=self._lease_s):
            found = self._newer()
            if found is not None:
                return found
            if time.monotonic() > until:
                raise ProviderDownError("another executor renews this account's tokens", retry_after_s=5.0)
            time.sleep(PAUSE_S)
        return self._renewed()

    def reread(self) -> Tokens:
        """The tokens as they are now: the version that was seen is gone. Raises `AccountUnusableError`."""
        found = self._newer()
        if found is None:
            raise self._lost(AccountStatus.NEEDS_RECONNECT, "its tokens are gone from the store of secrets")
        return found

    def _newer(self) -> Tokens | None:
        """What another has put in the place of the version that was seen; None while it stands. Raises
        `AccountUnusableError` if the account was given up or ended."""
        row = self._row()
        if row is None or row.status != AccountStatus.CONNECTED:
            status = AccountStatus.DISCONNECTED if row is None else row.status
            told = f"this {self._vendor.called} account is {status}: {again(row and row.why, self._vendor)}"
            raise AccountUnusableError(f"account_{status}", told)
        if row.secret_ref == self._seen:
            return None
        self._seen = row.secret_ref
        return self._read(row.secret_ref)

    def _renewed(self) -> Tokens:
        kept = self._kept_by_a_lost_one()
        if kept is not None:
            return self._named(*kept)
        old = self._read(self._seen)
        if old.refresh_token is None or _is_over(old.refresh_expires_at):
            raise self._at_its_end(old)
        try:
            new = renewed_tokens(self._vendor, self.external_id, old, self._settings)
        except GrantLostError as no:
            late = self._kept_by_a_lost_one()
            if late is not None:
                return self._named(*late)
            raise self._lost(
                AccountStatus.NEEDS_RECONNECT, f"{self._vendor.called} renews it no more ({no.code})"
            ) from no
        except (ProviderDownError, AccountUnusableError):
            self._move("leave_renewal")
            raise
        return self._named(self._keep(new), new)

    def _at_its_end(self, old: Tokens) -> AccountUnusableError:
        """Nothing can renew it: it has run out, or the vendor took it back before its time."""
        if not _is_over(old.access_expires_at):
            return self._lost(AccountStatus.NEEDS_RECONNECT, f"{self._vendor.called} takes its token no more")
        told = "it has no refresh token" if old.refresh_token is None else "its refresh token has run out, too"
        return self._lost(AccountStatus.EXPIRED, f"its token has run out, and {told}")

    def _kept_by_a_lost_one(self) -> tuple[str, Tokens] | None:
        """A version that is newer than the row's: kept by an executor that died before the row named it."""
        newest = self._secrets.newest(secret_name(self._workspace_id, self._id))
        if newest is None or newest == self._seen:
            return None
        with suppress(NotFoundError):
            return newest, Tokens.read(self._secrets.get(newest))
        return None

    def _keep(self, new: Tokens) -> str:
        """The reference of the new version. If it cannot be kept, the account needs a person, and says so."""
        for tries in range(KEEP_TRIES):
            try:
                return self._secrets.put(secret_name(self._workspace_id, self._id), new.kept())
            except (ProviderDownError, OSError) as down:
                log.warning("account.renewal: %s: not kept (%s)", self._id, type(down).__name__)
                time.sleep(PAUSE_S * (tries + 1))
        raise self._lost(AccountStatus.NEEDS_RECONNECT, "its new tokens could not be kept")

    def _named(self, reference: str, new: Tokens) -> Tokens:
        """Lets the row name the new version, and only then gives up the old one."""
        times = {"access_expires_at": new.access_expires_at, "refresh_expires_at": new.refresh_expires_at}
        is_renewable = new.refresh_token is not None
        if not self._move("keep_renewed", new_ref=reference, is_renewable=is_renewable, **times):
            row = self._row()
            if row is None or row.secret_ref != reference:
                self._secrets.forget(reference)  # ended or connected again meanwhile: these are nobody's tokens
            found = self._newer()
            if found is None:
                raise ProviderDownError("the account changed while its tokens were renewed", retry_after_s=1.0)
            return found
        self._secrets.forget(self._seen)
        self._seen = reference
        log.info("account.renewed: %s", self._id)
        return new

    def _lost(self, status: AccountStatus, why: str) -> AccountUnusableError:
        """Gives the account up: state, event and alert."""
        values = {"status": status, "why": why, "alert_id": new_id(), **self._which}
        lock = ("lock_pauses", {"workspace_id": self._workspace_id})
        self._store.move_all(self._workspace_id, [lock, ("lose_account", values)])
        log.warning("account.lost: %s: %s", self._id, why)
        told = f"this {self._vendor.called} account is {status}: {again(why, self._vendor)}"
        return AccountUnusableError(f"account_{status}", told)

    def _read(self, reference: str) -> Tokens:
        try:
            return Tokens.read(self._secrets.get(reference))
        except NotFoundError:
            raise self._lost(AccountStatus.NEEDS_RECONNECT, "its tokens are gone from the store of secrets") from None

    def _row(self) -> Any:
        which = {"workspace_id": self._workspace_id, "account_id": self._id}
        rows = self._store.move(self._workspace_id, "account", **which)
        return rows[0] if rows else None

    @property
    def _which(self) -> dict[str, Any]:
        return {"workspace_id": self._workspace_id, "account_id": self._id, "secret_ref": self._seen}

    def _move(self, name: str, **values: Any) -> bool:
        return bool(self._store.move(self._workspace_id, name, **self._which, **values))

"""Secrets, kept apart from Postgres: rows hold a reference to one version of a secret, never the secret itself.

A version never changes. A new value is a new version, so a reference that was read stays good until that version is
forgotten, and a writer that dies between two steps leaves a version behind, not half a secret. Every method may wait
for a disk or a network: call it in a thread.
"""

from __future__ import annotations

import re
from typing import Protocol

from shared.config import Settings
from shared.errors import NotFoundError

SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,199}")
MOST_CHARACTERS = 60_000  # Secret Manager takes 64 KiB


class SecretStore(Protocol):
    """Where secrets are. All methods raise `ProviderDownError` when asking again may help, and `NotEnoughSettingsError`
    when the store is not there or closed to us. No error holds a secret."""

    def put(self, name: str, value: str) -> str:
        """Keeps a value as the newest version of the secret; returns its reference."""
        ...

    def get(self, reference: str) -> str:
        """The value. Raises `NotFoundError` for one that was forgotten, or for what is no reference."""
        ...

    def newest(self, name: str) -> str | None:
        """The reference of the newest version; None if there is none."""
        ...

    def forget(self, reference: str) -> None:
        """Destroys one version. One that is gone is as good."""
        ...

    def forget_all(self, name: str) -> None:
        """Destroys every version."""
        ...


def secret_store(settings: Settings) -> SecretStore:
    """The store that is set: files of this machine, or Secret Manager."""
    if settings.secret_store == "secret_manager":
        from shared.secrets.secret_manager import ManagedSecrets

        return ManagedSecrets(settings.gcp_project, settings.secret_manager_emulator_host)
    from shared.secrets.files import FileSecrets

    return FileSecrets(settings.army_home / "secrets")


def no_such_version() -> NotFoundError:
    return NotFoundError("the secret is gone: the version that the reference names is not there")


def checked_name(name: str) -> str:
    """The name of a secret. Raises ValueError for what is none: names are ours, never a caller's."""
    if SECRET_NAME.fullmatch(name) is None:
        raise ValueError("a secret's name has lower-case letters, digits and -, 200 at most")
    return name

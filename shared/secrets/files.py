"""Secrets in files of this machine: a folder that only its owner may enter, one file of mode 0600 for each version."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from shared.secrets.store import SECRET_NAME, checked_name, no_such_version

_REFERENCE = re.compile(rf"file:({SECRET_NAME.pattern})/(\d{{8}}-[0-9a-f]{{8}})")


class FileSecrets:
    """A version is `<name>/<number>-<random>`: no reference is ever given twice, whoever writes at the same time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def put(self, name: str, value: str) -> str:
        folder = self._folder / checked_name(name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for closed in (self._folder, folder):
            closed.chmod(0o700)
        version = f"{self._last(name) + 1:08d}-{secrets.token_hex(4)}"
        unfinished = folder / f".{version}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(value)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / version)
        return f"file:{name}/{version}"

    def get(self, reference: str) -> str:
        try:
            return self._place(reference).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise no_such_version() from None

    def newest(self, name: str) -> str | None:
        found = self._versions(name)
        return f"file:{name}/{found[-1]}" if found else None

    def forget(self, reference: str) -> None:
        with suppress(FileNotFoundError):
            self._place(reference).unlink()

    def forget_all(self, name: str) -> None:
        shutil.rmtree(self._folder / checked_name(name), ignore_errors=True)

    def _place(self, reference: str) -> Path:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise no_such_version()
        return self._folder / found[1] / found[2]

    def _last(self, name: str) -> int:
        found = self._versions(name)
        return int(found[-1].partition("-")[0]) if found else 0

    def _versions(self, name: str) -> list[str]:
        """Oldest first."""
        folder = self._folder / checked_name(name)
        return sorted(file.name for file in folder.glob("[0-9]*")) if folder.is_dir() else []

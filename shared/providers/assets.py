"""Where made videos and pictures live: one folder, each file named by the sha-256 of what is in it.

The name is the check: a file that was approved cannot be swapped for another under the same name, and saving the same
bytes twice keeps one file. Several processes may write at once; a file is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from shared.errors import InvalidInputError, NotFoundError
from shared.providers.text import shown

MAX_ASSET_BYTES = 4_000_000_000  # the most that TikTok takes for one video
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Asset:
    """A kept file. `sha256` is its id; `path` is absolute."""

    sha256: str
    bytes: int
    path: Path


class Assets:
    """The files in one folder (`Settings.assets_folder`), which is made at the first save."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def save(self, parts: Iterable[bytes]) -> Asset:
        """Keeps these bytes. Raises `InvalidInputError` for an empty or too large file, and keeps nothing of it."""
        with self.writing() as file:
            for part in parts:
                file.write(part)
        return file.asset

    def writing(self) -> AssetWriter:
        """A file to write part by part: `with assets.writing() as file: file.write(...)`, then `file.asset`."""
        return AssetWriter(self._folder)

    def find(self, sha256: str) -> Asset:
        """The kept file. Raises `NotFoundError`, or `InvalidInputError` for what is no sha-256."""
        if _SHA256.fullmatch(sha256) is None:
            raise InvalidInputError("asset_id", f"{shown(sha256)} is no asset: 64 lower-case hex digits of a sha-256")
        return self._asset(sha256, _place(self._folder, sha256))

    def at(self, path: str | Path) -> Asset:
        """The kept file at this path, absolute or below the folder; nothing outside the folder is an asset."""
        file = self._folder / path
        name = file.name
        if _SHA256.fullmatch(name) is None or os.path.normpath(file) != str(_place(self._folder, name)):
            raise InvalidInputError("path", f"{shown(str(path))} is no file among the assets")
        return self._asset(name, _place(self._folder, name))

    def open(self, asset: Asset) -> BinaryIO:
        """The file's bytes, after a check that they are still those of its name. Raises `NotFoundError` if not."""
        try:
            file = asset.path.open("rb")
        except OSError as missing:
            raise NotFoundError(f"asset {asset.sha256} cannot be read: {missing.strerror}") from missing
        if hashlib.file_digest(file, "sha256").hexdigest() != asset.sha256:
            file.close()
            raise NotFoundError(f"asset {asset.sha256} is damaged: its bytes have another sha-256")
        file.seek(0)
        return file

    def _asset(self, sha256: str, path: Path) -> Asset:
        if path.is_symlink() or not path.is_file():
            raise NotFoundError(f"there is no asset {sha256}")
        return Asset(sha256, path.stat().st_size, path)


class AssetWriter:
    """A file on its way. It becomes an asset when the block ends well, and leaves nothing when it does not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished" / uuid.uuid4().hex
        self._hash = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None = None
        self._asset: Asset | None = None

    def __enter__(self) -> AssetWriter:
        self._unfinished.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._unfinished.open("xb")
        return self

    def write(self, part: bytes) -> None:
        """Adds these bytes. Raises `InvalidInputError` when the file grows over the limit."""
        if self._file is None:
            raise ValueError("write inside the `with` block")
        self._size += len(part)
        if self._size > MAX_ASSET_BYTES:
            raise InvalidInputError("asset", f"is larger than {MAX_ASSET_BYTES} bytes, the most that is allowed")
        self._hash.update(part)
        self._file.write(part)

    @property
    def asset(self) -> Asset:
        """What was kept: there once the block has ended well."""
        if self._asset is None:
            raise ValueError("nothing was kept: the `with` block did not end well")
        return self._asset

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        try:
            if kind is None:
                self._keep(self._file)
        finally:
            self._file.close()
            self._file = None
            self._unfinished.unlink(missing_ok=True)

    def _keep(self, file: BinaryIO) -> None:
        if self._size == 0:
            raise InvalidInputError("asset", "is empty: an asset has at least one byte")
        file.flush()
        os.fsync(file.fileno())
        os.chmod(file.fileno(), 0o444)
        sha256 = self._hash.hexdigest()
        place = _place(self._folder, sha256)
        place.parent.mkdir(exist_ok=True)
        self._unfinished.replace(place)
        self._asset = Asset(sha256, self._size, place)


def _place(folder: Path, sha256: str) -> Path:
    """The first two digits are a folder, so that no folder holds too many files."""
    return folder / sha256[:2] / sha256

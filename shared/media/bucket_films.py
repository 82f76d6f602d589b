"""Films in a Google Cloud Storage bucket: for executors whose disk is gone when their request ends.

An object is created only if there is none of its name, so of two writers one writes, and a lost answer is harmless.
Bytes go up and come down in parts: memory does not grow with the film. What is read is one generation of the object,
which nobody can change: the bytes that were checked are the bytes that are sent.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.errors import NotEnoughSettingsError, NotFoundError, ProviderDownError
from shared.media.films import MOST_FILM_BYTES, Film, checked, film_name, measured

PART_BYTES = 8 * 2**20  # a multiple of 256 KiB, as resumable uploads want
PATIENCE_S = 60.0  # how long one call is tried
_TIMEOUT_S = (5.0, 60.0)  # to connect, and without a byte


class BucketFilms:
    """The bucket of this name. `emulator` is the address of a server in place of Google's. Nothing is asked before the
    first film."""

    def __init__(
        self,
        bucket: str,
        project: str,
        emulator: str | None = None,
        most_bytes: int = MOST_FILM_BYTES,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._name, self._project, self._emulator = bucket, project, emulator
        self._most_bytes, self._patience_s = most_bytes, patience_s

    def save(self, workspace_id: UUID, path: Path) -> Film:
        film = measured(workspace_id, path, self._most_bytes)
        there = self._look(film.name)
        if there is None or not _is(there, film):
            self._upload(film, path, 0 if there is None else there.generation)
        return film

    def find(self, workspace_id: UUID, sha256: str) -> Film:
        there = self._look(film_name(workspace_id, sha256))
        if there is None:
            raise NotFoundError(f"there is no film {sha256} in this workspace")
        return Film(workspace_id, sha256, there.size)

    def open(self, film: Film) -> io.BufferedReader:
        there = self._look(film.name)
        if there is None:
            raise NotFoundError(f"film {film.sha256} is gone from the bucket")
        if there.size != film.bytes:
            raise NotFoundError(f"film {film.sha256} is damaged: it has {there.size} bytes, not {film.bytes}")
        return checked(film, io.BufferedReader(_Object(self, film, there.generation), PART_BYTES))

    def part(self, name: str, generation: int, first: int, last: int) -> bytes:
        """The bytes of one generation from `first` to `last`, both included."""
        with self._asking():
            blob = self._bucket.blob(name)  # the library changes one by what an answer says of it
            told = {"start": first, "end": last, "if_generation_match": generation, "raw_download": True}
            found: bytes = blob.download_as_bytes(**told, timeout=_TIMEOUT_S, retry=self._retry, checksum=None)
            return found

    def _look(self, name: str) -> Any:
        """The object as it is now; None if there is none."""
        from google.api_core.exceptions import NotFound

        with self._asking():
            blob = self._bucket.blob(name)
            try:
                blob.reload(timeout=_TIMEOUT_S, retry=self._retry)
            except NotFound:
                return None
            return blob

    def _upload(self, film: Film, path: Path, generation: int) -> None:
        """Writes the object in place of this generation (0: of none). That another wrote it meanwhile is success."""
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket.blob(film.name, chunk_size=PART_BYTES)
        blob.metadata = {"sha256": film.sha256}
        told: dict[str, Any] = {"content_type": "video/mp4", "if_generation_match": generation, "checksum": "crc32c"}
        with self._asking():
            try:
                blob.upload_from_filename(str(path), **told, timeout=_TIMEOUT_S, retry=self._retry)
            except PreconditionFailed:
                there = self._look(film.name)
                if there is None or not _is(there, film):
                    raise ProviderDownError(f"film {film.sha256} is being written by another") from None

    @property
    def _bucket(self) -> Any:
        return _client(self._project, self._emulator).bucket(self._name)

    @property
    def _retry(self) -> Any:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_delay(initial=0.1, maximum=10.0, multiplier=2.0).with_timeout(self._patience_s)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What the library raises, as errors that say what happens next."""
        from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed, Unauthorized
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
        from requests.exceptions import RequestException

        try:
            yield
        except (Forbidden, Unauthorized, DefaultCredentialsError) as closed:
            told = "is closed to us: let this service account read and create objects in it"
            raise NotEnoughSettingsError(f"settings: FILM_BUCKET: {self._name} {told}") from closed
        except NotFound as missing:
            raise NotEnoughSettingsError(f"settings: FILM_BUCKET: there is no bucket {self._name}") from missing
        except PreconditionFailed as changed:
            raise NotFoundError("the film was replaced while it was read") from changed
        except (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption, InvalidResponse) as down:
            raise ProviderDownError(f"the bucket of films does not answer well ({type(down).__name__})") from down


class _Object(io.RawIOBase):
    """One generation of an object as a file, read in the parts that are asked for."""

    def __init__(self, films: BucketFilms, film: Film, generation: int) -> None:
        super().__init__()
        self._films, self._name, self._generation = films, film.name, generation
        self._size, self._at = film.bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        part = self._part(self._at + wanted - 1)
        buffer[: len(part)] = part
        return len(part)

    def readall(self) -> bytes:
        """The rest in one request, for those who ask for all at once."""
        return self._part(self._size - 1) if self._at < self._size else b""

    def _part(self, last: int) -> bytes:
        part = self._films.part(self._name, self._generation, self._at, last)
        self._at += len(part)
        return part


def _is(there: Any, film: Film) -> bool:
    """Whether the object was written as this film."""
    return bool(there.size == film.bytes and (there.metadata or {}).get("sha256") == film.sha256)


@cache
def _client(project: str, emulator: str | None) -> Any:
    """One for the process: it keeps connections and a token."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    if emulator is None:
        return Client(project=project)
    address = emulator if "://" in emulator else f"http://{emulator}"
    options = {"api_endpoint": address}
    return Client(project=project, credentials=AnonymousCredentials(), client_options=options)

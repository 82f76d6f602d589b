"""Finished films, kept where any executor finds them: in a folder of this machine, or in a bucket (`film_store`).

A film's name is its workspace and the sha-256 of its bytes. So what was approved cannot be swapped under its name,
saving it twice keeps one, and no workspace can name a film of another. Every method may wait for a disk or a network:
call it in a thread.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Protocol
from uuid import UUID

from shared.config import Settings
from shared.errors import InvalidInputError, NotFoundError

MOST_FILM_BYTES = 4_000_000_000  # the most that TikTok takes for one video
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Film:
    """A kept film. `name` is where it is, in a folder or a bucket."""

    workspace_id: UUID
    sha256: str
    bytes: int

    @property
    def name(self) -> str:
        return film_name(self.workspace_id, self.sha256)


class FilmStore(Protocol):
    """Where films are. All methods raise `ProviderDownError` when asking again may help, and `NotEnoughSettingsError`
    when the store is not there or closed to us."""

    def save(self, workspace_id: UUID, path: Path) -> Film:
        """Keeps the file's bytes. One that is there already is not written again. Raises `InvalidInputError` for an
        empty or too large file."""
        ...

    def find(self, workspace_id: UUID, sha256: str) -> Film:
        """The film of this workspace. Raises `NotFoundError`, or `InvalidInputError` for what is no sha-256."""
        ...

    def open(self, film: Film) -> BufferedReader:
        """Its bytes, to read and seek in, after a check that they are those of its name: they stay these until it is
        closed. Raises `NotFoundError` if it is gone, or damaged."""
        ...


def film_store(settings: Settings) -> FilmStore:
    """The bucket that is set, else the folder of assets."""
    if settings.film_bucket is not None:
        from shared.media.bucket_films import BucketFilms

        return BucketFilms(settings.film_bucket, settings.gcp_project, settings.storage_emulator_host)
    from shared.media.folder_films import FolderFilms

    return FolderFilms(settings.assets_folder)


def film_name(workspace_id: UUID, sha256: str) -> str:
    """Where a film is. Raises `InvalidInputError` for what is no sha-256: a name is made of nothing else."""
    if _SHA256.fullmatch(sha256) is None:
        raise InvalidInputError("sha256", "names no film; expected: 64 lower-case hex digits of a sha-256")
    return f"workspaces/{workspace_id}/films/{sha256}.mp4"


def measured(workspace_id: UUID, path: Path, most_bytes: int) -> Film:
    """The film that this file is. Raises `InvalidInputError` for an empty or too large one."""
    size = path.stat().st_size
    if not 0 < size <= most_bytes:
        told = "is empty: a film has at least one byte" if not size else f"has {size} bytes; allowed: {most_bytes}"
        raise InvalidInputError("film", told)
    with path.open("rb") as file:
        return Film(workspace_id, hashlib.file_digest(file, "sha256").hexdigest(), size)


def checked(film: Film, file: BufferedReader) -> BufferedReader:
    """The open file, read through once. Raises `NotFoundError`, and closes it, if its bytes are not the film's."""
    try:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != film.sha256:
            raise NotFoundError(f"film {film.sha256} is damaged: its bytes have another sha-256")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file

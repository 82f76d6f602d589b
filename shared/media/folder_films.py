"""Films in a folder of this machine: for one machine, or for several that share a disk."""

from __future__ import annotations

import os
import shutil
import uuid
from io import BufferedReader
from pathlib import Path
from uuid import UUID

from shared.errors import NotFoundError
from shared.media.films import MOST_FILM_BYTES, Film, checked, film_name, measured


class FolderFilms:
    """The folder is made at the first film. A film is there whole or not at all, whoever writes at the same time."""

    def __init__(self, folder: Path, most_bytes: int = MOST_FILM_BYTES) -> None:
        self._folder, self._most_bytes = folder.absolute(), most_bytes

    def save(self, workspace_id: UUID, path: Path) -> Film:
        film = measured(workspace_id, path, self._most_bytes)
        if self._size_of(film.name) != film.bytes:
            self._write(film, path)
        return film

    def find(self, workspace_id: UUID, sha256: str) -> Film:
        size = self._size_of(film_name(workspace_id, sha256))
        if size is None:
            raise NotFoundError(f"there is no film {sha256} in this workspace")
        return Film(workspace_id, sha256, size)

    def open(self, film: Film) -> BufferedReader:
        try:
            file = self.path(film).open("rb")
        except OSError as missing:
            raise NotFoundError(f"film {film.sha256} cannot be read: {missing.strerror}") from missing
        return checked(film, file)

    def path(self, film: Film) -> Path:
        """The file itself, for those who look at it on this machine."""
        return self._folder / film.name

    def _size_of(self, name: str) -> int | None:
        place = self._folder / name
        return place.stat().st_size if place.is_file() and not place.is_symlink() else None

    def _write(self, film: Film, path: Path) -> None:
        unfinished = self._folder / "unfinished" / uuid.uuid4().hex
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("rb") as source, unfinished.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
                os.chmod(copy.fileno(), 0o444)
            self.path(film).parent.mkdir(parents=True, exist_ok=True)
            unfinished.replace(self.path(film))
        finally:
            unfinished.unlink(missing_ok=True)

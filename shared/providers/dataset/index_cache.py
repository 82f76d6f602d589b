"""Where indexes live, and that each is made once: beside the file in `.index`, else in the temporary folder.

An index is named after the file's name, size and modification time, so a changed file has a new index. It is written
under another name, flushed, and renamed: whoever finds it finds it whole. One process makes it while others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import InvalidInputError, ProviderDownError
from shared.providers.dataset.formats import kind_of, read_file
from shared.providers.dataset.index_about import FORMAT
from shared.providers.dataset.index_writer import write_index

_TRIES = 3
Identity = tuple[str, int, int]


def ready_index(file: Path) -> Path:
    """The index of an account file, made now if there is none. A file that changes meanwhile is read again.

    Raises `InvalidInputError("dataset", …)` for a file without one usable row, `ProviderDownError` if it cannot be
    read now, or does not stop changing.
    """
    try:
        for _ in range(_TRIES):
            identity = _identity(file)
            folder = _folder_for(file)
            index = folder / f"{_stem(folder, file)}-{_digest(FORMAT, *identity)}.sqlite"
            if index.exists() or _make(index, file, identity):
                return index
    except FileNotFoundError as gone:
        raise InvalidInputError("dataset", f"there is no file {file.name!r}") from gone
    except (OSError, sqlite3.Error) as wrong:
        told = os.strerror(wrong.errno) if isinstance(wrong, OSError) and wrong.errno else type(wrong).__name__
        raise ProviderDownError(f"dataset: {file.name!r} could not be read now: {told}") from wrong
    raise ProviderDownError(f"dataset: {file.name!r} is being written; try again when it is complete")


def _make(index: Path, file: Path, identity: Identity) -> bool:
    """Makes the index, unless another process did so meanwhile. False if the file changed under our hands."""
    with _alone(index.with_name(f"{index.stem.partition('-')[0]}.lock")) as locked:
        if index.exists():
            return True
        if locked:
            _remove(index.parent.glob(f"{index.stem.partition('-')[0]}-*.part"))
        part = index.with_name(f"{index.stem}-{os.getpid()}-{os.urandom(4).hex()}.part")
        try:
            write_index(part, read_file(file, int(time.time())), kind_of(file), file.name, identity[2] // 10**9)
            if _identity(file) != identity:
                return False
            _flush(part)
            part.replace(index)
        finally:
            part.unlink(missing_ok=True)
        _remove(old for old in index.parent.glob(f"{index.stem.partition('-')[0]}-*.sqlite") if old != index)
        return True


def _identity(file: Path) -> Identity:
    stat = file.stat()
    return file.name, stat.st_size, stat.st_mtime_ns


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _stem(folder: Path, file: Path) -> str:
    """Beside the file its name tells it apart; in the shared temporary folder only its whole path does."""
    return _digest(file.name if folder.parent == file.parent else str(file.resolve()))


def _folder_for(file: Path) -> Path:
    beside = file.parent / ".index"
    with suppress(OSError):
        beside.mkdir(exist_ok=True)
        if os.access(beside, os.W_OK | os.X_OK):
            return beside
    return _private_temp()


def _private_temp() -> Path:
    """A folder of ours in the temporary folder: nobody else may put an index there for us to read."""
    folder = Path(tempfile.gettempdir()) / f"tiktok-army-index-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    stat = folder.lstat()
    if stat.st_uid != os.getuid() or stat.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(13, "the folder for indexes is not ours")
    return folder


@contextmanager
def _alone(lock: Path) -> Iterator[bool]:
    """Waits until no other process makes this file's index. False where the file system cannot lock."""
    with lock.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
        except OSError:
            yield False
            return
        yield True  # closing the file, or dying, gives the lock back


def _flush(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _remove(files: Iterator[Path]) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink()

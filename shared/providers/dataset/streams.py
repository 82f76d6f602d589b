"""Bytes of account files, plain or inside a .zip, as clean UTF-8, a piece at a time."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.errors import InvalidInputError

# What a damaged file raises in the middle of reading.
READ_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, UnicodeError)

EXPORT_NAMES = ("user_data_tiktok.json", "user_data.json")
TEXT_ENDINGS = (".json", ".jsonl", ".ndjson", ".csv")

MAX_MEMBERS = 10_000
MAX_UNPACKED = 4 * 2**30  # bytes
MAX_RATIO = 300  # unpacked to packed; an account export packs 5 to 40 to one
_RATIO_FROM = 50 * 2**20  # small files may pack as they like
_PACKED_AS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack without a bound on memory


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file: its own name (of the member, inside a .zip), and its bytes."""

    name: str
    data: IO[bytes]


@contextmanager
def open_bytes(path: Path) -> Iterator[Opened]:
    """Opens a file, or the one account file inside a .zip. Nothing is ever unpacked to disk."""
    if path.suffix.lower() != ".zip":
        with path.open("rb") as plain:
            yield Opened(path.name, plain)
        return
    with _archive(path) as archive:
        member = _account_member(archive, path.name)
        try:
            data = archive.open(member)
        except READ_FAULTS as wrong:
            raise InvalidInputError("dataset", f"{path.name!r} is damaged: {type(wrong).__name__}") from wrong
        with data:
            yield Opened(member.filename.rpartition("/")[2], data)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except READ_FAULTS as wrong:
        raise InvalidInputError("dataset", f"{path.name!r} is no readable .zip file") from wrong
    with archive:
        yield archive


def _account_member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """TikTok's own export if the archive holds one, else its only account file."""
    check_archive(archive, name)
    members = [entry for entry in archive.infolist() if not entry.is_dir() and "__MACOSX" not in entry.filename]
    own = [entry for entry in members if entry.filename.rpartition("/")[2].lower() in EXPORT_NAMES]
    candidates = own or [entry for entry in members if entry.filename.lower().endswith(TEXT_ENDINGS)]
    if len(candidates) != 1:
        expected = f"{EXPORT_NAMES[0]}, {EXPORT_NAMES[1]}, or exactly one file ending {', '.join(TEXT_ENDINGS)}"
        raise InvalidInputError("dataset", f"{name!r} holds {len(candidates)} account files; expected: {expected}")
    return candidates[0]


def check_archive(archive: zipfile.ZipFile, name: str, max_unpacked: int = MAX_UNPACKED) -> None:
    """Refuses archives that would unpack to more than they should, and what cannot be read in bounded memory."""
    members = archive.infolist()
    unpacked = sum(entry.file_size for entry in members)
    packed = sum(entry.compress_size for entry in members)
    if len(members) > MAX_MEMBERS or unpacked > max_unpacked:
        limits = f"at most {MAX_MEMBERS} files and {max_unpacked // 2**30} GiB unpacked"
        raise InvalidInputError("dataset", f"{name!r} is too large: {limits}")
    if unpacked > _RATIO_FROM and unpacked > MAX_RATIO * max(packed, 1):
        raise InvalidInputError("dataset", f"{name!r} unpacks to more than {MAX_RATIO} times its size")
    if any(entry.flag_bits & 1 for entry in members):
        raise InvalidInputError("dataset", f"{name!r} is encrypted; unpack it first")
    if any(entry.compress_type not in _PACKED_AS for entry in members):
        raise InvalidInputError("dataset", f"{name!r} is packed in an unusual way; expected: deflate")


@dataclass(frozen=True, slots=True)
class Head:
    """How a text file begins: its own name (of the member, inside a .zip), its encoding, its first characters."""

    name: str
    encoding: str
    text: str


def head_of(path: Path) -> Head:
    """Raises `InvalidInputError("dataset", …)` if not even the beginning can be read."""
    try:
        with open_bytes(path) as opened:
            begin = opened.data.read(8_192)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as wrong:
        raise InvalidInputError("dataset", f"{path.name!r} is damaged: {type(wrong).__name__}") from wrong
    encoding = _encoding_of(begin)
    return Head(opened.name, encoding, begin.decode(encoding, "replace"))


@contextmanager
def open_text(path: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    """The text of a file. Bytes that are no text in this encoding become U+FFFD."""
    with open_bytes(path) as opened:
        # newline="": line ends inside quoted CSV cells stay as they are.
        text = io.TextIOWrapper(opened.data, encoding, errors="replace", newline="")
        try:
            yield text
        finally:
            text.detach()  # the file is closed by whoever opened it


def _encoding_of(head: bytes) -> str:
    """UTF-16 or UTF-32 by the byte-order mark, else UTF-8 with or without one."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


class Utf8:
    """Text as a binary file that ijson can take: valid UTF-8, and no number of more digits than Python converts.

    Such a number (4,301 digits and more) ends the whole process in ijson's C backend. Runs of digits are cut to
    `MAX_DIGITS`: what is left is still far beyond every count, and reads as unknown.
    """

    MAX_DIGITS = 1_000
    _RUN = re.compile(r"[0-9]{1000,}")

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._open_run = 0  # digits at the end of what was given last

    def read(self, size: int = -1) -> bytes:
        """Some bytes; none only at the end."""
        given = b""
        while not given and (piece := self._text.read(size)):
            given = self._cut(piece).encode("utf-8", "replace")
        return given

    def _cut(self, piece: str) -> str:
        if self._open_run:
            digits = len(piece) - len(piece.lstrip("0123456789"))
            piece = piece[: min(digits, self.MAX_DIGITS - self._open_run)] + piece[digits:]
        piece = self._RUN.sub(lambda run: run[0][: self.MAX_DIGITS], piece)
        ending = len(piece) - len(piece.rstrip("0123456789"))
        self._open_run = ending if ending < len(piece) else min(self._open_run + ending, self.MAX_DIGITS)
        return piece

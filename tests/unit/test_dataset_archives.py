"""Exports inside .zip files, and archives that would do harm."""

from __future__ import annotations

import asyncio
import struct
import zipfile
from pathlib import Path

import pytest

from shared.errors import InvalidInputError
from shared.providers.dataset.streams import Utf8, open_text
from shared.providers.tiktok import read_account
from tests.support.exports import as_bytes, dataset_settings, own_export, scraped_items, write_json, write_zip

OWN = as_bytes(own_export(1, "laku", 4, 6))


def posts_in(file: Path, handle: str = "laku") -> int:
    with dataset_settings(file):
        return len(asyncio.run(read_account(handle)).posts)


def refusal(file: Path) -> str:
    with pytest.raises(InvalidInputError) as refused:
        posts_in(file)
    assert refused.value.field == "dataset"
    assert str(file.parent) not in refused.value.message
    return refused.value.message


@pytest.mark.parametrize(
    "name", ["user_data_tiktok.json", "TikTok/User_Data.json", "../../user_data.json", "/x/user_data.json"]
)
def test_the_export_is_found(tmp_path: Path, name: str) -> None:
    """The export is read wherever it lies in the archive; nothing is unpacked to disk."""
    file = write_zip(tmp_path / "d.zip", {"readme.txt": b"hi", name: OWN, "other.json": b"[]"})

    assert posts_in(file) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [".index", "d.zip"]


def test_a_table_may_be_packed(tmp_path: Path) -> None:
    """A .zip with a single table is read too."""
    table = write_json(tmp_path / "t.json", scraped_items(1, 1, 3)).read_bytes()

    assert posts_in(write_zip(tmp_path / "d.zip", {"t.json": table, "__MACOSX/t.json": b"x"}), "brand_0") == 3


@pytest.mark.parametrize("members", [{}, {"a.txt": b""}, {"a.json": b"[]", "b.json": b"[]"}])
def test_unclear_archives_are_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    """An archive with no account file, or with several, says what was expected."""
    assert "expected: user_data_tiktok.json" in refusal(write_zip(tmp_path / "d.zip", members))


def test_bombs_are_refused(tmp_path: Path) -> None:
    """A small archive that unpacks to hundreds of times its size is not unpacked."""
    bomb = write_zip(tmp_path / "d.zip", {"user_data.json": b"[" + b" " * 60_000_000})

    assert bomb.stat().st_size < 100_000
    assert "300 times" in refusal(bomb)


def test_crowded_archives_are_refused(tmp_path: Path) -> None:
    """An archive of too many files is not searched."""
    assert "at most 10000 files" in refusal(write_zip(tmp_path / "d.zip", {f"{n}.txt": b"" for n in range(10_001)}))


def test_unbounded_packings_are_refused(tmp_path: Path) -> None:
    """Packings that unpack without a bound on memory are refused."""
    assert "unusual" in refusal(write_zip(tmp_path / "d.zip", {"user_data.json": OWN}, zipfile.ZIP_BZIP2))


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    """An encrypted archive is refused with what to do."""
    file = write_zip(tmp_path / "d.zip", {"user_data.json": OWN})
    content = bytearray(file.read_bytes())
    at = content.index(b"PK\x01\x02") + 8
    content[at : at + 2] = struct.pack("<H", 1)
    file.write_bytes(content)

    assert "encrypted" in refusal(file)


@pytest.mark.parametrize("keep", [0.1, 0.9])
def test_cut_archives_are_refused(tmp_path: Path, keep: float) -> None:
    """An archive that was not downloaded to its end is refused."""
    file = write_zip(tmp_path / "d.zip", {"user_data.json": OWN})
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * keep)])

    assert "no readable .zip" in refusal(file)


def test_damaged_members_say_so(tmp_path: Path) -> None:
    """Flipped bytes in the packed data are noticed: what came before counts, with a note."""
    file = write_zip(
        tmp_path / "d.zip", {"user_data.json": as_bytes(own_export(1, "laku", 60, 4_000))}, zipfile.ZIP_STORED
    )
    file.write_bytes(file.read_bytes().replace(b"SECRET-STREET", b"OTHER--STREET", 1))

    with dataset_settings(file):
        notes = asyncio.run(read_account("laku")).notes

    assert any("breaks off" in note for note in notes)


@pytest.mark.parametrize("size", [1, 7, 999, 1_000, 1_001, 4_096])
def test_long_numbers_are_cut(tmp_path: Path, size: int) -> None:
    """However the text is cut into pieces, no run of digits is longer than 1,000; all else stays as it is."""
    file = tmp_path / "t.json"
    file.write_text("a" + "1" * 5_000 + "b" + "2" * 900 + "c12" + "3" * 1_000)
    with open_text(file, "utf-8") as text:
        stream = Utf8(text)
        given = b"".join(iter(lambda: stream.read(size), b""))

    assert given.decode() == "a" + "1" * 1_000 + "b" + "2" * 900 + "c" + ("12" + "3" * 1_000)[:1_000]

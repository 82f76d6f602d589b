"""The files that agents make and effects publish."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.config import Settings
from shared.errors import InvalidInputError, NotFoundError
from shared.providers.assets import Assets

VIDEO = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40


@pytest.fixture
def assets(tmp_path: Path) -> Assets:
    return Assets(tmp_path / "assets")


def files(tmp_path: Path) -> list[Path]:
    return [file for file in (tmp_path / "assets").rglob("*") if file.is_file()]


def test_saved_bytes_are_found_by_their_sha256(assets: Assets) -> None:
    """The id is the sha-256; the same bytes come back, and any path to them leads to the same asset."""
    saved = assets.save([VIDEO[:100], VIDEO[100:]])

    assert saved.sha256 == hashlib.sha256(VIDEO).hexdigest()
    assert assets.find(saved.sha256) == assets.at(saved.path) == assets.at(f"{saved.sha256[:2]}/{saved.sha256}")
    with assets.open(saved) as file:
        assert file.read() == VIDEO


def test_the_same_bytes_are_one_file(assets: Assets, tmp_path: Path) -> None:
    """Eight writers at once of the same bytes leave one file, and nothing unfinished."""
    with ThreadPoolExecutor(8) as pool:
        saved = {asset.path for asset in pool.map(lambda _: assets.save([VIDEO]), range(8))}

    assert files(tmp_path) == list(saved)


def test_a_writer_that_fails_leaves_nothing(assets: Assets, tmp_path: Path) -> None:
    """A download that breaks off is no asset."""
    with pytest.raises(ConnectionError), assets.writing() as file:
        file.write(VIDEO[:50])
        raise ConnectionError

    assert files(tmp_path) == []
    with pytest.raises(ValueError):
        _ = file.asset


def test_an_empty_file_is_refused(assets: Assets, tmp_path: Path) -> None:
    """No bytes make no asset."""
    with pytest.raises(InvalidInputError):
        assets.save([])

    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["", "x", "A" * 64, "../" * 8 + "etc/passwd", "0" * 63, "0" * 65, "\x00" * 64])
def test_an_id_is_a_sha256(assets: Assets, name: str) -> None:
    """Whatever is no sha-256 is refused, and named safely."""
    with pytest.raises(InvalidInputError):
        assets.find(name)


@pytest.mark.parametrize("path", ["/etc/passwd", "..", "", "ab", "../assets/x", "unfinished/" + "0" * 64, "a\x00b"])
def test_paths_outside_are_refused(assets: Assets, path: str) -> None:
    """Only a file of the folder, at its own place, is an asset."""
    with pytest.raises(InvalidInputError):
        assets.at(path)


def test_a_link_is_no_asset(assets: Assets, tmp_path: Path) -> None:
    """A link inside the folder to a file outside of it is not followed."""
    saved = assets.save([VIDEO])
    outside = tmp_path / "secret"
    outside.write_bytes(VIDEO)
    saved.path.unlink()
    saved.path.symlink_to(outside)

    with pytest.raises(NotFoundError):
        assets.find(saved.sha256)


def test_a_changed_file_is_not_opened(assets: Assets) -> None:
    """What was approved is what is read: other bytes under the name are refused."""
    saved = assets.save([VIDEO])
    saved.path.chmod(0o644)
    saved.path.write_bytes(VIDEO[::-1])

    with pytest.raises(NotFoundError, match="damaged"):
        assets.open(saved)


def test_a_missing_file_is_not_found(assets: Assets) -> None:
    """An id without a file says so."""
    saved = assets.save([VIDEO])
    saved.path.unlink()

    with pytest.raises(NotFoundError, match=saved.sha256):
        assets.find(saved.sha256)
    with pytest.raises(NotFoundError):
        assets.open(saved)


def test_the_folder_follows_the_stack(tmp_path: Path) -> None:
    """Unless set, assets live with the rest of this machine's state."""
    assert Settings(army_home=tmp_path).assets_folder == tmp_path / "assets"
    assert Settings(asset_dir=tmp_path).assets_folder == tmp_path

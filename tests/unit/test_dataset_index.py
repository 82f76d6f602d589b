"""The index of a dataset file: made once, whole or not at all, whatever happens around it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.errors import InvalidInputError, ProviderDownError
from shared.providers.dataset.index_cache import ready_index
from shared.providers.tiktok import read_account
from tests.support.exports import dataset_settings, scraped_items, write_json, write_jsonl

ROOT = Path(__file__).parents[2]
READ = """
import asyncio, hashlib, sys
from pathlib import Path
from shared.config import Settings, use_settings
from shared.providers.tiktok import read_account, read_trends
use_settings(Settings.model_validate({"tiktok_provider_mode": "dataset", "tiktok_dataset": Path(sys.argv[1])}))
told = asyncio.run(read_account("brand_1")).model_dump_json() + asyncio.run(read_trends()).model_dump_json()
print(hashlib.sha256(told.encode()).hexdigest())
"""


def reader(file: Path, seed: str = "0") -> subprocess.Popen[str]:
    """Another process that reads the file."""
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", READ, str(file)], env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def posts_in(file: Path, handle: str = "brand_0") -> int:
    with dataset_settings(file):
        return len(asyncio.run(read_account(handle)).posts)


def waited_for(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if holds():
            return True
        os.sched_yield()
    return False


def indexes(folder: Path) -> list[str]:
    return sorted(path.suffix for path in (folder / ".index").iterdir() if path.suffix != ".lock")


def test_processes_agree(tmp_path: Path) -> None:
    """Several processes that come at once make one index and read the same, whatever their hash seeds."""
    file = write_jsonl(tmp_path / "t.jsonl", scraped_items(1, 30, 20))
    running = [reader(file, seed) for seed in ("1", "2", "3")]
    told = {process.communicate(timeout=30)[0] for process in running}

    assert len(told) == 1
    assert all(process.returncode == 0 for process in running)
    assert indexes(tmp_path) == [".sqlite"]


def test_a_kill_leaves_nothing_half(tmp_path: Path) -> None:
    """A process killed while it makes an index leaves none; the next one makes it and sweeps up."""
    file = write_jsonl(tmp_path / "t.jsonl", scraped_items(1, 150, 60))
    process = reader(file)
    begun = waited_for(lambda: any((tmp_path / ".index").glob("*.part")))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)

    assert begun
    assert indexes(tmp_path) == [".part"]
    assert posts_in(file) == 60
    assert indexes(tmp_path) == [".sqlite"]


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """A second look-up finds the index as it is."""
    file = write_json(tmp_path / "t.json", scraped_items(1, 2, 3))
    first = ready_index(file)
    made = first.stat()

    assert posts_in(file) == 3
    assert ready_index(file) == first
    assert first.stat().st_mtime_ns == made.st_mtime_ns


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """When the file changes its index is made anew, and the old one goes."""
    file = write_json(tmp_path / "t.json", scraped_items(1, 1, 3))
    assert posts_in(file) == 3
    write_json(file, scraped_items(1, 1, 5))

    assert posts_in(file) == 5
    assert indexes(tmp_path) == [".sqlite"]


@pytest.mark.parametrize("damage", [b"", b"not a database at all, but long enough to look like one" * 50])
def test_a_damaged_index_is_made_again(tmp_path: Path, damage: bytes) -> None:
    """An index that cannot be read is thrown away and made again."""
    file = write_json(tmp_path / "t.json", scraped_items(1, 1, 3))
    ready_index(file).write_bytes(damage)

    assert posts_in(file) == 3


def test_names_may_look_alike(tmp_path: Path) -> None:
    """Two files in one folder keep their indexes apart."""
    one = write_json(tmp_path / "t.json", scraped_items(1, 1, 3))
    two = write_jsonl(tmp_path / "t.jsonl", scraped_items(1, 1, 4))

    assert (posts_in(one), posts_in(two), posts_in(one)) == (3, 4, 3)
    assert indexes(tmp_path) == [".sqlite", ".sqlite"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder of our own, in place of the machine's."""
    (tmp_path / "tmp").mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path / "tmp")
    yield tmp_path / "tmp"
    tempfile.tempdir = before


def test_a_closed_folder_is_no_hindrance(tmp_path: Path, elsewhere: Path) -> None:
    """Where no index can lie beside the file it lies in a folder that only this user can enter."""
    (tmp_path / "data").mkdir()
    file = write_json(tmp_path / "data" / "t.json", scraped_items(1, 1, 3))
    (tmp_path / "data" / ".index").write_text("a file stands where the folder should be")

    assert posts_in(file) == 3
    (folder,) = elsewhere.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert ready_index(file).parent == folder


def test_a_foreign_folder_is_not_trusted(tmp_path: Path, elsewhere: Path) -> None:
    """A folder for indexes that others can write to is not used."""
    (tmp_path / "data").mkdir()
    file = write_json(tmp_path / "data" / "t.json", scraped_items(1, 1, 3))
    (tmp_path / "data" / ".index").write_text("in the way")
    (elsewhere / f"tiktok-army-index-{os.getuid()}").mkdir(mode=0o777)
    (elsewhere / f"tiktok-army-index-{os.getuid()}").chmod(0o777)

    with pytest.raises(ProviderDownError, match="could not be read now"):
        posts_in(file)


def test_useless_files_leave_no_index(tmp_path: Path) -> None:
    """A file that is refused leaves nothing behind, and is read anew once it is right."""
    file = tmp_path / "t.json"
    file.write_text("[]")
    with pytest.raises(InvalidInputError):
        posts_in(file)

    assert indexes(tmp_path) == []
    assert posts_in(write_json(file, scraped_items(1, 1, 2))) == 2


def test_a_vanished_file_is_told(tmp_path: Path) -> None:
    """A file that is gone is the caller's mistake, told by its name alone."""
    with pytest.raises(InvalidInputError) as refused:
        ready_index(tmp_path / "gone.json")

    assert "gone.json" in refused.value.message
    assert str(tmp_path) not in refused.value.message

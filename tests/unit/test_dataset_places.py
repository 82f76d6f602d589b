"""Which files a caller may name, and that nothing outside the dataset folder is ever read or told of."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared.errors import InvalidInputError, NotEnoughSettingsError
from shared.providers.tiktok import check_account, list_accounts, read_account
from tests.support.exports import dataset_settings, scraped_items, write_csv, write_json


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset folder with two files, and a file beside it that is none of the dataset's business."""
    inside = tmp_path / "data"
    (inside / "sub").mkdir(parents=True)
    write_json(inside / "spring.json", scraped_items(1, 2, 3))
    write_csv(inside / "summer.csv", scraped_items(2, 3, 4))
    write_json(inside / "sub" / "deep.json", scraped_items(3, 1, 1))
    write_json(inside / ".hidden.json", scraped_items(3, 1, 1))
    write_json(tmp_path / "outside.json", scraped_items(3, 1, 1))
    (inside / "link.json").symlink_to(tmp_path / "outside.json")
    (inside / "notes.txt").write_text("not a dataset")
    return inside


def test_a_named_file_comes_first(folder: Path) -> None:
    """A dataset named with the call is read in any mode."""
    with dataset_settings(folder, "mock"):
        assert len(asyncio.run(read_account("brand_1", dataset="summer.csv")).posts) == 4
        assert asyncio.run(read_account("brand_1")).source == "mock"


def test_a_folder_is_read_as_one(folder: Path) -> None:
    """Without a name all files of the folder count together."""
    with dataset_settings(folder):
        assert list_accounts(None) == [("brand_0", 7), ("brand_1", 7), ("brand_2", 4)]


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "/etc/passwd",
        "sub/deep.json",
        "..\\outside.json",
        "summer.csv\x00.json",
        ".hidden.json",
        "link.json",
        "notes.txt",
        "",
        ".",
        "..",
        "a" * 300 + ".json",
        "\ud800.json",
        "summer.csv/",
        "~/x.json",
        "%2e%2e/x.json",
        "sum\nmer.csv",
    ],
)
def test_unsafe_names_are_refused(folder: Path, name: str) -> None:
    """Names that lead out of the folder, are hidden, odd or unknown are refused, and no path is told."""
    with dataset_settings(folder), pytest.raises(InvalidInputError) as refused:
        check_account("brand_1", name)

    assert refused.value.field == "dataset"
    assert str(folder.parent) not in refused.value.message
    assert refused.value.message.encode("utf-8")


def test_near_files_are_named(folder: Path) -> None:
    """A misspelt file name is answered with names that look like it."""
    with dataset_settings(folder), pytest.raises(InvalidInputError, match=r"near names: summer\.csv"):
        check_account("brand_1", "sumer.csv")


def test_near_handles_are_named(folder: Path) -> None:
    """An unknown handle is answered with how many accounts there are and up to five that look like it."""
    with dataset_settings(folder), pytest.raises(InvalidInputError) as refused:
        check_account("@brand1", "summer.csv")

    assert refused.value.field == "handle"
    assert "3 accounts" in refused.value.message
    assert "brand_1" in refused.value.message


def test_the_read_refuses_like_the_door(folder: Path) -> None:
    """An agent's read of an unknown handle fails with the same error as the door's check."""
    with dataset_settings(folder), pytest.raises(InvalidInputError) as refused:
        asyncio.run(read_account("nobody"))

    assert refused.value.field == "handle"


def test_one_file_is_all_there_is(folder: Path) -> None:
    """Where the setting is a file, only its own name may be given."""
    with dataset_settings(folder / "summer.csv"):
        assert len(asyncio.run(read_account("brand_2", dataset="summer.csv")).posts) == 4
        with pytest.raises(InvalidInputError, match="not among the 1 dataset files"):
            check_account("brand_2", "spring.json")


def test_no_folder_no_names() -> None:
    """Without a dataset folder a name is refused as the caller's mistake."""
    with dataset_settings(None, "mock"), pytest.raises(InvalidInputError, match="TIKTOK_DATASET"):
        check_account("laku", "spring.json")


@pytest.mark.parametrize("missing", ["nowhere", "data/notes.txt/x", "empty"])
def test_a_wrong_setting_is_told(folder: Path, missing: str) -> None:
    """A dataset setting that leads to nothing is the operator's mistake, told without its path."""
    (folder.parent / "empty").mkdir()
    with dataset_settings(folder.parent / missing), pytest.raises(NotEnoughSettingsError) as told:
        check_account("laku", None)

    assert "TIKTOK_DATASET" in told.value.message
    assert str(folder.parent) not in told.value.message

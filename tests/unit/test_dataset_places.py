"""Which files a caller may name, and that nothing outside the dataset folder is ever read or told of."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from uuid import UUID

import pytest

from shared.core.ids import new_id
from shared.errors import InvalidInputError, NotEnoughSettingsError
from shared.providers.tiktok import check_account, list_accounts, read_account
from shared.trace.context import inside_agent_run
from tests.support.exports import dataset_settings, scraped_items, write_csv, write_json

ADA, EVE = UUID(int=1), UUID(int=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset folder with two files for all, one for Ada's workspace, and what is none of anybody's business."""
    inside = tmp_path / "data"
    (inside / "sub").mkdir(parents=True)
    (inside / str(ADA)).mkdir()
    write_csv(inside / str(ADA) / "autumn.csv", scraped_items(4, 4, 5))
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
        f"{ADA}/autumn.csv",
        str(ADA),
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


def test_a_workspace_has_files_of_its_own(folder: Path) -> None:
    """Only Ada's workspace can name her file, at the door and in an agent run; the folder's own are for all."""
    with dataset_settings(folder):
        check_account("brand_3", "autumn.csv", ADA)
        check_account("brand_1", "summer.csv", ADA)
        check_account("brand_1", "summer.csv", EVE)
        with inside_agent_run(new_id(), ADA, "tester"):
            assert len(asyncio.run(read_account("brand_3", dataset="autumn.csv")).posts) == 5
        with inside_agent_run(new_id(), EVE, "tester"), pytest.raises(InvalidInputError, match="no dataset file"):
            asyncio.run(read_account("brand_3", dataset="autumn.csv"))


@pytest.mark.parametrize("name", ["autumn.csv", "autum.csv", f"{ADA}.csv", f"{ADA}/autumn.csv", f"./{ADA}/autumn.csv"])
def test_another_workspaces_files_do_not_exist(folder: Path, name: str) -> None:
    """However Eve asks, she is told what she would be told without Ada: no name, no number, no other words."""
    with dataset_settings(folder):
        with pytest.raises(InvalidInputError) as there:
            check_account("brand_3", name, EVE)
        shutil.rmtree(folder / str(ADA))
        with pytest.raises(InvalidInputError) as gone:
            check_account("brand_3", name, EVE)

    assert there.value.message == gone.value.message
    assert "near names" not in there.value.message


def test_a_link_to_another_workspace_is_no_way_in(folder: Path) -> None:
    """A workspace's folder that is a link, or holds one to another's file, gives nothing."""
    (folder / str(EVE)).symlink_to(folder / str(ADA))
    mallory = new_id()
    (folder / str(mallory)).mkdir()
    (folder / str(mallory) / "autumn.csv").symlink_to(folder / str(ADA) / "autumn.csv")
    (folder / "autumn.csv").symlink_to(folder / str(ADA) / "autumn.csv")
    with dataset_settings(folder):
        for workspace in (EVE, mallory):
            with pytest.raises(InvalidInputError, match="no dataset file"):
                check_account("brand_3", "autumn.csv", workspace)


def test_own_files_come_first(folder: Path) -> None:
    """Of two files of one name the workspace's own is read; without a name its own count with the folder's."""
    write_csv(folder / str(ADA) / "summer.csv", scraped_items(2, 9, 6))
    with dataset_settings(folder), inside_agent_run(new_id(), ADA, "tester"):
        assert len(asyncio.run(read_account("brand_8", dataset="summer.csv")).posts) == 6
        assert asyncio.run(read_account("brand_8")).source_name == "summer.csv"


def test_near_files_are_the_workspaces_own(folder: Path) -> None:
    """A misspelt file name is answered with names that look like it, of the asking workspace alone."""
    with dataset_settings(folder):
        with pytest.raises(InvalidInputError, match=r"near names: autumn\.csv$"):
            check_account("brand_1", "autum.csv", ADA)
        with pytest.raises(InvalidInputError, match=r"no dataset file 'sumer\.csv'$"):
            check_account("brand_1", "sumer.csv", EVE)


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
        with pytest.raises(InvalidInputError, match="no dataset file"):
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

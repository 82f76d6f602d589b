"""TikTok's own data download: every generation of names, missing sections, and what must never be kept."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InvalidInputError
from shared.providers.dataset.index_cache import ready_index
from shared.providers.records import AccountData
from shared.providers.tiktok import list_accounts, read_account
from tests.support.exports import NEWEST, Item, Names, as_bytes, dataset_settings, own_export

NAMES: tuple[Names, ...] = ("old", "new", "newest")
SECRETS = ("SECRET", "secret@", "PRIVATE", "1990-01-01", "private_fan", "private-platform", "private-ish", "203.0.113")


def write(folder: Path, document: Item, name: str = "user_data_tiktok.json") -> Path:
    file = folder / name
    file.write_bytes(as_bytes(document))
    return file


def read(file: Path, handle: str = "laku") -> AccountData:
    with dataset_settings(file):
        return asyncio.run(read_account(handle))


@pytest.mark.parametrize("names", NAMES)
def test_every_generation_is_read(tmp_path: Path, names: Names) -> None:
    """Posts, profile and followers are found under old, new and newest names."""
    data = read(write(tmp_path, own_export(1, "@Laku", 12, 30, names)))

    assert (data.source, data.profile.handle, len(data.posts)) == ("tiktok_export", "laku", 12)
    assert data.profile.likes_received == 12 * 900
    assert data.profile.bio == "Colour for every day 🌿"
    assert data.profile.followers == (33 if names == "newest" else 30)
    assert all(isinstance(post.likes, int) for post in data.posts)


def test_views_are_unknown(tmp_path: Path) -> None:
    """Views are not in the export: they are None and a note says so."""
    data = read(write(tmp_path, own_export(1, "laku", 3, 0)))

    assert all(post.views is None and post.comments is None for post in data.posts)
    assert "Views are not in the data: unknown, not zero." in data.notes


def test_follower_dates_give_growth(tmp_path: Path) -> None:
    """Each day has the followers who came on it, days without any a 0, up to what the data speaks of."""
    data = read(write(tmp_path, own_export(1, "laku", 3, 7)))
    days = {entry.day: entry.followers_gained for entry in data.follower_days or ()}
    day = (NEWEST - timedelta(days=2)).date()

    assert [days[(day - timedelta(days=n)).isoformat()] for n in range(4)] == [2, 2, 2, 1]
    assert days[data.as_of.date().isoformat()] == 0
    assert sum(days.values()) == 7


@pytest.mark.parametrize("names", NAMES)
def test_private_parts_are_not_kept(tmp_path: Path, names: Names) -> None:
    """No message, log-in, address, e-mail, birth date or follower's name reaches the index or the answer."""
    file = write(tmp_path, own_export(1, "laku", 5, 10, names))
    kept = ready_index(file).read_bytes().decode("utf-8", "replace") + read(file).model_dump_json()

    assert all(secret in json.dumps(own_export(1, "laku", 5, 10, names)) for secret in SECRETS if names == "new")
    assert [secret for secret in SECRETS if secret in kept] == []


def test_the_index_holds_posts_only(tmp_path: Path) -> None:
    """What is not a post, a profile or a day's count has no table to stand in."""
    index = ready_index(write(tmp_path, own_export(1, "laku", 5, 10)))
    db = sqlite3.connect(index)
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()

    assert tables == {"about", "accounts", "posts", "follower_days"}


EMPTY: tuple[Any, ...] = (None, [], {}, "absent")


@pytest.mark.parametrize("empty", EMPTY, ids=["null", "list", "object", "absent"])
@pytest.mark.parametrize(
    "section", ["Post", "Comment", "Your Activity", "Direct Message", "Tiktok Live", "TikTok Shop"]
)
def test_sections_may_be_missing(tmp_path: Path, section: str, empty: Any) -> None:
    """Any section may be missing, null, an empty list or an empty object."""
    document = own_export(1, "laku", 4, 6) | {section: empty}
    if empty == "absent":
        del document[section]
    data = read(write(tmp_path, document))

    assert len(data.posts) == (0 if section == "Post" else 4)
    assert (data.follower_days is None) == (section == "Your Activity")


@pytest.mark.parametrize("inner", EMPTY[:3], ids=["null", "list", "object"])
def test_lists_may_be_missing(tmp_path: Path, inner: Any) -> None:
    """The lists inside a section may be missing too."""
    document = own_export(1, "laku", 4, 6) | {"Post": {"Posts": {"VideoList": inner}}, "Comment": {"Comments": inner}}

    assert read(write(tmp_path, document)).posts == ()


def test_a_nameless_export_is_named_after_its_file(tmp_path: Path) -> None:
    """Without a profile the account goes by the file's name, and a note says so."""
    document = own_export(1, "laku", 4, 6)
    del document["Profile"]
    file = write(tmp_path, document, "My data (2026).json")
    data = read(file, "my_data_2026_")

    assert len(data.posts) == 4
    assert any("does not name its account" in note for note in data.notes)


def test_private_posts_are_left_out(tmp_path: Path) -> None:
    """Posts that only the owner or friends can see are no part of what the public saw."""
    document = own_export(1, "laku", 4, 0)
    for post, audience in zip(
        document["Post"]["Posts"]["VideoList"], ("Only me", "Friends", "Everyone", ""), strict=True
    ):
        post["WhoCanView"] = audience
    data = read(write(tmp_path, document))

    assert len(data.posts) == 2
    assert any("2 not public" in note for note in data.notes)


@pytest.mark.parametrize(
    ("told", "is_ad"), [("", None), ("No", False), ("Yes", True), ("Paid partnership", True), ("?", None)]
)
def test_disclosure_is_read(tmp_path: Path, told: str, is_ad: bool | None) -> None:
    """A disclosed partnership is an ad; nothing said is unknown."""
    document = own_export(1, "laku", 1, 0)
    document["Post"]["Posts"]["VideoList"][0]["ContentDisclosure"] = told

    assert read(write(tmp_path, document)).posts[0].is_ad is is_ad


def test_download_addresses_are_not_kept(tmp_path: Path) -> None:
    """A signed download address that expires is neither an address of the post nor its id."""
    document = own_export(1, "laku", 2, 0)
    for number, post in enumerate(document["Post"]["Posts"]["VideoList"]):
        post["Link"] = f"https://v19.example.com/{number}abc/tos/useast/?signature=xyz"
    posts = read(write(tmp_path, document)).posts

    assert [post.url for post in posts] == [None, None]
    assert all(post.id.startswith("row-") for post in posts)
    assert len({post.id for post in posts}) == 2


def _cut(content: bytes) -> bytes:
    return content[: content.index(b'"TikTok Shop"') + 4]


def _deep(content: bytes) -> bytes:
    return content[:-1] + b', "Zoo": ' + b"[" * 5_000


def _long_number(content: bytes) -> bytes:
    return content[:-1] + b', "Zoo": ' + b"9" * 10_000 + b"}"


@pytest.mark.parametrize("damage", [_cut, _deep, _long_number])
def test_damage_after_the_posts_is_survived(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A truncated export, one nested without end, or one with a number that parsers die of: what came before counts."""
    document = own_export(1, "laku", 4, 6)
    ordered = {name: document[name] for name in ("Profile", "Your Activity", "Post", "TikTok Shop")}
    file = tmp_path / "user_data.json"
    file.write_bytes(damage(as_bytes(ordered)))
    data = read(file)

    assert len(data.posts) == 4
    assert any("breaks off" in note for note in data.notes) == (damage is not _long_number)


@pytest.mark.parametrize("content", [b"{}", b'{"Profile": null}', b'{"Profile', b"[]", b"null", b'{"Post": [[[]]]}'])
def test_empty_exports_are_refused(tmp_path: Path, content: bytes) -> None:
    """An export with neither account nor post is refused by name."""
    (tmp_path / "user_data.json").write_bytes(content)

    with pytest.raises(InvalidInputError, match=r"user_data\.json"):
        read(tmp_path / "user_data.json")


def test_a_folder_joins_export_and_table(tmp_path: Path) -> None:
    """The owner's export and a scraper's table of the same account complete each other; views win over none."""
    document = own_export(1, "brand_0", 3, 10)
    posts = document["Post"]["Posts"]["VideoList"]
    video_id = posts[0]["Link"].rstrip("/").rpartition("/")[2]
    row = {"id": video_id, "createTime": int(NEWEST.timestamp()), "playCount": 5, "authorMeta": {"name": "brand_0"}}
    (tmp_path / "table.json").write_text(json.dumps([row]))
    write(tmp_path, document)
    (tmp_path / "notes.csv").write_text("nothing,of,use\n1,2,3\n")

    with dataset_settings(tmp_path):
        data = asyncio.run(read_account("brand_0"))
        listed = list_accounts(None)

    assert (data.source, data.source_name) == ("dataset", "table.json, user_data_tiktok.json")
    assert [post.views for post in data.posts] == [5, None, None]
    assert data.follower_days
    assert listed == [("brand_0", 3)]
    assert any(note.startswith("Not used: 'notes.csv'") for note in data.notes)


def test_growth_is_not_told_beyond_the_export(tmp_path: Path) -> None:
    """Joined with a newer table, follower days end where the export ends: later days are unknown, not without gain."""
    write(tmp_path, own_export(1, "laku", 3, 4))
    later = NEWEST + timedelta(days=60)
    row = {"id": "1", "createTime": int(later.timestamp()), "authorMeta": {"name": "laku"}}
    (tmp_path / "table.json").write_text(json.dumps([row]))
    data = read(tmp_path)

    assert data.as_of == later
    assert data.follower_days is not None
    assert data.follower_days[-1].day == NEWEST.date().isoformat()

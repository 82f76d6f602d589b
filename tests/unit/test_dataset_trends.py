"""Hashtags over all accounts of a dataset, counted so that a person can count them again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.providers.records import TrendingHashtag, Trends
from shared.providers.tiktok import read_trends
from tests.support.exports import NEWEST, Item, as_bytes, dataset_settings, own_export, scraped_items, write_json


def videos(tag: str, days_before: int, count: int, account: str = "brand_0") -> Iterator[Item]:
    """So many videos with a hashtag, an hour apart, the newest so old in days; the first without views."""
    for number in range(count):
        yield {
            "id": f"{account}-{tag}-{days_before}-{number}",
            "authorMeta": {"name": account},
            "createTime": int((NEWEST - timedelta(days=days_before, hours=number)).timestamp()),
            "hashtags": [{"name": tag}, {"name": tag.upper()}],
            "playCount": 100 if number else None,
            "locationCreated": "US" if number % 2 else "GB",
        }


def trends(file: Path, **asked: Any) -> Trends:
    with dataset_settings(file):
        return asyncio.run(read_trends(**asked))


def table(folder: Path, *rows: Iterator[Item], name: str = "t.json") -> Path:
    return write_json(folder / name, (row for part in rows for row in part))


def test_two_windows_are_counted(tmp_path: Path) -> None:
    """Posts of the last days and of as many before, each post once per hashtag, older ones not at all."""
    file = table(tmp_path, videos("glow", 0, 5), videos("glow", 8, 3), videos("old", 20, 4), videos("one", 1, 1))
    found = trends(file, window_days=7).hashtags

    assert found == (
        TrendingHashtag(name="glow", posts_now=5, posts_before=3, views_now=400, views_before=200),
        TrendingHashtag(name="one", posts_now=1, posts_before=0, views_now=None, views_before=0),
    )


def test_the_edge_of_a_window(tmp_path: Path) -> None:
    """A post exactly as old as the window belongs to the one before; twice as old, to none."""
    file = table(tmp_path, videos("a", 0, 1), videos("b", 7, 1), videos("c", 14, 1))

    assert [(tag.name, tag.posts_now, tag.posts_before) for tag in trends(file, window_days=7).hashtags] == [
        ("a", 1, 0),
        ("b", 0, 1),
    ]


def test_accounts_are_counted_together(tmp_path: Path) -> None:
    """Hashtags count over all accounts of the file, and the note says over how many."""
    file = table(tmp_path, videos("glow", 0, 2, "one"), videos("glow", 1, 2, "two"))
    found = trends(file)

    assert found.hashtags[0].posts_now == 4
    assert found.notes[0].startswith("Counted over 4 videos of 2 accounts")
    assert "Views are unknown for 2 of 4 videos; sums are over the others." in found.notes


def test_a_region_narrows(tmp_path: Path) -> None:
    """Only videos made in the region count; those that do not say where are counted in a note."""
    silent = ({**row, "id": f"s{row['id']}", "locationCreated": None} for row in videos("glow", 1, 2))
    found = trends(table(tmp_path, videos("glow", 0, 5), silent), region="us")

    assert (found.region, found.hashtags[0].posts_now) == ("US", 2)
    assert "2 of 7 videos do not say where they were made and are not counted." in found.notes


def test_an_unknown_region_is_not_applied(tmp_path: Path) -> None:
    """Where no video says where it was made, all count, and the answer says that the region was not applied."""
    silent = ({**row, "locationCreated": ""} for row in videos("glow", 1, 2))
    found = trends(table(tmp_path, silent), region="US")

    assert (found.region, found.hashtags[0].posts_now) == (None, 2)
    assert any("was not applied" in note for note in found.notes)


def test_files_are_not_counted_twice(tmp_path: Path) -> None:
    """A video that stands in two files of the folder counts once, with its higher views."""
    table(tmp_path, videos("glow", 0, 3), name="one.json")
    table(tmp_path, ({**row, "playCount": 7} for row in videos("glow", 0, 3)), name="two.json")
    (tag,) = trends(tmp_path).hashtags

    assert (tag.posts_now, tag.views_now) == (3, 207)


def test_an_own_export_has_no_views(tmp_path: Path) -> None:
    """Trends of TikTok's own export have posts and no views."""
    (tmp_path / "user_data.json").write_bytes(as_bytes(own_export(1, "laku", 10, 0)))
    found = trends(tmp_path / "user_data.json", window_days=14)

    assert found.source == "tiktok_export"
    assert found.hashtags
    assert {(tag.views_now, tag.views_before) for tag in found.hashtags} == {(None, None)}


def test_a_table_can_be_counted_again(tmp_path: Path) -> None:
    """On a table of many accounts the counts are those of a plain count over its rows."""
    items = list(scraped_items(4, 40, 20))
    write_json(tmp_path / "t.json", items)
    since = (NEWEST - timedelta(days=7)).timestamp()
    tagged = [
        i for i in items if i["createTime"] > since and any(h["name"].lower() == "glassskin" for h in i["hashtags"])
    ]
    found = {tag.name: tag for tag in trends(tmp_path / "t.json", window_days=7).hashtags}

    assert found["glassskin"].posts_now == len(tagged) > 20
    assert found["glassskin"].views_now == sum(item["playCount"] for item in tagged)


def test_no_hashtag_is_no_error(tmp_path: Path) -> None:
    """Videos without hashtags give an empty list and a note."""
    rows = [{"id": "1", "authorMeta": {"name": "a"}, "createTime": int(NEWEST.timestamp()), "text": "plain"}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    found = trends(tmp_path / "t.json")

    assert found.hashtags == ()
    assert "No hashtag is known of these videos." in found.notes

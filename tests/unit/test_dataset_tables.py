"""Scraper tables: the same account out of every format, and each trap that real files hold."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.errors import InvalidInputError
from shared.providers.dataset.json_rows import read_array
from shared.providers.records import AccountData, Post
from shared.providers.tiktok import list_accounts, read_account
from tests.support.exports import (
    NEWEST,
    Item,
    dataset_settings,
    flattened,
    scraped_items,
    write_csv,
    write_json,
    write_jsonl,
    write_xlsx,
)

NOW_S = 1_800_000_000


def read(file: Path, handle: str = "brand_0") -> AccountData:
    with dataset_settings(file):
        return asyncio.run(read_account(handle))


def an_item(**fields: Any) -> Item:
    """One item of `brand_0`, with these fields instead of its own; a field of None is left out."""
    item = next(scraped_items(1, 1, 1)) | fields
    return {name: value for name, value in item.items() if value is not None}


def the_post(tmp_path: Path, item: Item) -> Post:
    (post,) = read(write_json(tmp_path / "one.json", [item])).posts
    return post


WRITERS: dict[str, Callable[[Path], Path]] = {
    "json": lambda folder: write_json(folder / "t.json", scraped_items(3, 5, 20)),
    "jsonl": lambda folder: write_jsonl(folder / "t.jsonl", scraped_items(3, 5, 20)),
    "jsonl_named_json": lambda folder: write_jsonl(folder / "t.json", scraped_items(3, 5, 20)),
    "csv": lambda folder: write_csv(folder / "t.csv", scraped_items(3, 5, 20)),
    "csv_dots": lambda folder: write_csv(folder / "t.csv", scraped_items(3, 5, 20), ".", "utf-8"),
    "csv_utf16": lambda folder: write_csv(folder / "t.csv", scraped_items(3, 5, 20), "/", "utf-16"),
    "xlsx": lambda folder: write_xlsx(folder / "t.xlsx", scraped_items(3, 5, 20)),
    "flat_json": lambda folder: write_json(folder / "t.json", map(flattened, scraped_items(3, 5, 20))),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> AccountData:
    return read(write_json(tmp_path_factory.mktemp("expected") / "t.json", scraped_items(3, 5, 20)), "brand_2")


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_formats_agree(tmp_path: Path, expected: AccountData, name: str) -> None:
    """Every format of the same table gives the same account."""
    data = read(WRITERS[name](tmp_path), "brand_2")

    assert data.profile == expected.profile
    assert data.posts == expected.posts
    assert (data.as_of, data.notes) == (expected.as_of, expected.notes)


def test_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    """Each number of an account can be found in its row."""
    items = list(scraped_items(5, 4, 12))
    data = read(write_csv(tmp_path / "t.csv", items), "brand_1")
    own = {item["id"]: item for item in items if item["authorMeta"]["name"] == "brand_1"}

    assert {post.id: (post.views, post.likes, post.saves) for post in data.posts} == {
        key: (item["playCount"], item["diggCount"], item["collectCount"]) for key, item in own.items()
    }
    assert data.profile.followers == items[12]["authorMeta"]["fans"]
    assert data.as_of == NEWEST


def test_several_hundred_accounts(tmp_path: Path) -> None:
    """A hashtag search with 300 accounts in one file is kept apart, account by account."""
    file = write_csv(tmp_path / "search.csv", scraped_items(9, 300, 3))

    with dataset_settings(file):
        listed = list_accounts(None)

    assert len(listed) == 300
    assert {posts for _, posts in listed} == {3}


def test_missing_counts_are_unknown(tmp_path: Path) -> None:
    """Counts that are absent, empty or null are None with a note, never 0."""
    post = the_post(tmp_path, an_item(collectCount=None, shareCount="", commentCount="null", diggCount=0))

    assert (post.saves, post.shares, post.comments, post.likes) == (None, None, None, 0)


@pytest.mark.parametrize("place", ["stats", "statistics", "stats/", "statistics."])
def test_counts_may_stand_elsewhere(tmp_path: Path, place: str) -> None:
    """Counts under `stats` or `statistics`, nested or flattened, are found."""
    counts = {"playCount": "1200", "diggCount": 90}
    moved = {place: counts} if place.isalpha() else {place + name: value for name, value in counts.items()}
    post = the_post(tmp_path, an_item(playCount=None, diggCount=None, **moved))

    assert (post.views, post.likes) == (1200, 90)


def test_strings_stand_for_numbers(tmp_path: Path) -> None:
    """Numbers and booleans as strings are read; "1.2K" is rounded by somebody and counts as unknown, with a note."""
    file = write_json(
        tmp_path / "t.json", [an_item(playCount="1,234", diggCount="1.2K", isAd="TRUE", createTime="1767225600")]
    )
    data = read(file)

    assert (data.posts[0].views, data.posts[0].likes, data.posts[0].is_ad) == (1234, None, True)
    assert "1 cell that should hold a number and does not: unknown, not zero." in data.notes


def test_huge_numbers_are_unknown(tmp_path: Path) -> None:
    """A number beyond all counts is unknown and harms nothing, also one with 5,000 digits."""
    file = tmp_path / "t.json"
    text = json.dumps([an_item(playCount=2**70, diggCount=0)]).replace('"diggCount": 0', '"diggCount": ' + "9" * 5_000)
    file.write_text(text)
    (post,) = read(file).posts

    assert (post.views, post.likes) == (None, None)


def test_repeated_videos_count_once(tmp_path: Path) -> None:
    """The same video twice: the row with more views stays; among equals the later one."""
    rows = [an_item(playCount=900, text="second look"), an_item(playCount=500, text="first look")]
    data = read(write_json(tmp_path / "t.json", rows))
    later = read(write_json(tmp_path / "u.json", [an_item(text="one"), an_item(text="two")]))

    assert [(post.views, post.caption) for post in data.posts] == [(900, "second look")]
    assert [post.caption for post in later.posts] == ["two"]
    assert any(note.startswith("1 row of a video seen before") for note in data.notes)


def test_photo_posts_have_no_length(tmp_path: Path) -> None:
    """A duration of 0 is a photo post."""
    assert the_post(tmp_path, an_item(videoMeta={"duration": 0})).duration_s is None


def test_seen_time_is_the_better_as_of(tmp_path: Path) -> None:
    """Where rows say when they were scraped, the newest of that is what the data speaks of."""
    data = read(write_json(tmp_path / "t.json", [an_item(scrapedAt="2026-07-02T08:00:00Z"), an_item(id="7")]))

    assert data.as_of.isoformat() == "2026-07-02T08:00:00+00:00"


def test_the_later_profile_counts(tmp_path: Path) -> None:
    """Of two states of an account the one seen later counts, whichever stands first."""
    old = an_item(
        id="1", webVideoUrl=None, scrapedAt="2026-01-01T00:00:00Z", authorMeta={"name": "brand_0", "fans": 10}
    )
    new = an_item(
        id="2", webVideoUrl=None, scrapedAt="2026-07-01T00:00:00Z", authorMeta={"name": "Brand_0", "fans": 20}
    )

    assert read(write_json(tmp_path / "t.json", [new, old])).profile.followers == 20


def test_future_videos_are_left_out(tmp_path: Path) -> None:
    """A video dated later than now is no video of an account's past, and moves no window."""
    data = read(
        write_json(tmp_path / "t.json", [an_item(), an_item(id="9", webVideoUrl=None, createTime=4_000_000_000)])
    )

    assert data.as_of == NEWEST
    assert len(data.posts) == 1
    assert any("1 dated later than the time of reading" in note for note in data.notes)


def test_hostile_text_is_kept_storable(tmp_path: Path) -> None:
    """NUL and lone surrogates become U+FFFD; right-to-left text, emoji and newlines stay."""
    file = tmp_path / "t.jsonl"
    file.write_text(json.dumps(an_item(text="a\x00b \ud800 שלום\n💄", hashtags=[{"name": "x\x00"}])))
    (post,) = read(file).posts

    assert post.caption == "a\ufffdb \ufffd שלום\n💄"
    assert post.hashtags == ("x\ufffd",)


def test_wrong_encodings_are_told(tmp_path: Path) -> None:
    """A file in another encoding is read as far as it goes, and what could not be read is counted."""
    item = an_item(text="crème brûlée", authorMeta={"name": "brand_0"}, musicMeta={"musicName": "été"})
    file = write_csv(tmp_path / "t.csv", [item], encoding="latin-1")
    data = read(file)

    assert data.posts[0].caption == "cr\ufffdme br\ufffdl\ufffde"
    assert any("1 caption with characters that could not be read" in note for note in data.notes)


def test_the_handle_may_stand_in_the_address(tmp_path: Path) -> None:
    """Without an author's name the address of the video names its account and its id."""
    item = an_item(authorMeta=None, id=6.8e18, webVideoUrl="https://www.tiktok.com/@Brand_0/video/6801234567890123456")

    assert the_post(tmp_path, item).id == "6801234567890123456"


def test_videos_without_an_id_are_told_apart(tmp_path: Path) -> None:
    """A table cut down to a few columns still holds one post per video."""
    rows = [{"authorMeta.name": "brand_0", "createTime": 1767225600 + n // 2, "text": "same"} for n in range(4)]

    assert len(read(write_csv(tmp_path / "t.csv", rows)).posts) == 2


def test_hashtags_come_from_captions(tmp_path: Path) -> None:
    """Where a table has no hashtags column, those written in the caption count, each once."""
    post = the_post(tmp_path, an_item(hashtags=None, mentions=None, text="hi @a.b #One #one,#جمال! #two"))

    assert post.hashtags == ("one", "جمال", "two")
    assert post.mentions == ("a.b",)


BROKEN_LINES = [
    "{not json",
    '{"id": ',
    "[1, 2]",
    "null",
    '"text"',
    "[" * 100_000,
    "",
    '{"authorMeta": {"name": ["x"]}}',
]


def test_broken_lines_are_left_out(tmp_path: Path) -> None:
    """Malformed lines are counted and passed over; the others count."""
    file = tmp_path / "t.jsonl"
    file.write_text("\n".join([json.dumps(an_item()), *BROKEN_LINES, json.dumps(an_item(id="8", webVideoUrl=None))]))
    data = read(file)

    assert len(data.posts) == 2
    assert any(f"{len(BROKEN_LINES) - 2} malformed" in note for note in data.notes)
    assert any("1 without an author" in note for note in data.notes)


def test_shifted_rows_are_left_out(tmp_path: Path) -> None:
    """A row with another number of cells than the header would put numbers under wrong names."""
    file = write_csv(tmp_path / "t.csv", [an_item()])
    file.write_text(file.read_text("utf-8-sig") + "1,2,3\r\n" + "x," * 200 + "\r\n", "utf-8")

    assert any("2 malformed" in note for note in read(file).notes)


@pytest.mark.parametrize("keep", [0.97, 0.5])
@pytest.mark.parametrize("write", [write_json, write_jsonl, write_csv])
def test_truncated_files_say_so(tmp_path: Path, write: Callable[[Path, Any], Path], keep: float) -> None:
    """A file that ends in the middle gives what came before, and a note."""
    file = write(tmp_path / f"t.{write.__name__[6:]}", scraped_items(2, 1, 30))
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * keep)])
    data = read(file)

    assert 10 < len(data.posts) < 30
    assert any("breaks off" in note or "malformed" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.json", b""),
        ("empty.csv", b""),
        ("list.json", b"[]"),
        ("open.json", b"["),
        ("deep.json", b"[" * 200_000),
        ("text.json", b"hello"),
        ("header.csv", b"id,text,playCount\n"),
        ("other.csv", b"name,price\nchair,10\n"),
        ("other.jsonl", b'{"a": 1}\n{"b": 2}\n'),
        ("not.xlsx", b"PK\x03\x04 no workbook"),
        ("not.zip", b"no archive"),
        ("noise.json", bytes(range(256)) * 40),
        ("quotes.csv", b'id,text\n1,"' + b"x" * 400_000),
    ],
)
def test_useless_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A file without one usable row is refused by name, with what was expected, and without its path."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidInputError) as refused:
        read(tmp_path / name)

    assert refused.value.field == "dataset"
    assert name in refused.value.message
    assert str(tmp_path) not in refused.value.message


class CountingText(io.StringIO):
    """Text that counts how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> str:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def test_arrays_are_streamed() -> None:
    """The first row is there before more than a piece of the file was read."""
    text = CountingText(json.dumps(list(scraped_items(1, 1, 3_000))))
    rows = read_array(text, NOW_S)
    next(rows)

    assert text.taken < 1_000_000 < len(text.getvalue())


def test_accounts_without_videos_are_known(tmp_path: Path) -> None:
    """A row that only describes an account gives an account without posts."""
    item = {"authorMeta": {"name": "quiet", "fans": 12, "video": 0}, "scrapedAt": "2026-05-01T00:00:00Z"}
    data = read(write_json(tmp_path / "t.json", [item]), "quiet")

    assert (data.posts, data.profile.followers) == ((), 12)


def test_wrapped_arrays_are_found(tmp_path: Path) -> None:
    """An array inside an object, as some exporters write it, is found."""
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"items": [an_item()], "total": 1}))

    assert len(read(file).posts) == 1

"""What every source of account data promises, tried on the mock and on every kind of file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from shared.core.canonical import canonical_json
from shared.core.status import CallKind, CallOutcome
from shared.errors import InvalidInputError
from shared.providers.records import AccountData, SourceName, Trends
from shared.providers.tiktok import check_account, list_accounts, read_account, read_trends
from shared.trace.calls import Answer
from shared.trace.context import inside_agent_run
from shared.trace.journal import Journal, Remembered, Row, Signal, close_journal, open_journal
from tests.support.exports import (
    as_bytes,
    dataset_settings,
    own_export,
    scraped_items,
    write_csv,
    write_json,
    write_jsonl,
    write_xlsx,
    write_zip,
)

ACCOUNTS, VIDEOS = 6, 30


Ask = Callable[[], Coroutine[None, None, AccountData | Trends]]


@dataclass(frozen=True)
class Source:
    """A source under test, and an account that it holds."""

    file: Path | None
    kind: SourceName
    handle: str


def _table(write: Callable[..., Path], name: str, **how: str) -> Callable[[Path], Source]:
    def make(folder: Path) -> Source:
        return Source(write(folder / name, scraped_items(7, ACCOUNTS, VIDEOS), **how), "dataset", "brand_3")

    return make


def _own(folder: Path) -> Source:
    file = folder / "user_data_tiktok.json"
    file.write_bytes(as_bytes(own_export(7, "LakuCosmetics", VIDEOS, 40)))
    return Source(file, "tiktok_export", "lakucosmetics")


def _own_zip(folder: Path) -> Source:
    members = {"TikTok/user_data.json": as_bytes(own_export(7, "lakucosmetics", VIDEOS, 40, "newest"))}
    return Source(write_zip(folder / "download.zip", members), "tiktok_export", "lakucosmetics")


SOURCES: dict[str, Callable[[Path], Source]] = {
    "mock": lambda _: Source(None, "mock", "competitor_cosmetics"),
    "json": _table(write_json, "table.json"),
    "jsonl": _table(write_jsonl, "table.jsonl"),
    "csv": _table(write_csv, "table.csv"),
    "csv_dots": _table(write_csv, "dots.csv", separator=".", encoding="utf-8"),
    "xlsx": _table(write_xlsx, "table.xlsx"),
    "own": _own,
    "own_zip": _own_zip,
}


@pytest.fixture(scope="module", params=sorted(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    made = SOURCES[request.param](tmp_path_factory.mktemp("data"))
    with dataset_settings(made.file, "mock" if made.kind == "mock" else "dataset"):
        yield made


def read(source: Source, max_posts: int = 500) -> AccountData:
    return asyncio.run(read_account(source.handle, max_posts=max_posts))


def test_posts_come_newest_first(source: Source) -> None:
    """Posts are in the order of time, each once, none later than what the data speaks of."""
    data = read(source)
    times = [post.published_at for post in data.posts]

    assert len(data.posts) >= VIDEOS
    assert times == sorted(times, reverse=True)
    assert len({post.id for post in data.posts}) == len(data.posts)
    assert times[0] <= data.as_of
    assert all(time.utcoffset() == timedelta(0) for time in (data.as_of, *times))


def test_two_reads_are_equal(source: Source) -> None:
    """The same data gives the same answer, byte by byte."""
    assert read(source).model_dump_json() == read(source).model_dump_json()


def test_source_is_told(source: Source) -> None:
    """The answer says where it comes from, and what such a source cannot know."""
    data = read(source)

    assert data.source == source.kind
    assert data.source_name == ("mock data" if source.file is None else source.file.name)
    assert data.profile.handle == source.handle
    assert data.notes


def test_unknown_counts_are_none(source: Source) -> None:
    """A count is a whole number or unknown; a whole field of unknowns has a note."""
    data = read(source)

    for field in ("views", "likes", "comments", "shares", "saves"):
        counts = [getattr(post, field) for post in data.posts]
        assert all(count is None or count >= 0 for count in counts)
        if all(count is None for count in counts):
            assert f"{field.capitalize()} are not in the data: unknown, not zero." in data.notes


def test_texts_can_be_stored(source: Source) -> None:
    """Whatever captions hold, the answer is JSON that Postgres takes; hashtags have one spelling."""
    data = read(source)
    written = canonical_json(data.model_dump(mode="json"))

    assert "\\u0000" not in written
    assert written.encode("utf-8")
    assert all(tag == tag.lower() and "#" not in tag for post in data.posts for tag in post.hashtags)


def test_only_the_newest_are_read(source: Source) -> None:
    """`max_posts` keeps the newest and says how many there are."""
    everything, few = read(source), read(source, max_posts=5)

    assert few.posts == everything.posts[:5]
    assert f"The newest 5 of {len(everything.posts)} videos were read." in few.notes
    assert few.profile == everything.profile


def test_handles_have_one_spelling(source: Source) -> None:
    """An @ and capitals change nothing."""
    again = asyncio.run(read_account(f" @{source.handle.upper()}"))

    assert again == read(source)


def test_trends_are_sorted(source: Source) -> None:
    """Hashtags come with most posts first, each once, at most as many as asked for."""
    trends = asyncio.run(read_trends(window_days=14, limit=3))
    posts = [tag.posts_now for tag in trends.hashtags]

    assert 1 <= len(posts) <= 3
    assert posts == sorted(posts, reverse=True)
    assert len({tag.name for tag in trends.hashtags}) == len(posts)
    assert trends.window_days == 14
    assert trends.notes


def test_the_listed_accounts_can_be_read(source: Source) -> None:
    """Every account that is listed passes the door, with as many posts as the list says."""
    for handle, posts in list_accounts(None):
        check_account(handle, None)
        assert len(asyncio.run(read_account(handle)).posts) == posts


@pytest.mark.parametrize("handle", ["", "@", "two words", "a" * 65, "semi;colon", "../etc", "nul\x00", "\ud800", "..."])
def test_impossible_handles_are_refused(source: Source, handle: str) -> None:
    """What cannot be a handle is refused under its field's name, by the door and by the read."""
    with pytest.raises(InvalidInputError) as door:
        check_account(handle, None)
    with pytest.raises(InvalidInputError) as call:
        asyncio.run(read_account(handle))

    assert door.value.field == call.value.field == "handle"
    assert door.value.message.encode("utf-8")


@pytest.mark.parametrize(
    ("field", "ask"),
    [
        ("window_days", lambda: read_trends(window_days=0)),
        ("limit", lambda: read_trends(limit=1_001)),
        ("region", lambda: read_trends(region="USA")),
        ("max_posts", lambda: read_account("brand_3", max_posts=0)),
    ],
)
def test_impossible_ranges_are_refused(source: Source, field: str, ask: Ask) -> None:
    """A range that makes no sense is refused under its field's name."""
    with pytest.raises(InvalidInputError) as refused:
        asyncio.run(ask())

    assert refused.value.field == field


class Rows:
    """A journal's store in memory."""

    def __init__(self) -> None:
        self.kept: list[Row] = []

    def begin(self, row: Row) -> None:
        raise AssertionError("a read is not billable")

    def hold_more(self, row: Row) -> bool:
        return True

    def finish(self, row: Row) -> None:
        raise AssertionError("a read is not billable")

    def cut_off(self, row: Row) -> None:
        self.finish(row)

    def record(self, row: Row) -> None:
        self.kept.append(row)

    def doubt(self, remembered: Remembered) -> None:
        raise AssertionError("a read is not billable")

    def spoil(self, asked: tuple[str, int], why: str) -> None:
        raise AssertionError("what is read is of use")

    def signal(self, wake_key: str) -> Signal | None:
        raise AssertionError("a read waits for nothing")


def traced(source: Source, remembered: dict[tuple[str, int], Remembered] | None = None) -> tuple[AccountData, Row]:
    """One read inside an agent run, and the row it left."""
    rows, run = Rows(), uuid4()
    open_journal(run, Journal(rows, remembered))
    try:
        with inside_agent_run(run, uuid4(), "account_health"):
            data = read(source)
    finally:
        close_journal(run)
    (row,) = rows.kept
    return data, row


def test_a_read_is_one_provider_call(source: Source) -> None:
    """Inside an agent run a read leaves one row, with its request and the whole response (C067)."""
    data, row = traced(source)

    assert (row.call.kind, row.outcome) == (CallKind.PROVIDER, CallOutcome.PAID)
    assert row.call.content["input"] == {"handle": source.handle, "dataset": None, "max_posts": 500}
    assert row.answer is not None
    assert AccountData.model_validate(row.answer.output) == data


def test_a_read_is_answered_from_the_journal(source: Source) -> None:
    """On re-entry the first answer comes back, whatever the source would say now."""
    data, row = traced(source)
    first = data.model_copy(update={"source_name": "as it was"})
    earlier = {(row.digest, 0): Remembered(row.id, row.agent_run_id, Answer(output=first.model_dump(mode="json")))}

    again, reused = traced(source, earlier)

    assert again == first
    assert reused.outcome == CallOutcome.REUSED

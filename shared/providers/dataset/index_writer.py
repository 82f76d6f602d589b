"""Writes the compact index of one account file: each file is read once, then looked up by handle."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from shared.errors import InvalidInputError
from shared.providers.dataset.formats import EXPECTED
from shared.providers.dataset.found import (
    BrokeOff,
    Found,
    FoundAccount,
    FoundFollowers,
    FoundVideo,
    LeftOut,
    Remark,
)
from shared.providers.dataset.index_about import About, AsOfFrom, statement
from shared.providers.records import SourceName

_BATCH = 500
_FAST = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32000;"


def write_index(target: Path, found: Iterable[Found], kind: SourceName, file_name: str, file_time_s: int) -> None:
    """Writes a new SQLite file. Raises `InvalidInputError("dataset", …)` if not one row could be used."""
    with closing(sqlite3.connect(target, isolation_level=None)) as db:
        # A kill in the middle leaves a file without its real name, so neither journal nor flushing is needed here.
        db.executescript(_FAST)
        db.executescript(statement("tables"))
        db.execute("BEGIN")
        writer = _Writer(db)
        for thing in found:
            writer.take(thing)
        about = writer.finish(kind, file_name, file_time_s)
        db.execute(statement("keep_about"), (about.model_dump_json(),))
        db.execute("COMMIT")
        db.executescript(statement("lookups"))


class _Writer:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._posts: list[dict[str, object]] = []
        self._last: FoundAccount | None = None
        self._rows = self._unreadable = self._damaged = 0
        self._newest_seen_s = 0
        self._left_out: Counter[str] = Counter()
        self._broke_off: str | None = None
        self._remarks: list[str] = []

    def take(self, thing: Found) -> None:
        if isinstance(thing, FoundVideo):
            self._keep_video(thing)
        elif isinstance(thing, FoundAccount):
            self._keep_account(thing)
        elif isinstance(thing, FoundFollowers):
            self._db.execute(
                statement("keep_follower_day"), {"handle": thing.handle, "day": thing.day, "gained": thing.count}
            )
        elif isinstance(thing, LeftOut):
            self._left_out[thing.why] += 1
        elif isinstance(thing, BrokeOff):
            self._broke_off = thing.told
        elif isinstance(thing, Remark):
            self._remarks.append(thing.text)

    def _keep_video(self, video: FoundVideo) -> None:
        self._rows += 1
        self._unreadable += video.unreadable
        self._damaged += "\ufffd" in video.post.caption
        self._newest_seen_s = max(self._newest_seen_s, video.seen_s or 0)
        post = video.post
        self._posts.append(
            {
                "handle": video.handle,
                "id": post.id,
                "published_s": int(post.published_at.timestamp()),
                "views": post.views,
                "region": video.region,
                "seen_s": video.seen_s,
                "body": post.model_dump_json(exclude_defaults=True),
            }
        )
        if len(self._posts) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._db.executemany(statement("keep_post"), self._posts)
        self._posts.clear()

    def _keep_account(self, account: FoundAccount) -> None:
        self._unreadable += account.unreadable
        self._newest_seen_s = max(self._newest_seen_s, account.seen_s or 0)
        if account != self._last:  # rows of one account mostly follow each other and say the same
            self._db.execute(statement("keep_account"), {**account.profile.model_dump(), "seen_s": account.seen_s})
            self._last = account

    def finish(self, kind: SourceName, file_name: str, file_time_s: int) -> About:
        self._flush()
        accounts, posts = self._db.execute(statement("size")).fetchone()
        if not accounts:
            raise InvalidInputError("dataset", f"{file_name!r} holds no usable row{self._why()}; expected: {EXPECTED}")
        as_of_s, as_of_from = self._as_of(file_time_s)
        return About(
            kind=kind,
            as_of_s=as_of_s,
            as_of_from=as_of_from,
            accounts=accounts,
            posts=posts,
            repeated=self._rows - posts,
            left_out=dict(sorted(self._left_out.items())),
            unreadable=self._unreadable,
            damaged=self._damaged,
            broke_off=self._broke_off,
            remarks=tuple(self._remarks),
        )

    def _as_of(self, file_time_s: int) -> tuple[int, AsOfFrom]:
        """The newest time the file speaks of: of its videos, or when they were seen; else the file's own."""
        published_s = self._db.execute(statement("newest_published")).fetchone()[0] or 0
        if self._newest_seen_s > published_s:
            return self._newest_seen_s, "seen"
        return (published_s, "video") if published_s else (file_time_s, "file")

    def _why(self) -> str:
        reasons = [f"{count} {why}" for why, count in sorted(self._left_out.items())]
        if self._broke_off:
            reasons.append(f"it breaks off: {self._broke_off}")
        return f" ({', '.join(reasons)})" if reasons else ""

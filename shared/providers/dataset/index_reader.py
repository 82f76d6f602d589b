"""Looks accounts up in the index of one file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.errors import ProviderDownError
from shared.providers.dataset.index_about import About, statement
from shared.providers.dataset.index_cache import ready_index
from shared.providers.records import FollowerDay, Post, Profile
from shared.providers.text import clean_text

_TRIES = 3


@dataclass(frozen=True, slots=True)
class KeptPost:
    """A post with what decides between two rows of it: more views, then seen later."""

    post: Post
    rank: tuple[int, int]


@dataclass(frozen=True, slots=True)
class WindowPost:
    """A post in a time window, as far as trends need it."""

    handle: str
    id: str
    published_s: int
    views: int | None
    region: str | None
    hashtags: tuple[str, ...]


class Index:
    """An open index: one file's accounts and posts. Made by `open_index`."""

    def __init__(self, db: sqlite3.Connection, name: str) -> None:
        self._db = db
        self.name = clean_text(name, 200)
        self.about = About.model_validate_json(self._one("about")[0])

    def _one(self, name: str, *given: object) -> Any:
        return self._db.execute(statement(name), given).fetchone()

    def profile(self, handle: str) -> Profile | None:
        row = self._one("account", handle)
        return None if row is None else Profile.model_validate(dict(zip(Profile.model_fields, row, strict=True)))

    def posts(self, handle: str, limit: int) -> list[KeptPost]:
        """The newest posts of an account, newest first."""
        rows = self._db.execute(statement("posts"), (handle, limit))
        return [
            KeptPost(Post.model_validate_json(body), (-1 if views is None else views, seen_s or 0))
            for views, seen_s, body in rows
        ]

    def post_ids(self, handle: str) -> set[str]:
        return {row[0] for row in self._db.execute(statement("post_ids"), (handle,))}

    def follower_days(self, handle: str) -> list[FollowerDay]:
        rows = self._db.execute(statement("follower_days"), (handle,))
        return [FollowerDay(day=day, followers_gained=gained) for day, gained in rows]

    def handles(self) -> Iterator[tuple[str, int]]:
        """Each handle with its number of posts, in alphabetical order."""
        yield from self._db.execute(statement("handles"))

    def window(self, after_s: int, until_s: int) -> Iterator[WindowPost]:
        rows = self._db.execute(statement("window"), (after_s, until_s))
        for handle, post_id, published_s, views, region, body in rows:
            hashtags = tuple(json.loads(body).get("hashtags", ()))
            yield WindowPost(handle, post_id, published_s, views, region, hashtags)

    @property
    def knows_views(self) -> bool:
        return bool(self._one("knows_views")[0])


@contextmanager
def open_index(file: Path) -> Iterator[Index]:
    """The index of an account file, made first if needed. One that was damaged or swept away is made again."""
    db = _connected(file)
    with closing(db):
        yield Index(db, file.name)


def _connected(file: Path) -> sqlite3.Connection:
    for _ in range(_TRIES):
        index = ready_index(file)
        db = None
        try:
            db = sqlite3.connect(f"file:{quote(str(index))}?mode=ro&immutable=1", uri=True)
            About.model_validate_json(db.execute(statement("about")).fetchone()[0])
        except (sqlite3.Error, TypeError, ValueError):  # damaged, or removed under our hands since its file changed
            if db is not None:
                db.close()
            index.unlink(missing_ok=True)
        else:
            return db
    raise ProviderDownError(f"dataset: the index of {file.name!r} could not be read")

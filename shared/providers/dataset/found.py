"""What the readers of account files find, one thing at a time, so that no file is ever held whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from shared.providers.records import Post, Profile


class Why(StrEnum):
    """Why a row was left out. The values are read by people: "3 rows were left out: 2 without an author, …"."""

    MALFORMED = "malformed"
    NO_AUTHOR = "without an author"
    NO_TIME = "without a readable time"
    LATER_THAN_NOW = "dated later than the time of reading"
    NOT_PUBLIC = "not public"
    TOO_MANY = "beyond the number that is read"


@dataclass(frozen=True, slots=True)
class FoundVideo:
    """One post. `seen_s` is when the exporter saw it, `region` where it was made, `unreadable` counts bad numbers."""

    handle: str
    post: Post
    region: str | None = None
    seen_s: int | None = None
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """What one row says of its account."""

    profile: Profile
    seen_s: int | None = None
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class FoundFollowers:
    """Followers who came on one day (YYYY-MM-DD, UTC) and are still there."""

    handle: str
    day: str
    count: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that could not be used."""

    why: Why


@dataclass(frozen=True, slots=True)
class BrokeOff:
    """The file ends, or turns unreadable, in the middle: nothing after this is known."""

    told: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something a reader of the result must know; becomes a note."""

    text: str


Found: TypeAlias = FoundVideo | FoundAccount | FoundFollowers | LeftOut | BrokeOff | Remark

"""What an index knows of the file it was made from, and its SQL."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.providers.records import SourceName

FORMAT = 1  # part of every index's name: raise it when tables or reading change, and old indexes are made anew

AsOfFrom = Literal["video", "seen", "file"]


class About(BaseModel):
    """One file, as it was read. `as_of_s` is unix seconds; `as_of_from` says what that time is taken from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SourceName
    as_of_s: int
    as_of_from: AsOfFrom
    accounts: int
    posts: int
    repeated: int  # rows of a video that was already there
    left_out: dict[str, int]
    unreadable: int
    damaged: int
    broke_off: str | None
    remarks: tuple[str, ...]


@cache
def statement(name: str) -> str:
    """A statement of index.sql by its name."""
    text = (Path(__file__).parent / "index.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[name]

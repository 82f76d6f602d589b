"""Which kind of account file this is, told from its content, and its rows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

from shared.providers.dataset.found import Found
from shared.providers.dataset.json_rows import read_array, read_lines
from shared.providers.dataset.streams import EXPORT_NAMES, Head, head_of, open_text
from shared.providers.dataset.table_rows import read_csv, read_xlsx
from shared.providers.dataset.tiktok_export import read_export
from shared.providers.records import SourceName

ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".xlsx", ".zip")
EXPECTED = (
    "a TikTok scraper's table (JSON array, JSON Lines, CSV or XLSX with columns such as authorMeta/name, createTime "
    "and playCount) or TikTok's own data export (user_data_tiktok.json, also in a .zip)"
)

_FIRST_KEY = re.compile(r'\s*\{\s*"((?:[^"\\]|\\.){1,200})"\s*:\s*(\[)?')
_WRAPPERS = frozenset({"items", "data", "collector", "videos", "posts", "results", "itemList", "aweme_list"})


def kind_of(path: Path) -> SourceName:
    """Whether a file is TikTok's own export or a scraper's table."""
    if path.suffix.lower() in (".xlsx", ".csv"):
        return "dataset"
    return "tiktok_export" if _is_export(head_of(path)) else "dataset"


def _is_export(head: Head) -> bool:
    """TikTok's export is one object whose keys are titles ("Your Activity"); a scraper's keys begin small."""
    key = _FIRST_KEY.match(head.text)
    return key is not None and (head.name.lower() in EXPORT_NAMES or key[1][0].isupper())


def read_file(path: Path, now_s: int) -> Iterator[Found]:
    """All that a file holds, in its own order. Raises `InvalidInputError("dataset", …)` if it cannot be opened."""
    if path.suffix.lower() == ".xlsx":
        yield from read_xlsx(path, now_s)
        return
    head = head_of(path)
    with open_text(path, head.encoding) as text:
        yield from _read_text(head, text, path.name, now_s)


def _read_text(head: Head, text: io.TextIOWrapper, file_name: str, now_s: int) -> Iterator[Found]:
    start = head.text.lstrip()[:1]
    key = _FIRST_KEY.match(head.text)
    if head.name.lower().endswith(".csv"):
        yield from read_csv(text, now_s)
    elif start == "[":
        yield from read_array(text, now_s)
    elif _is_export(head):
        yield from read_export(text, file_name, now_s)
    elif key and key[1] in _WRAPPERS and key[2]:
        yield from read_array(text, now_s)
    elif start == "{":
        yield from read_lines(text, now_s)

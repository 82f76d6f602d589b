"""One row of a scraper's table, nested (JSON) or flat (CSV, XLSX), read by the same dotted paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

MAX_LIST = 100  # hashtags or mentions kept per post
_WORD = re.compile(r"[^\s,;#\"'\[\]{}]+")


class Row(Protocol):
    def get(self, path: str) -> Any:
        """What stands at `authorMeta.name`; None if nothing does."""
        ...

    def listed(self, field: str) -> list[str]:
        """The words of a list field: `hashtags` as objects with a name, as texts, or as columns `hashtags/0/name`."""
        ...


@cache
def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


class NestedRow:
    """A JSON object. Flattened keys (`authorMeta/name`, `authorMeta.name`) are understood too."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self._item = item
        self._flat = {key.replace("/", "."): value for key, value in item.items() if "/" in key or "." in key}

    def get(self, path: str) -> Any:
        value: Any = self._item
        for part in _parts(path):
            value = value.get(part) if isinstance(value, dict) else None
        return self._flat.get(path) if value is None and self._flat else value

    def listed(self, field: str) -> list[str]:
        value = self._item.get(field)
        if isinstance(value, list):
            return [word for entry in value[:MAX_LIST] if (word := _word(entry))]
        if isinstance(value, str):
            return _WORD.findall(value)[:MAX_LIST]
        return FlatRow(Columns(list(self._flat)), list(self._flat.values())).listed(field) if self._flat else []


def _word(entry: Any) -> str:
    if isinstance(entry, dict):
        entry = entry.get("name") or entry.get("title") or entry.get("hashtagName")
    return as_text(entry)


def as_text(value: Any) -> str:
    """A text, or the number that a spreadsheet made of one ("2024"); "" for anything else."""
    if isinstance(value, str):
        return value
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    return str(int(value)) if whole and abs(value) < 10**15 else ""


class Columns:
    """The header of a table: where each path stands. Made once per file."""

    def __init__(self, header: Sequence[Any]) -> None:
        names = ["" if cell is None else str(cell).strip().lstrip("\ufeff").replace("/", ".") for cell in header]
        self.at = {name: index for index, name in reversed(list(enumerate(names))) if name}
        self.lists = {field: _numbered(names, field) for field in ("hashtags", "mentions")}
        self.width = len(names)


def _numbered(names: list[str], field: str) -> list[int]:
    """The columns `hashtags.0.name`, `hashtags.1.name`, … (or `hashtags.0`) in their order."""
    pattern = re.compile(rf"{field}\.([0-9]{{1,4}})(?:\.(?:name|title))?")
    found = [(int(match[1]), index) for index, name in enumerate(names) if (match := pattern.fullmatch(name))]
    return [index for _, index in sorted(found)][:MAX_LIST]


class FlatRow:
    """A row of a table: cells under `Columns`. Cells that are missing at the end are empty."""

    def __init__(self, columns: Columns, cells: Sequence[Any]) -> None:
        self._columns, self._cells = columns, cells

    def get(self, path: str) -> Any:
        index = self._columns.at.get(path)
        return None if index is None or index >= len(self._cells) else self._cells[index]

    def listed(self, field: str) -> list[str]:
        numbered = self._columns.lists[field]
        if not numbered:
            whole = self.get(field)
            return _WORD.findall(whole)[:MAX_LIST] if isinstance(whole, str) else []
        cells = (self._cells[index] for index in numbered if index < len(self._cells))
        return [word for cell in cells if (word := as_text(cell))]

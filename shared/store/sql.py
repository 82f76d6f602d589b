"""Every statement of the system, loaded by name from `queries/*.sql`. There is no SQL in Python.

A file holds blocks that begin with `-- name: some_name`. Parameters are written `:name`, each with a cast.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from shared.store.wire import Statement

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
# Quoted text, comments and casts are passed over; what is left of ":word" is a parameter.
_PARAMETER = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::\s*\w+|:(?P<name>[a-z_][a-z0-9_]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement: its SQL with `$n` placeholders, and the parameter names in that order."""

    name: str
    sql: str
    parameters: tuple[str, ...]

    def with_values(self, values: Mapping[str, Any]) -> Statement:
        if values.keys() != set(self.parameters):
            odd = sorted(values.keys() ^ set(self.parameters))
            raise TypeError(f"query {self.name} takes {sorted(self.parameters)}; missing or unknown: {odd}")
        return Statement(self.sql, [values[name] for name in self.parameters])


def parsed(text: str) -> dict[str, Query]:
    """The named statements of one file."""
    found: dict[str, Query] = {}
    starts = list(_NAME.finditer(text))
    for at, start in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(text)
        query = _query(start.group(1), text[start.end() : end].strip())
        if query.name in found:
            raise ValueError(f"two queries are named {query.name}")
        found[query.name] = query
    return found


def _query(name: str, body: str) -> Query:
    names: list[str] = []

    def placeholder(found: re.Match[str]) -> str:
        parameter = found.group("name")
        if parameter is None:
            return "" if found.group(0).startswith("--") else found.group(0)
        if parameter not in names:
            names.append(parameter)
        return f"${names.index(parameter) + 1}"

    sql = _PARAMETER.sub(placeholder, body).rstrip().rstrip(";")
    return Query(name, re.sub(r"\n\s*\n", "\n", sql), tuple(names))


@cache
def queries() -> dict[str, Query]:
    """Every query of the package, by name."""
    found: dict[str, Query] = {}
    for file in sorted(files("shared.store").joinpath("queries").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for name, query in parsed(file.read_text()).items():
                if name in found:
                    raise ValueError(f"two queries are named {name}")
                found[name] = query
    return found

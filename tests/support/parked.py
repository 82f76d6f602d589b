"""Rows that wait, many at once, written past the wall; and what a statement reads to find its own among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from shared.core.canonical import JsonObject
from shared.store.connection import connect_url
from shared.store.sql import parsed, queries
from shared.store.wire import Row, Statement

FILLED = parsed((Path(__file__).parent / "parked.sql").read_text())


def fill(owner_url: SecretStr | None, name: str, **values: Any) -> list[Row]:
    """One statement of parked.sql, as the owner."""
    assert owner_url is not None
    connection = connect_url(owner_url, "DATABASE_OWNER_URL")
    try:
        return connection.exchange([FILLED[name].with_values(values)])[0]
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Scan:
    """How one table was read: by which index, on what, and how many rows that came to."""

    table: str
    how: str
    index: str
    condition: str
    rows: float


def scans(url: SecretStr | None, name: str, workspace: UUID | None = None, /, **values: Any) -> list[Scan]:
    """Runs a query of the store under EXPLAIN ANALYZE, by the role of this address, and undoes it."""
    query = queries()[name].with_values(values)
    opening = [Statement("begin")]
    if workspace is not None:
        opening.append(queries()["enter_workspace"].with_values({"workspace_id": workspace}))
    explain = Statement(f"explain (analyze, format json, timing off) {query.sql}", query.values)
    assert url is not None
    connection = connect_url(url, "DATABASE_URL")
    try:
        (row,) = connection.exchange([*opening, explain])[-1]
        connection.exchange([Statement("rollback")])
    finally:
        connection.close()
    told = row[0]
    return list(_scans((json.loads(told) if isinstance(told, str) else told)[0]["Plan"]))


def _scans(node: JsonObject) -> Iterator[Scan]:
    if "Relation Name" in node and node["Node Type"].endswith("Scan"):
        rows = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        yield Scan(
            node["Relation Name"], node["Node Type"], node.get("Index Name", ""), node.get("Index Cond", ""), rows
        )
    for child in node.get("Plans", []):
        yield from _scans(child)

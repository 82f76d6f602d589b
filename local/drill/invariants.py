"""What must hold after every drill, whatever was done to it: read from Postgres past the wall, and from the bill.

I6 to I8 (mirror, audit, its chain) are checked by the drills that have them on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from local.drill.faults import ACTS
from local.drill.world import FACTS, World
from shared.store.connection import connect_url
from shared.store.wire import Statement

MICRO = Decimal(1_000_000)
SHOWN = 3


@dataclass
class Books:
    """The vendor's bill beside our journal, in micro-dollars. `doubted` names each call that only the vendor knows."""

    paid: int = 0
    wasted: int = 0
    in_doubt: int = 0
    failed: int = 0
    billed_micro: Decimal = Decimal(0)
    journal_micro: Decimal = Decimal(0)
    doubted_micro: Decimal = Decimal(0)
    doubted: list[str] = field(default_factory=list)
    unbilled_doubts: int = 0
    problems: list[str] = field(default_factory=list)


def broken_rules(world: World, workspace: UUID) -> list[str]:
    """Every query of facts.sql that is named wrong_* and returns rows."""
    found = []
    for name in FACTS:
        if name.startswith("wrong_"):
            rows = world.look(name, workspace_id=workspace)
            if rows:
                shown = "; ".join(_told(row) for row in rows[:SHOWN])
                found.append(f"{name.removeprefix('wrong_')}: {len(rows)} rows, such as {shown}")
    return found + wrong_acts(world, workspace) + wall_holes(world, workspace)


def wrong_acts(world: World, workspace: UUID) -> list[str]:
    """I10: what the drill's vendor did to the world, beside what our rows say. `done` is once, the others never; what
    is unknown is once or never, and not twice."""
    acts = Counter(world.faults.notes(ACTS))
    found = []
    for effect in world.look("effects", workspace_id=workspace):
        did = acts.pop(effect.idempotency_key, 0)
        is_right = did <= 1 if effect.status == "unknown" else did == (effect.status == "done")
        if effect.kind.startswith("drill_") and not is_right:
            found.append(f"i10: effect {effect.id} is {effect.status} and was done {did} times")
    return [*found, *[f"i10: something was done under {key}, which is no effect" for key in acts]]


def _told(row: Any) -> str:
    return ", ".join(f"{name}={str(value)[:160]}" for name, value in row._asdict().items())


def wall_holes(world: World, workspace: UUID) -> list[str]:
    """I9: as the doors' role in another workspace, every tenant table is empty; in this one, runs are not."""
    url = world.stack.settings.database_url
    assert url is not None
    tables = [row.name for row in world.look("tenant_tables")]
    connection = connect_url(url, "DATABASE_URL")

    def seen(table: str, by: UUID) -> int:
        entered = Statement("select set_config('app.workspace_id', $1::text, true)", [str(by)])
        (row,) = connection.exchange([entered, Statement(f"select count(*) as n from {table}")])[1]
        return int(row.n)

    stranger = uuid4()
    found = [f"i9: another workspace sees {n} rows of {table}" for table in tables if (n := seen(table, stranger))]
    if not seen("tiktok_workflow_runs", workspace):
        found.append("i9: the workspace does not see its own runs: the probe proves nothing")
    connection.close()
    return found


def compared_books(world: World, workspace: UUID) -> Books:
    """I4: every line of the bill is a call that we paid or wasted, at the same price, or one named in doubt."""
    calls = world.look("calls", workspace_id=workspace)
    bill = world.vendor.bill()
    counts = Counter(str(call.outcome) for call in calls)
    books = Books(counts["paid"], counts["wasted"], counts["in_doubt"], counts["failed"])
    books.billed_micro = Decimal(bill["total_usd"]) * MICRO
    books.journal_micro = sum((call.cost_usd for call in calls), Decimal(0)) * MICRO
    if len(bill["rows"]) != bill["charged"]:
        books.problems.append(f"i4: the bill holds only {len(bill['rows'])} of {bill['charged']} charges: drill less")
    known = {call.provider_request_id: call for call in calls if call.provider_request_id and call.outcome != "reused"}
    doubts: dict[str, list[Any]] = {}
    for call in calls:
        if call.outcome == "in_doubt":
            doubts.setdefault(call.prompt_sha256, []).append(call)
    for line in bill["rows"]:
        _compare(line, known.pop(line["request_id"], None), doubts, books)
    for call in known.values():
        if call.outcome in ("paid", "wasted"):
            books.problems.append(f"i4: {call.key}/{call.label} says {call.provider_request_id}, which is on no bill")
    books.unbilled_doubts = sum(len(left) for left in doubts.values())
    if books.billed_micro != books.journal_micro + books.doubted_micro:
        told = f"{books.billed_micro} billed, {books.journal_micro} in the journal, {books.doubted_micro} in doubt"
        books.problems.append(f"i4: micro-dollars differ: {told}")
    return books


def _compare(line: dict[str, Any], call: Any, doubts: dict[str, list[Any]], books: Books) -> None:
    cost = Decimal(line["usd"]) * MICRO
    if call is not None:
        if call.cost_usd * MICRO != cost:
            books.problems.append(f"i4: {call.key}/{call.label} cost {cost}, we wrote {call.cost_usd * MICRO}")
        return
    left = doubts.get(line["prompt_sha256"])
    if not left:
        books.problems.append(f"i4: {line['request_id']} was billed ({cost}) and nothing of ours says so")
        return
    doubted = left.pop()
    books.doubted_micro += cost
    books.doubted.append(f"run {doubted.run_id} {doubted.key}/{doubted.label}: {line['request_id']}, {cost} micro-USD")

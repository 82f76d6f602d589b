"""Proves what a run cost: every call's cost is computed again from its raw counters and compared with every total.

Nothing is believed: the row of a call, the totals of its step and its run, the money that was reserved for it, and the
counters of the caps are each held against what they stand for. What differs is listed, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.money import PLACES, ZERO, usd
from shared.core.status import CallKind, CallOutcome, RunStatus, StepStatus
from shared.engine.read_run import no_run
from shared.engine.rooms import Rooms
from shared.errors import InvalidInputError
from shared.llm.prices import UNKNOWN, bounds_of, cost_of, uncached_usd
from shared.store.wire import Row
from shared.trace.calls import Usage


@dataclass(frozen=True, slots=True)
class Difference:
    """Two amounts that must be equal, and are not. `what` is the rule, `where` the row that breaks it."""

    what: str
    where: str
    expected_usd: Decimal
    found_usd: Decimal

    def shown(self) -> JsonObject:
        return {
            "what": self.what,
            "where": self.where,
            "expected_usd": _text(self.expected_usd),
            "found_usd": _text(self.found_usd),
        }


@dataclass(frozen=True, slots=True)
class ProvedCall:
    """One call: what its row says, and what its counters come to (`computed_usd`; None where there is no price).

    `plain_usd` is what the same tokens would have cost without any cache.
    """

    row: Any
    computed_usd: Decimal | None
    plain_usd: Decimal
    problem: str | None = None

    @property
    def where(self) -> str:
        return f"{self.row.key}, attempt {self.row.attempt}, call {self.row.idx} ({self.row.label})"


def prove_run(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> JsonObject:
    """The proof of a run's spend. `verdict` is `proved` or `differs`; amounts are text, in US dollars.

    Of a run that goes on, only what has ended is compared. Raises `NotFoundError`.
    """
    named = {"run_id": run_id}
    names = ("books_of_run", "calls_to_prove", "caps_to_prove", "ledger_of_run", "ad_days_of_run")
    books, rows, caps, ledger, ad_days = rooms.store.move_all(workspace_id, [(name, named) for name in names])
    if not books:
        raise no_run(run_id)
    calls = [proved_call(row) for row in rows]
    is_final = RunStatus(books[0].run_status).is_final
    found = [
        *(one for call in calls for one in _of_call(call)),
        *_of_totals(books, is_final),
        *_of_caps(caps),
        *(_of_ledger(ledger) if is_final else ()),
    ]
    return {
        "workflow_run_id": str(run_id),
        "status": books[0].run_status,
        "verdict": "differs" if found else "proved",
        "is_final": is_final,
        "differences": [one.shown() for one in found],
        "calls": _counted(calls),
        "totals": _totals(books, calls),
        "saved": _saved(calls),
        "ad_spend": {**_ad_spend(ledger), "days": [_ad_day(day) for day in ad_days]},
        "not_in_totals_usd": _text(sum((book.calls_usd - book.timely_usd for book in _ended(books)), ZERO)),
        "caps": [_cap(cap) for cap in caps],
        "lines": [_line(call) for call in calls],
    }


def proved_call(row: Any) -> ProvedCall:
    """The cost of one call, from its counters and the rates that its row names."""
    usage = _usage(row)
    if row.kind != CallKind.LLM or usage is None or row.price_version is None:
        return ProvedCall(row, None, ZERO)
    try:
        cost = cost_of(usage, row.model or "", version=row.price_version)
        plain = uncached_usd(usage, row.model or "", row.price_version) if cost.known else ZERO
    except InvalidInputError as wrong:
        return ProvedCall(row, None, ZERO, wrong.problem)
    return ProvedCall(row, cost.usd if cost.known else None, plain)


def _usage(row: Any) -> Usage | None:
    if row.input_tokens is None:
        return None
    return Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens or 0,
        cache_read_tokens=row.cache_read_tokens or 0,
        cache_write_tokens=row.cache_write_tokens or 0,
        cache_write_1h_tokens=row.cache_write_1h_tokens or 0,
    )


def _of_call(call: ProvedCall) -> Iterable[Difference]:
    row = call.row
    if call.problem is not None:
        yield Difference(f"price version: {call.problem}", call.where, ZERO, row.cost_usd)
    if row.outcome == CallOutcome.REUSED and row.cost_usd != 0:
        yield Difference("a reused answer costs nothing", call.where, ZERO, row.cost_usd)
    elif row.outcome != CallOutcome.REUSED and call.computed_usd is not None and not _agrees(call):
        yield Difference("the cost of its tokens", call.where, call.computed_usd, row.cost_usd)
    if row.reserved_usd is not None:
        yield from _of_reservation(call)


def _agrees(call: ProvedCall) -> bool:
    """One try: to the last place. Tries are priced one by one, each rounded, each in its own band of prompt length."""
    row = call.row
    if row.attempts <= 1:
        return bool(row.cost_usd == call.computed_usd)
    least, most = bounds_of(_usage(row) or Usage(), row.model, row.price_version)
    slack = PLACES * row.attempts
    return bool(least - slack <= row.cost_usd <= most + slack)


def _of_reservation(call: ProvedCall) -> Iterable[Difference]:
    row = call.row
    if row.cost_usd > row.reserved_usd:
        yield Difference("no more than was reserved", call.where, row.reserved_usd, row.cost_usd)
    if row.settled_usd is None:
        return
    if row.outcome == CallOutcome.IN_DOUBT:
        expected = row.reserved_usd
    else:
        expected = row.cost_usd if row.cost_known else max(row.cost_usd, row.reserved_usd)
    if row.settled_usd != expected:
        yield Difference("its reservation, settled", call.where, expected, row.settled_usd)


def _ended(books: Sequence[Row]) -> list[Any]:
    return [book for book in books if StepStatus(book.status).is_final]


def _of_totals(books: Sequence[Any], is_final: bool) -> Iterable[Difference]:
    for book in _ended(books):
        if (book.cost_usd or ZERO) not in (book.timely_usd, book.calls_usd):
            yield Difference("the sum of its calls", f"step {book.key}", book.timely_usd, book.cost_usd or ZERO)
    total = books[0].total_cost_usd or ZERO
    of_steps = sum((book.cost_usd or ZERO for book in _ended(books)), ZERO)
    if is_final and total != of_steps:
        yield Difference("the sum of its steps", "the run", of_steps, total)


def _of_caps(caps: Iterable[Any]) -> Iterable[Difference]:
    for cap in caps:
        if cap.used_usd != cap.ledger_usd:
            yield Difference(
                "the sum of its ledger", f"cap of {cap.scope} {cap.scope_id}", cap.ledger_usd, cap.used_usd
            )


def _of_ledger(ledger: Iterable[Any]) -> Iterable[Difference]:
    for part in ledger:
        if part.kind == "model" and part.open_rows:
            yield Difference("no reservation is left open", f"{part.open_rows} of the run's", ZERO, part.open_usd)


def _counted(calls: Sequence[ProvedCall]) -> JsonObject:
    """How many calls ended how, and their money: of those in doubt what is held for them, the worst case."""
    counted: JsonObject = {}
    for outcome in CallOutcome:
        of_it = [call for call in calls if call.row.outcome == outcome]
        held = [call.row.reserved_usd or ZERO for call in of_it]
        spent = [call.row.cost_usd for call in of_it]
        amounts = held if outcome in (CallOutcome.IN_DOUBT, CallOutcome.STARTED) else spent
        counted[outcome.value] = {"count": len(of_it), "usd": _text(sum(amounts, ZERO))}
    billed = [call.row for call in calls if call.row.outcome == CallOutcome.FAILED and _may_be_billed(call.row)]
    counted["failed_but_billed"] = {"count": len(billed), "usd": _text(sum((row.cost_usd for row in billed), ZERO))}
    unpriced = [call for call in calls if call.row.kind == CallKind.LLM and _lacks_price(call.row)]
    counted["without_a_price"] = {"count": len(unpriced), "usd": _text(ZERO)}
    return counted


def _may_be_billed(row: Any) -> bool:
    return bool(row.cost_usd > 0 or not row.cost_known)


def _lacks_price(row: Any) -> bool:
    is_answered = row.outcome in (CallOutcome.PAID, CallOutcome.WASTED)
    return is_answered and row.price_version in (None, UNKNOWN)


def _totals(books: Sequence[Any], calls: Sequence[ProvedCall]) -> JsonObject:
    computed = [
        call.row.cost_usd if call.computed_usd is None else call.computed_usd
        for call in calls
        if call.row.outcome != CallOutcome.REUSED
    ]
    return {
        "computed_usd": _text(sum(computed, ZERO)),
        "calls_usd": _text(sum((book.calls_usd for book in books), ZERO)),
        "steps_usd": _text(sum((book.cost_usd or ZERO for book in _ended(books)), ZERO)),
        "run_usd": _text(books[0].total_cost_usd or ZERO),
    }


def _saved(calls: Iterable[ProvedCall]) -> JsonObject:
    """What the cache of prompts saved, below zero where writing to it cost more; and what the journal saved."""
    by_cache, by_journal = ZERO, ZERO
    for call in calls:
        if call.row.outcome == CallOutcome.REUSED:
            by_journal += call.computed_usd or ZERO
        elif call.computed_usd is not None:
            by_cache += call.plain_usd - call.computed_usd
    return {"by_cache_usd": _text(by_cache), "by_journal_usd": _text(by_journal)}


def _ad_spend(ledger: Iterable[Any]) -> JsonObject:
    reserved, settled = ZERO, ZERO
    for part in ledger:
        if part.kind == "ad_spend":
            reserved, settled = part.reserved_usd, part.settled_usd
    return {"reserved_usd": _text(reserved), "settled_usd": _text(settled)}


def _ad_day(day: Any) -> JsonObject:
    """What a day's ads may spend, the most that the vendor said so far, and what it came to; None: not known yet."""
    return {
        "day": day.day.isoformat(),
        "reserved_usd": _text(day.reserved_usd),
        "seen_usd": None if day.seen_usd is None else _text(day.seen_usd),
        "settled_usd": _text(day.settled_usd) if day.is_settled else None,
    }


def _cap(cap: Any) -> JsonObject:
    return {
        "scope": cap.scope,
        "scope_id": cap.scope_id,
        "cap_usd": _text(cap.cap_usd),
        "used_usd": _text(cap.used_usd),
        "ledger_usd": _text(cap.ledger_usd),
    }


def _line(call: ProvedCall) -> JsonObject:
    names = ("attempt", "idx", "kind", "label", "outcome", "model", "price_version", "provider_request_id", "note")
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    return {
        "step": call.row.key,
        **{name: getattr(call.row, name) for name in (*names, *tokens)},
        "cost_usd": _text(call.row.cost_usd),
        "cost_known": call.row.cost_known,
        "computed_usd": None if call.computed_usd is None else _text(call.computed_usd),
        "reserved_usd": None if call.row.reserved_usd is None else _text(call.row.reserved_usd),
        "settled_usd": None if call.row.settled_usd is None else _text(call.row.settled_usd),
    }


def _text(amount: Decimal) -> str:
    return f"{usd(amount):f}"

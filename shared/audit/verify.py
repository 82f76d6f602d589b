"""Whether what the audit has published is whole: the first link that is broken, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.audit.event import FIRST_LINK, link_of
from shared.audit.table import WRITTEN_BY_SUBSCRIPTION
from shared.core.canonical import JsonObject


@dataclass(frozen=True, slots=True)
class Break:
    """The first event of a subject that does not fit, and why."""

    seq: int
    why: str


def first_break(rows: Iterable[JsonObject]) -> Break | None:
    """Of one subject's stored events, in any order and with repeats; None: they are one chain from its beginning.

    Columns that the subscription writes are passed over. That the newest events are cut off shows only against a count
    from elsewhere: the outbox, or another export.
    """
    events: dict[int, JsonObject] = {}
    for row in rows:
        event = {name: value for name, value in row.items() if name not in WRITTEN_BY_SUBSCRIPTION}
        if events.setdefault(event["seq"], event) != event:
            return Break(event["seq"], "two deliveries of it differ")
    before = FIRST_LINK
    for place, seq in enumerate(sorted(events), start=1):
        if seq != place:
            return Break(place, "is missing")
        event = events[seq]
        if link_of(event) != event["hash"]:
            return Break(seq, "was changed after it was published")
        if event["prev_hash"] != before:
            return Break(seq, "does not carry the hash of the event before it")
        before = event["hash"]
    return None

"""Holds a run's outbox against the hashes under which its events were published: the first that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.audit.event import FIRST_LINK, OutboxEvent, chained
from shared.audit.verify import Break
from shared.core.canonical import JsonObject
from shared.engine.read_run import no_run
from shared.engine.rooms import Rooms

A_PAGE = 2000


def verify_run(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> JsonObject:
    """`verdict`: intact, broken, or unpublished, if nothing of it was published. Raises `NotFoundError`."""
    if not rooms.store.move(workspace_id, "run_status", run_id=run_id):
        raise no_run(run_id)
    rows = rooms.store.move(workspace_id, "published_of", subject_id=run_id)
    published = rows[0].published_seq if rows else 0
    found = _first_break(workspace_id, run_id, rows[0], rooms) if published else None
    verdict = "broken" if found else "intact" if published else "unpublished"
    return {
        "workflow_run_id": str(run_id),
        "verdict": verdict,
        "published": published,
        "head": rows[0].chain_head if rows else None,
        "first_broken_seq": found.seq if found else None,
        "why": found.why if found else None,
    }


def _first_break(workspace_id: UUID, run_id: UUID, telling: Any, rooms: Rooms) -> Break | None:
    before, at = FIRST_LINK, 0
    while at < telling.published_seq:
        page = {"subject_id": run_id, "after": at, "until": min(at + A_PAGE, telling.published_seq)}
        events, links = rooms.store.move_all(workspace_id, [("events_published", page), ("links_published", page)])
        of_page = [OutboxEvent(workspace_id, run_id, row.seq, row.kind, row.created_at, row.payload) for row in events]
        found = _break_in(range(at + 1, page["until"] + 1), of_page, {row.seq: row.hash for row in links}, before)
        if found is not None:
            return found
        before, at = links[-1].hash, page["until"]
    return None if before == telling.chain_head else Break(at, "is not the one that was published last")


def _break_in(seqs: Sequence[int], events: Sequence[OutboxEvent], links: dict[int, str], before: str) -> Break | None:
    """Each event is held against its own hash, and carries that of the one before as it was published."""
    by_seq = {event.seq: event for event in events}
    for seq in seqs:
        if seq not in by_seq:
            return Break(seq, "is missing in the outbox")
        if seq not in links:
            return Break(seq, "has no hash any more")
        (published,) = chained([by_seq[seq]], before)
        if published["hash"] != links[seq]:
            return Break(seq, "was changed after it was published, or its hash was")
        before = links[seq]
    return None

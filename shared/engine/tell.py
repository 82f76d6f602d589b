"""After a commit: asks that the audit and the mirror be told of it. One task for each run and window, not one an event.

What was asked for and lost is found by the sweep: the outbox knows what was written, the telling what was told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from shared.errors import TransientError
from shared.queue.tasks import QueueRoom, Wake
from shared.store.session import Step
from shared.store.sql import queries

log = logging.getLogger(__name__)

RELAY_PATH = "/tasks/relay"
QUEUE_AWAY_S = 30.0
APART = timedelta(milliseconds=50)  # how far the queue's clock may be ahead of the database's

WRITES_EVENTS = "into tiktok_outbox"
OF_NO_RUN = {"create_brief": "id"}
# These do not name the runs that they find. Each of those runs is told of with its next move, or by the sweep.
OF_RUNS_FOUND = frozenset({"go_on_from_gate", "pause_scope", "receive_signal", "wake_parent"})


@cache
def subject_in() -> dict[str, str]:
    """Every statement that writes events of what it names, with the name of the value that says whose these are: the
    run, or where it names none, the workspace."""
    writing = {name: query for name, query in queries().items() if WRITES_EVENTS in query.sql}
    return {
        name: OF_NO_RUN.get(name, "run_id" if "run_id" in query.parameters else "workspace_id")
        for name, query in writing.items()
        if name not in OF_RUNS_FOUND
    }


class TellSoon:
    """Is called after every commit in a workspace, and asks the queue for a telling where events were written.

    A queue that does not answer is left alone for a while: no step waits for it again and again, and the sweep tells.
    """

    def __init__(self, queue: QueueRoom, window_s: float, *, away_s: float = QUEUE_AWAY_S) -> None:
        self._queue, self._window_s, self._away_s = queue, window_s, away_s
        self._asks_from = 0.0  # monotonic

    def __call__(self, workspace_id: UUID, steps: Sequence[Step]) -> None:
        named_by = subject_in()
        subjects = {values[named_by[name]] for name, values in steps if name in named_by}
        subjects.discard(None)  # runs of a scope, which the statement finds itself
        if not subjects or time.monotonic() < self._asks_from:
            return
        wakes = [_relay(workspace_id, one, ("window",), window_s=self._window_s) for one in subjects]
        if not _ask(self._queue, wakes):
            self._asks_from = time.monotonic() + self._away_s


def tell_at(queue: QueueRoom, workspace_id: UUID, subject_id: UUID, *, claims: int, due: datetime) -> None:
    """Asks for the next telling of a subject at this time of the database: it cannot be told of before."""
    parts = ("after", claims, round(due.timestamp() * 1000))
    _ask(queue, [_relay(workspace_id, subject_id, parts, due=due + APART)])


def tell_late(queue: QueueRoom, found: Iterable[tuple[UUID, UUID, int]]) -> None:
    """What the sweep has found: workspace, subject, and the generation that makes the task's name new."""
    _ask(queue, [_relay(workspace, subject, ("sweep", generation)) for workspace, subject, generation in found])


def _relay(
    workspace_id: UUID,
    subject_id: UUID,
    parts: tuple[str | int, ...],
    *,
    due: datetime | None = None,
    window_s: float | None = None,
) -> Wake:
    body = {"workspace_id": str(workspace_id), "subject_id": str(subject_id)}
    return Wake(RELAY_PATH, body, ("relay", str(subject_id), *parts), due=due, window_s=window_s)


def _ask(queue: QueueRoom, wakes: Sequence[Wake]) -> bool:
    """False if the queue did not take it."""
    try:
        queue.wake_many(wakes)
    except TransientError as busy:
        log.warning("tell.queue_busy: %d tellings are left to the sweep (%s)", len(wakes), busy)
        return False
    return True

"""Waits for a run to end without asking over and over: one `listen` per process, open only while somebody waits."""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from pg8000.exceptions import DatabaseError

from shared.errors import StoreBusyError
from shared.store.connection import IDLE_S, LOST, Pool
from shared.store.sql import queries
from shared.store.wire import WireConnection

log = logging.getLogger(__name__)

LINGER_S = 10.0  # how long the connection stays after the last waiter left


class RunEnds:
    """Hears `run_ended`. A notice only wakes: who is woken reads the run again, inside its own workspace."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[UUID, list[threading.Event]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._listens = threading.Event()
        self._closed = threading.Event()

    def close(self) -> None:
        """Wakes whoever waits, ends the listener and closes its connection."""
        self._closed.set()
        self._wake_all()
        if self._thread is not None:
            self._thread.join(5)
        self._pool.close()

    @contextmanager
    def waiting(self, run_id: UUID) -> Iterator[threading.Event]:
        """An event that is set when the run ends. Look at the run after entering: it may have ended before."""
        event = threading.Event()
        with self._lock:
            self._waiting.setdefault(run_id, []).append(event)
            if self._thread is None or not self._thread.is_alive():
                self._listens.clear()
                self._thread = threading.Thread(target=self._listen, name="run-ends", daemon=True)
                self._thread.start()
        self._listens.wait(5)
        try:
            yield event
        finally:
            with self._lock:
                self._waiting[run_id].remove(event)
                if not self._waiting[run_id]:
                    del self._waiting[run_id]

    def _listen(self) -> None:
        try:
            with self._pool.connection() as connection:
                connection.exchange([queries()["listen_for_run_ends"].with_values({})])
                self._listens.set()
                self._hear(connection)
                connection.exchange([queries()["stop_listening"].with_values({})])
        except (StoreBusyError, DatabaseError, *LOST) as lost:
            log.warning("notices.lost: %s; whoever waits looks for itself", lost)
        finally:
            self._listens.set()
            self._wake_all()

    def _hear(self, connection: WireConnection) -> None:
        idle_since = asked_at = time.monotonic()
        while time.monotonic() - idle_since < LINGER_S and not self._closed.is_set():
            readable, _, _ = select.select([connection.socket], [], [], 1.0)
            if readable:
                connection.read_arrived()
            elif time.monotonic() - asked_at > IDLE_S:
                connection.ping()  # says that we are still there
                asked_at = time.monotonic()
            for payload in connection.take_notices():
                self._wake(UUID(payload))
            with self._lock:
                if self._waiting:
                    idle_since = time.monotonic()

    def _wake(self, run_id: UUID) -> None:
        with self._lock:
            for event in self._waiting.get(run_id, []):
                event.set()

    def _wake_all(self) -> None:
        with self._lock:
            for events in self._waiting.values():
                for event in events:
                    event.set()

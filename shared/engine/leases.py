"""Keeps the leases of the steps this process works on, so that a step may take longer than one lease."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from shared.engine.rooms import Rooms
from shared.errors import EngineError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    workspace_id: UUID
    step_id: UUID
    attempt: int


class LeaseKeeper:
    """One thread a process, started with the first lease. It renews every held lease three times a lease's length."""

    def __init__(self) -> None:
        self._held: dict[Lease, Rooms] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, rooms: Rooms, lease: Lease) -> Iterator[None]:
        with self._changed:
            self._held[lease] = rooms
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._held.pop(lease, None)

    def _keep(self) -> None:
        while True:
            with self._changed:
                pause = min((rooms.settings.step_lease_s for rooms in self._held.values()), default=30.0) / 3
                self._changed.wait(pause)
                held = dict(self._held)
            for lease, rooms in held.items():
                self._renew(lease, rooms)

    def _renew(self, lease: Lease, rooms: Rooms) -> None:
        try:
            kept = rooms.store.move(
                lease.workspace_id,
                "renew_lease",
                step_id=lease.step_id,
                attempt=lease.attempt,
                lease_s=rooms.settings.step_lease_s,
            )
        except EngineError as failed:
            log.warning("lease.renew_failed: step %s (%s)", lease.step_id, failed.code)
            return
        if not kept:
            with self._changed:
                self._held.pop(lease, None)


KEEPER = LeaseKeeper()

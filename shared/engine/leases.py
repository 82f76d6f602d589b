"""Keeps the leases of the steps and effects this process works on, so that they may take longer than one lease; and
tells a step at work that its run was cancelled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from shared.engine.rooms import Rooms
from shared.errors import EngineError

log = logging.getLogger(__name__)

LOOK_S = 0.75  # how often a step at work is looked at, so that it ends within two seconds of a cancel
IDLE_S = 30.0  # how long the thread stays without a step to look at


@dataclass(frozen=True, slots=True)
class Lease:
    """Of a step, or of what `keep` names: the statement that renews it."""

    workspace_id: UUID
    id: UUID
    attempt: int
    keep: str = "keep_lease"


@dataclass(slots=True)
class _Held:
    """A lease, and how to stop the work under it. `look_at` is on this process's own monotonic clock."""

    lease: Lease
    rooms: Rooms
    stop: Callable[[], None]
    look_at: float

    @property
    def pause_s(self) -> float:
        return min(LOOK_S, self.rooms.settings.step_lease_s / 3)


class LeaseKeeper:
    """One thread a process, started with the first lease. A step that is done within a second is never looked at."""

    def __init__(self) -> None:
        self._held: dict[Lease, _Held] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, rooms: Rooms, lease: Lease, stop: Callable[[], None]) -> Iterator[None]:
        """Keeps the lease for as long as the block lasts. `stop` is called on another thread if the run is cancelled,
        until the block ends."""
        held = _Held(lease, rooms, stop, 0.0)
        held.look_at = time.monotonic() + held.pause_s
        with self._changed:
            self._held[lease] = held
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._held.pop(lease, None)

    def _keep(self) -> None:
        idle_since = time.monotonic()
        while True:
            with self._changed:
                now = time.monotonic()
                if self._held:
                    idle_since = now
                elif now - idle_since > IDLE_S:
                    self._thread = None
                    return
                self._changed.wait(min((held.pause_s for held in self._held.values()), default=LOOK_S) / 2)
                now = time.monotonic()
                due = [held for held in self._held.values() if held.look_at <= now]
            for held in due:
                self._look(held)

    def _look(self, held: _Held) -> None:
        lease = held.lease
        try:
            ours = held.rooms.store.move(
                lease.workspace_id,
                lease.keep,
                id=lease.id,
                attempt=lease.attempt,
                lease_s=held.rooms.settings.step_lease_s,
            )
        except EngineError as failed:
            log.warning("lease.renew_failed: %s (%s)", lease.id, failed.code)
            return
        finally:
            held.look_at = time.monotonic() + held.pause_s
        if not ours:
            with self._changed:
                self._held.pop(lease, None)
        elif ours[0].is_cancelled:
            held.stop()


KEEPER = LeaseKeeper()

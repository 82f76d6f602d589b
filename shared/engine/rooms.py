"""The outside world, made in one place and handed in: settings, the database, the queue."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from shared.config import Settings, current_settings
from shared.queue.tasks import QueueRoom, StepQueue
from shared.store.session import Store, current_store


@dataclass(frozen=True, slots=True)
class Rooms:
    settings: Settings
    store: Store
    queue: QueueRoom


_lock = threading.Lock()
_made: list[Rooms] = []


def current_rooms() -> Rooms:
    """This process's rooms, made at the first request: what is made at import does not survive the server's fork."""
    settings = current_settings()
    with _lock:
        if not _made or _made[0].settings is not settings:
            _made[:] = [Rooms(settings=settings, store=current_store(), queue=StepQueue(settings))]
        return _made[0]

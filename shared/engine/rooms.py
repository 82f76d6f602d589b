"""The outside world, made in one place and handed in: settings, the database, the queue, the audit and the mirror."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from shared.audit.topic import AuditRoom, AuditTopic
from shared.config import Settings, current_settings
from shared.engine.tell import TellSoon
from shared.mirror.mirror import Mirror, MirrorRoom
from shared.queue.tasks import QueueRoom, StepQueue
from shared.store.session import Store, current_store


@dataclass(frozen=True, slots=True)
class Rooms:
    """`audit` and `mirror` are None where they are off: then nothing is told, and no task is made for it."""

    settings: Settings
    store: Store
    queue: QueueRoom
    audit: AuditRoom | None = None
    mirror: MirrorRoom | None = None


_lock = threading.Lock()
_made: list[Rooms] = []


def furnished(settings: Settings, store: Store, queue: QueueRoom) -> Rooms:
    """The rooms as the settings want them. Where the audit or the mirror is on, every commit asks to be told of."""
    audit = AuditTopic(settings) if settings.is_audit_on else None
    mirror = Mirror(settings) if settings.is_mirror_on else None
    if audit or mirror:
        store.after_moves = TellSoon(queue, settings.relay_window_s)
    return Rooms(settings, store, queue, audit, mirror)


def current_rooms() -> Rooms:
    """This process's rooms, made at the first request: what is made at import does not survive the server's fork."""
    settings = current_settings()
    with _lock:
        if not _made or _made[0].settings is not settings:
            _made[:] = [furnished(settings, current_store(), StepQueue(settings))]
        return _made[0]

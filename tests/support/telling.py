"""Instruments of what is told: an audit and a mirror that keep everything, and do not take it when the test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.engine.rooms import Rooms
from shared.engine.tell import RELAY_PATH, TellSoon
from shared.errors import ProviderDownError
from shared.mirror.documents import Document
from shared.queue.tasks import Wake
from shared.store.session import Store
from tests.support.queues import HeldQueue


class Death(BaseException):
    """Stands for a process that ends here: nothing of the engine catches it."""


class KeptAudit:
    """Keeps every delivery. `meanwhile` is called with each batch after it was taken, and may raise."""

    def __init__(self) -> None:
        self.deliveries: list[JsonObject] = []
        self.refusals = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def publish(self, events: Sequence[JsonObject]) -> list[str]:
        if self.refusals:
            self.refusals -= 1
            raise ProviderDownError("the topic does not answer")
        self.deliveries += events
        self.meanwhile()
        return [event["event_id"] for event in events]

    def of(self, subject: UUID) -> list[JsonObject]:
        return [event for event in self.deliveries if event["subject_id"] == str(subject)]

    def view(self, subject: UUID) -> list[JsonObject]:
        """Without duplicates, in order: what the table's view shows."""
        found = {event["event_id"]: event for event in self.of(subject)}
        return sorted(found.values(), key=lambda event: int(event["seq"]))


class KeptMirror:
    """Keeps the newest version of each document, and how often each was written."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.versions: dict[str, list[int]] = {}
        self.refusals = 0

    def write(self, documents: Sequence[Document]) -> int:
        if self.refusals:
            self.refusals -= 1
            raise ProviderDownError("the mirror does not answer")
        newer = [one for one in documents if self.version(one.path) < one.version]
        for one in newer:
            self.documents[one.path] = one
            self.versions.setdefault(one.path, []).append(one.version)
        return len(newer)

    def version(self, path: str) -> int:
        return self.documents[path].version if path in self.documents else -1

    def fields(self, path: str) -> JsonObject:
        return self.documents[path].fields


def told_rooms(settings: Settings, queue: HeldQueue, audit: Any = None, mirror: Any = None, **more: object) -> Rooms:
    """Rooms in which every commit is told of, with a store of their own. Close that."""
    own = settings.model_copy(update={"relay_window_s": 0.01, **more})
    store = Store(own)
    store.after_moves = TellSoon(queue, own.relay_window_s)
    return Rooms(own, store, queue, audit, mirror)


def relays(queue: HeldQueue) -> list[Wake]:
    return [wake for wake in queue.held if wake.url_path == RELAY_PATH]

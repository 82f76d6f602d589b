"""The topic that audit events go to: Pub/Sub, through the library's generated client. Its answer is waited for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.google_api.calls import told, transport_to

MOST_MESSAGES = 1000  # of one request, by Pub/Sub's limits
MOST_BYTES = 8_000_000  # of one request: below Pub/Sub's 10 MB


class AuditRoom(Protocol):
    """What the engine needs of the audit."""

    def publish(self, events: Sequence[JsonObject]) -> list[str]: ...


class AuditTopic:
    """The audit in Pub/Sub. Safe for threads; nothing is opened before the first event."""

    def __init__(self, settings: Settings, *, patience_s: float = 10.0) -> None:
        """`patience_s`: how long one request may take."""
        self._settings, self._patience_s = settings, patience_s
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def path(self) -> str:
        return f"projects/{self._settings.audit_project}/topics/{self._settings.audit_topic}"

    def publish(self, events: Sequence[JsonObject]) -> list[str]:
        """Sends the events in this order, and returns their message ids: what has an id is acknowledged.

        One subject's events are ordered by their key. ProviderDownError, ProviderRefusedError: not all were
        acknowledged; those that were are sent again with the next try, which the table's view takes for one.
        """
        from google.api_core.exceptions import GoogleAPICallError

        client, found = self._opened(), []
        for group in _groups(events):
            request = {"topic": self.path, "messages": group}
            try:
                answer = client.publish(request=request, retry=None, timeout=self._patience_s)
            except GoogleAPICallError as failed:
                raise told(f"topic {self.path} took no events", failed) from failed
            found += answer.message_ids
        return found

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                from google.pubsub_v1.services.publisher import PublisherClient
                from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

                transport = transport_to(PublisherGrpcTransport, self._settings.pubsub_emulator_host)
                self._client = PublisherClient(transport=transport)
            return self._client

    def close(self) -> None:
        """Closes the channel. The next event opens another."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.transport.close()


def _groups(events: Sequence[JsonObject]) -> Iterator[list[dict[str, Any]]]:
    """The events as messages, in requests that Pub/Sub takes."""
    group: list[dict[str, Any]] = []
    size = 0
    for event in events:
        data = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        if group and (size + len(data) > MOST_BYTES or len(group) == MOST_MESSAGES):
            yield group
            group, size = [], 0
        group.append({"data": data, "ordering_key": event["subject_id"], "attributes": {"kind": event["kind"]}})
        size += len(data)
    if group:
        yield group

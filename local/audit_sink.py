"""This machine's BigQuery: a subscription of the audit topic whose events are appended to a file of JSON lines.

python -m local.audit_sink --folder .army/audit

As the real subscription does: an event that does not fit the table is not stored, a lost acknowledgement stores an
event twice, and the columns of the delivery stand beside the event.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from shared.audit.table import misfits
from shared.audit.topic import AuditTopic
from shared.config import Settings, current_settings
from shared.google_api.calls import code_of, transport_to

EVENTS, REFUSED, READY = "events.jsonl", "refused.jsonl", "ready"
AT_ONCE = 500
LOOK_S = 5.0  # how long one look waits for events
PAUSE_S = 0.2


class AuditSink:
    """The topic, a subscription of it, and the file. Makes what is missing, again and again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        from google.pubsub_v1 import SubscriberClient
        from google.pubsub_v1.services.publisher import PublisherClient
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
        from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

        host = settings.pubsub_emulator_host
        self._publisher = PublisherClient(transport=transport_to(PublisherGrpcTransport, host))
        self._subscriber = SubscriberClient(transport=transport_to(SubscriberGrpcTransport, host))
        self._topic = AuditTopic(settings).path
        self._name = f"projects/{settings.audit_project}/subscriptions/{settings.audit_topic}.local"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Goes on until the process ends."""
        from google.api_core.exceptions import GoogleAPICallError

        is_made = False
        while True:
            try:
                if not is_made:
                    self._make()
                    is_made = True
                    (self._folder / READY).touch()
                self.take()
            except GoogleAPICallError as failed:
                is_made = is_made and code_of(failed) != "NOT_FOUND"
                if code_of(failed) != "DEADLINE_EXCEEDED":
                    time.sleep(PAUSE_S)

    def _make(self) -> None:
        from google.api_core.exceptions import AlreadyExists

        subscription = {"name": self._name, "topic": self._topic, "enable_message_ordering": True}
        for make, request in (
            (self._publisher.create_topic, {"name": self._topic}),
            (self._subscriber.create_subscription, subscription),
        ):
            with suppress(AlreadyExists):
                make(request=request, retry=None, timeout=LOOK_S)

    def take(self) -> int:
        """Stores what is there, then acknowledges it; how many events that were."""
        asked = {"subscription": self._name, "max_messages": AT_ONCE}
        received = self._subscriber.pull(request=asked, retry=None, timeout=LOOK_S).received_messages
        if received:
            self._store([one.message for one in received])
            acks = [one.ack_id for one in received]
            self._subscriber.acknowledge(
                request={"subscription": self._name, "ack_ids": acks}, retry=None, timeout=LOOK_S
            )
        return len(received)

    def _store(self, messages: list[Any]) -> None:
        lines: dict[str, list[str]] = {EVENTS: [], REFUSED: []}
        for message in messages:
            event = json.loads(message.data)
            wrong = misfits(event)
            delivery = {"message_id": message.message_id, "publish_time": message.publish_time.isoformat()}
            row = {**event, **delivery, **({"misfits": wrong} if wrong else {})}
            lines[REFUSED if wrong else EVENTS].append(json.dumps(row, ensure_ascii=False) + "\n")
        for name, found in lines.items():
            if found:
                append(self._folder / name, "".join(found))


def append(file: Path, text: str) -> None:
    """Adds whole lines, and returns when they are on the disk."""
    with file.open("a", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def main() -> None:
    parser = argparse.ArgumentParser(prog="local.audit_sink")
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    (folder / READY).unlink(missing_ok=True)
    AuditSink(current_settings(), folder).run()


if __name__ == "__main__":
    main()

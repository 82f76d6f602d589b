"""The audit against the Pub/Sub emulator: acknowledged, in order, and refused as what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.processes import free_port
from shared.audit.topic import AuditTopic
from shared.core.canonical import JsonObject
from shared.errors import ProviderDownError, ProviderRefusedError
from shared.google_api.calls import transport_to
from tests.support.emulators import emulator_settings


def event(seq: int, subject: str = "run-1", **more: Any) -> JsonObject:
    return {"event_id": f"{subject}:{seq}", "subject_id": subject, "seq": seq, "kind": "agent_run.started", **more}


class Subscribed:
    """A topic with a subscription, and what arrives there."""

    def __init__(self, host: str) -> None:
        self.settings = emulator_settings(pubsub_emulator_host=host)
        self.topic = AuditTopic(self.settings, patience_s=60)
        self._name = f"projects/{self.settings.audit_project}/subscriptions/look"
        self.publisher = PublisherClient(transport=transport_to(PublisherGrpcTransport, host))
        self._subscriber = SubscriberClient(transport=transport_to(SubscriberGrpcTransport, host))
        self.publisher.create_topic(request={"name": self.topic.path})
        self._subscriber.create_subscription(
            request={"name": self._name, "topic": self.topic.path, "enable_message_ordering": True}
        )

    def received(self, count: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            answer = self._subscriber.pull(request={"subscription": self._name, "max_messages": 1000}, timeout=20)
            found += [one.message for one in answer.received_messages]
            acks = [one.ack_id for one in answer.received_messages]
            if acks:
                self._subscriber.acknowledge(request={"subscription": self._name, "ack_ids": acks})
        return found

    def close(self) -> None:
        self.topic.close()
        self.publisher.transport.close()
        self._subscriber.transport.close()


@pytest.fixture
def subscribed(pubsub_host: str) -> Iterator[Subscribed]:
    made = Subscribed(pubsub_host)
    yield made
    made.close()


def test_events_arrive_in_order(subscribed: Subscribed) -> None:
    """Each with a message id of its own, as the JSON that was given, ordered by its run."""
    given = [event(seq, note="שלום") for seq in range(1, 151)]

    ids = subscribed.topic.publish(given[:100]) + subscribed.topic.publish(given[100:])

    received = subscribed.received(150)
    assert [json.loads(message.data) for message in received] == given
    assert {message.ordering_key for message in received} == {"run-1"}
    assert len(set(ids)) == 150


def test_more_than_one_request_takes(subscribed: Subscribed) -> None:
    """1,200 events, and events of 6 MB together: in as many requests as Pub/Sub wants."""
    many = subscribed.topic.publish([event(seq) for seq in range(1200)])
    large = subscribed.topic.publish([event(seq, "run-2", text="x" * 3_000_000) for seq in range(4)])

    assert (len(set(many)), len(large)) == (1200, 4)


def test_a_topic_that_is_missing_is_refused(pubsub_host: str) -> None:
    """Said as what it is, with the topic's name: somebody has to make it."""
    topic = AuditTopic(emulator_settings(pubsub_emulator_host=pubsub_host), patience_s=60)

    with pytest.raises(ProviderRefusedError, match=r"topics/audit-event took no events: NOT_FOUND"):
        topic.publish([event(1)])
    topic.close()


def test_nobody_there_is_transient() -> None:
    """Nothing listens: a transient error, after the patience that was asked for."""
    topic = AuditTopic(emulator_settings(pubsub_emulator_host=f"127.0.0.1:{free_port()}"), patience_s=0.3)

    with pytest.raises(ProviderDownError, match="UNAVAILABLE|DEADLINE_EXCEEDED"):
        topic.publish([event(1)])
    topic.close()

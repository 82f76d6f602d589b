"""One event of the outbox as the audit publishes it: a flat JSON object, chained to the one before (A004, B044)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from shared.core.canonical import JsonObject, canonical_json, digest_of, text_digest

FIRST_LINK = "0" * 64  # what the first event of a subject carries for a hash before it
MOST_PAYLOAD_BYTES = 1_000_000  # Pub/Sub takes 10 MB a message and a request
# Columns that are fields of the payload under another name.
NAMES = {"step_key": "key", "actor": "by"}
FROM_PAYLOAD = (
    "brief_id",
    "step_id",
    "step_key",
    "agent_name",
    "agent_run_id",
    "gate_id",
    "effect_id",
    "actor",
    "status",
)


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A row of the outbox. `payload` is Postgres's own text of the jsonb: the same at every reading."""

    workspace_id: UUID
    subject_id: UUID
    seq: int
    kind: str
    at: datetime
    payload: str


def chained(events: Iterable[OutboxEvent], head: str | None) -> list[JsonObject]:
    """The events as they are published. `head`: the hash of the one before the first; None: there is none."""
    found: list[JsonObject] = []
    before = head or FIRST_LINK
    for event in events:
        published = {**audit_event(event), "prev_hash": before}
        before = published["hash"] = link_of(published)
        found.append(published)
    return found


def link_of(published: JsonObject) -> str:
    """The hash of a published event: of all its fields but the hash itself."""
    return digest_of({name: value for name, value in published.items() if name != "hash"})


def audit_event(event: OutboxEvent) -> JsonObject:
    """The event as one flat object that fits the table, without its chain. What it does not have is left out."""
    given = json.loads(event.payload, parse_float=Decimal)
    subject = str(event.subject_id)
    return {
        "event_id": f"{subject}:{event.seq}",
        "workspace_id": str(event.workspace_id),
        "subject_id": subject,
        "seq": event.seq,
        "kind": event.kind,
        "occurred_at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        **({"run_id": subject} if is_of_run(event) else {}),
        **_columns(given),
        "payload": _bounded(event.payload),
    }


def is_of_run(event: OutboxEvent) -> bool:
    """False for the events of a brief and of a workspace: what they are counted by is no run."""
    return event.subject_id != event.workspace_id and not event.kind.startswith("brief.")


def _columns(given: JsonObject) -> JsonObject:
    texts = {name: given.get(NAMES.get(name, name)) for name in FROM_PAYLOAD}
    found: JsonObject = {name: str(value) for name, value in texts.items() if value is not None}
    if type(given.get("attempt")) is int:
        found["attempt"] = given["attempt"]
    if type(given.get("cost_usd")) in (int, Decimal):
        found["cost_usd"] = format(Decimal(given["cost_usd"]), "f")  # text, which BigQuery reads exactly
    return found


def _bounded(payload: str) -> str:
    """The payload, or what stands for one that is too large for a message: its size and its digest."""
    size = len(payload.encode())
    if size <= MOST_PAYLOAD_BYTES:
        return payload
    return canonical_json({"left_out_bytes": size, "sha256": text_digest(payload)})

"""Every event of the outbox, as the audit publishes it, fits the one table."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.audit.event import FIRST_LINK, MOST_PAYLOAD_BYTES, OutboxEvent, audit_event, chained, link_of
from shared.audit.table import WRITTEN_BY_SUBSCRIPTION, columns, misfits
from shared.core.events import EventKind

AT = datetime(2026, 11, 21, 9, 30, 0, 5, UTC)
STEP = {
    "step_id": str(uuid4()),
    "key": "audience",
    "label": "Audience",
    "agent_name": "audience_mapper",
    "status": "succeeded",
    "attempt": 2,
    "agent_run_id": str(uuid4()),
    "cost_usd": 0.00012345,
    "latency_ms": 812,
}
GATE = {"gate_id": str(uuid4()), "step_id": str(uuid4()), "title": "t", "by": "ada", "amount_usd": 12.5, "digest": "d"}
EFFECT = {"effect_id": str(uuid4()), "key": "post-1", "effect_kind": "publish_video", "title": "t", "status": "done"}
OF_RUN = {"status": "succeeded", "total_cost_usd": 0.5}
# By the first word of the kind: the fields that such events carry; of any other word, those of a step.
PAYLOADS: dict[str, dict[str, Any]] = {
    "brief": {"brief_id": str(uuid4()), "outcome": "profile_audit", "handle": "@x"},
    "workflow_run": OF_RUN,
    "workflow_step": STEP,
    "agent_run": STEP,
    "gate": GATE,
    "effect": EFFECT,
    "effects": {"by": "ada", "reason": "legal"},
    "caps": {"by": "ada", "asked": "set a cap", "refused_as": "forbidden"},
    "tiktok": {"post_id": "1", "url": "https://x", "privacy": None},
}


def event(kind: str = "agent_run.started", payload: Any = None) -> OutboxEvent:
    text = json.dumps(STEP if payload is None else payload, ensure_ascii=False)
    return OutboxEvent(uuid4(), uuid4(), 1, kind, AT, text)


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_fits_the_table(kind: EventKind) -> None:
    """A kind that the table would refuse, or one that is forgotten here, fails."""
    (published,) = chained([event(kind, PAYLOADS.get(kind.partition(".")[0], STEP))], None)

    assert misfits(published) == []
    assert published["kind"] == kind.value


def test_only_a_run_is_named_as_one() -> None:
    """What a brief's or a workspace's events are counted by is no run."""
    own = uuid4()
    of_workspace = OutboxEvent(own, own, 1, "effects.held", AT, "{}")

    given = (event("workflow_run.started"), event("brief.created"), of_workspace)

    assert ["run_id" in audit_event(one) for one in given] == [True, False, False]


def test_columns_are_taken_from_the_payload() -> None:
    """What one asks for in a table is a column; the whole payload is there too, to the letter."""
    found = audit_event(event(payload=STEP))

    assert (found["step_key"], found["attempt"], found["cost_usd"]) == ("audience", 2, "0.00012345")
    assert found["occurred_at"] == "2026-11-21T09:30:00.000005+00:00"
    assert json.loads(found["payload"]) == STEP


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"cost_usd": None, "attempt": None, "by": None},
        {"attempt": "many", "cost_usd": "much"},
        {"attempt": True, "cost_usd": [1]},
        {"step_id": 7, "status": {"a": 1}},
        {"by": "\u202eשלום \\u0000", "note": "💸" * 1000},
        {"cost_usd": 1e-8},
        {"cost_usd": 123456789.12345678},
    ],
)
def test_odd_payloads_fit_too(payload: dict[str, Any]) -> None:
    """Fields that are missing, null, or of another type than usual never make an event that the table refuses."""
    assert [problem for one in chained([event(payload=payload)], None) for problem in misfits(one)] == []


def test_a_payload_too_large_is_named_not_sent() -> None:
    """More than a message takes: its size and its digest stand for it, and the columns are there."""
    found = audit_event(event(payload={**STEP, "proposal": "ü" * MOST_PAYLOAD_BYTES}))

    assert json.loads(found["payload"])["left_out_bytes"] > MOST_PAYLOAD_BYTES
    assert found["step_key"] == "audience" and len(json.dumps(found)) < 2000


def test_each_event_carries_the_one_before() -> None:
    """A batch is one chain, and the next batch goes on from its head."""
    run = uuid4()
    workspace = uuid4()
    events = [OutboxEvent(workspace, run, seq, "agent_run.started", AT, "{}") for seq in range(1, 7)]

    first = chained(events[:3], None)
    second = chained(events[3:], first[-1]["hash"])

    assert first[0]["prev_hash"] == FIRST_LINK
    whole = [*first, *second]
    assert [one["prev_hash"] for one in whole[1:]] == [one["hash"] for one in whole[:-1]]
    assert whole == chained(events, None)


def test_a_change_breaks_the_link() -> None:
    """Whatever is changed in a published event, its hash does not fit any more."""
    (published,) = chained([event()], None)

    assert link_of(published) == published["hash"]
    for name in published.keys() - {"hash"}:
        assert link_of({**published, name: "changed"}) != published["hash"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seq": None}, "seq: is missing"),
        ({"seq": "1"}, "seq: is no INTEGER"),
        ({"seq": True}, "seq: is no INTEGER"),
        ({"seq": 2**63}, "seq: is no INTEGER"),
        ({"surprise": 1}, "surprise: is no column"),
        ({"message_id": "1"}, "message_id: is no column"),
        ({"occurred_at": "2026-11-21T09:30:00"}, "occurred_at: is no TIMESTAMP"),
        ({"occurred_at": "noon"}, "occurred_at: is no TIMESTAMP"),
        ({"cost_usd": "0.1234567891"}, "cost_usd: is no NUMERIC"),
        ({"cost_usd": "NaN"}, "cost_usd: is no NUMERIC"),
        ({"cost_usd": "x"}, "cost_usd: is no NUMERIC"),
        ({"kind": "\ud800"}, "kind: is no STRING"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], told: str) -> None:
    """What BigQuery would refuse, and for which column."""
    (published,) = chained([event()], None)

    assert misfits({**published, **change}) == [told]


def test_the_table_is_one_bigquery_takes() -> None:
    """Types and modes of BigQuery, names that are unique, and the columns that its subscription writes."""
    found = columns()

    assert {column["type"] for column in found.values()} <= {"STRING", "INTEGER", "NUMERIC", "TIMESTAMP"}
    assert {column["mode"] for column in found.values()} == {"REQUIRED", "NULLABLE"}
    assert found.keys() >= WRITTEN_BY_SUBSCRIPTION
    assert all(found[name]["mode"] == "NULLABLE" for name in WRITTEN_BY_SUBSCRIPTION)

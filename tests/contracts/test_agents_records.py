"""What agents write, in a real database: newest readings win, alerts are raised once, tenants stay apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.agents.records import STORED, Brand
from shared.core.canonical import canonical_json
from shared.engine.brands import add_brand
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.store.connection import ConstraintError
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.queues import HeldQueue
from tests.support.runs import started, steps_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def account(as_of: datetime = NOW, **fields: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(("nickname", "followers", "following", "likes_received", "posts_total", "verified"))
    return {"handle": "aster", "source": "mock", "as_of": as_of, **unknown, **fields}


def alert(key: str, **fields: Any) -> dict[str, Any]:
    given = {"run_id": None, "agent_run_id": None, "agent_name": "compliance", "kind": "compliance", "severity": "high"}
    evidence = canonical_json({"quote": "cures acne ✨"})
    return {**given, "title": "t", "evidence": evidence, "dedupe_key": key, **fields}


def metrics(score: int) -> dict[str, Any]:
    figures = canonical_json({"overall_score": score})
    return {"account_handle": "aster", "as_of": NOW, "agent_run_id": None, "values": figures}


@pytest.mark.usefixtures("store")
def test_an_older_reading_changes_nothing(workspace: UUID) -> None:
    """A newer reading replaces what is kept; an older one, arriving late, writes nothing."""
    first = STORED.write(workspace, "upsert_account", account(followers=10))
    newer = STORED.write(workspace, "upsert_account", account(NOW + timedelta(days=1), followers=None))
    late = STORED.write(workspace, "upsert_account", account(NOW - timedelta(days=1), followers=5))

    assert first[0].id == newer[0].id
    assert late == []


@pytest.mark.usefixtures("store")
def test_one_snapshot_for_each_time_of_data(workspace: UUID) -> None:
    """The same data measured again replaces its snapshot."""
    first, again = (STORED.write(workspace, "insert_metrics", metrics(score)) for score in (80, 81))

    assert first[0].id == again[0].id


@pytest.mark.usefixtures("store")
def test_an_alert_is_raised_once(workspace: UUID) -> None:
    """A key raises one alert in a workspace; in another workspace it is free."""
    raised = [len(STORED.write(workspace, "insert_alert", alert("k1"))) for _ in range(2)]

    assert raised == [1, 0]
    assert len(STORED.write(uuid4(), "insert_alert", alert("k1"))) == 1


@pytest.mark.usefixtures("store")
def test_severities_are_three(workspace: UUID) -> None:
    """The table takes no severity but low, medium and high."""
    with pytest.raises(ConstraintError, match="severity"):
        STORED.write(workspace, "insert_alert", alert("k2", severity="grave"))


def test_brands_stay_in_their_workspace(rooms: Rooms, workspace: UUID) -> None:
    """A brand is read with its terms by its own workspace, and by no other."""
    brand = Brand(name="Laku", voice="Calm.", banned_terms=('a "b", {c}', "flawless"))
    brand_id = add_brand(brand, Caller(workspace, "ada"), rooms).brand_id

    assert STORED.load_brand(workspace, brand_id) == brand
    assert STORED.load_brand(uuid4(), brand_id) is None


def test_an_audit_through_the_engine(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A whole Profile Audit on a real database: rows kept, two alerts that name their agent runs, and a report."""
    brief = {"handle": "@competitor_cosmetics", "target_type": "third_party", "notes": None}
    run = started(PROFILE_AUDIT, workspace, rooms, brief=brief)
    outcomes = queue.deliver_all(rooms)
    read = read_run(workspace, run.run_id, rooms)

    assert outcomes == ["succeeded"] * 7
    assert (read["status"], "Written by a mock model" in read["report_md"]) == ("succeeded", True)
    steps = steps_of(run.run_id, workspace, rooms)
    for name in ("shadowban_sentinel", "compliance"):
        key = steps[name]["output_jsonb"]["alert_key"]
        assert STORED.write(workspace, "insert_alert", alert(key)) == []

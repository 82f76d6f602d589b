"""A Profile Audit through the engine: with mock data, with files, with little data, and twice."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.config import Settings, use_settings
from shared.core.canonical import JsonObject
from shared.engine.read_run import read_agent_run, read_agent_runs, read_run
from shared.engine.rooms import Rooms
from shared.store.session import current_store
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.queues import HeldQueue
from tests.support.runs import started

PASSING = ("id", "agent_run_id", "step_id", "started_at", "completed_at", "latency_ms", "queued_at", "reused_from")
NEWEST = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)


def audited(handle: str, workspace: UUID, rooms: Rooms, queue: HeldQueue, **brief: Any) -> JsonObject:
    run = started(PROFILE_AUDIT, workspace, rooms, brief={"handle": handle, "target_type": "third_party", **brief})
    queue.deliver_all(rooms)
    found = read_run(workspace, run.run_id, rooms)
    assert found["status"] == "succeeded", found["error_message"]
    return found


def trace_of(run: JsonObject, workspace: UUID, rooms: Rooms) -> list[Any]:
    """Every call of every step, without ids and times; the latency of a mock answer is part of the trace."""
    rows = []
    for attempt in read_agent_runs(workspace, UUID(run["id"]), rooms):
        for call in read_agent_run(workspace, UUID(attempt["id"]), 1000, 0, rooms)["steps"]:
            kept = {name: value for name, value in call.items() if name not in PASSING}
            if call["kind"] == "llm_call":
                kept["latency_ms"] = call["latency_ms"]
            rows.append((attempt["key"], kept))
    return rows


@pytest.mark.parametrize("handle", ["lakucosmetics", "competitor_cosmetics", "somebody_else"])
def test_twice_is_the_same(rooms: Rooms, queue: HeldQueue, workspace: UUID, handle: str) -> None:
    """Two runs of one brief in mock mode: the same trace and the same report, ids and times aside."""
    one = audited(handle, workspace, rooms, queue)
    two = audited(handle, workspace, rooms, queue)

    assert trace_of(one, workspace, rooms) == trace_of(two, workspace, rooms)
    assert one["report_md"] == two["report_md"]
    assert one["total_cost_usd"] == two["total_cost_usd"]


def test_every_call_is_traced_whole(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Model calls with prompts, answer, tokens and cost; provider calls with request and response; writes."""
    run = audited("competitor_cosmetics", workspace, rooms, queue)

    calls = [call for _, call in trace_of(run, workspace, rooms)]

    assert {call["kind"] for call in calls} == {"llm_call", "provider_call", "db_write"}
    for call in calls:
        assert call["outcome"] == "paid"
        if call["kind"] == "llm_call":
            assert call["system_prompt"] and call["user_prompt"] and call["response_text"] and call["model"]
            assert call["output_tokens"] > 0
            assert call["input_tokens"] + call["cache_read_tokens"] + call["cache_write_tokens"] > 0
            assert 80 <= call["latency_ms"] <= 600
        else:
            assert call["input_jsonb"] is not None and call["output_jsonb"] is not None
    spent = sum(int(call["cost_usd"].replace(".", "")) for call in calls)
    assert spent == int(run["total_cost_usd"].replace(".", "")) > 0


def test_the_report_says_that_a_mock_wrote_it(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nobody may take a mock's words for a model's, or mock data for an account's."""
    report = audited("lakucosmetics", workspace, rooms, queue)["report_md"]

    assert "Written by a mock model" in report
    assert "it describes no real account" in report


@pytest.fixture
def exports(rooms: Rooms, tmp_path: Path) -> Iterator[tuple[Rooms, Path]]:
    """Rooms whose datasets live in a folder of the test."""
    settings: Settings = rooms.settings.model_copy(update={"tiktok_dataset": tmp_path})
    use_settings(settings)
    yield Rooms(settings=settings, store=rooms.store, queue=rooms.queue), tmp_path
    use_settings(rooms.settings)
    current_store()


def written(folder: Path, rows: list[dict[str, Any]]) -> str:
    with (folder / "export.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return "export.csv"


def video(number: int, handle: str, days_ago: float, views: int | str, likes: int = 50) -> dict[str, Any]:
    return {
        "id": f"{handle}{number}",
        "text": f"video {number} #soap #{handle}",
        "createTime": int((NEWEST - timedelta(days=days_ago)).timestamp()),
        "playCount": views,
        "diggCount": likes,
        "commentCount": 5,
        "shareCount": 2,
        "authorMeta.name": handle,
        "authorMeta.fans": 1234,
        "videoMeta.duration": 15,
    }


def test_numbers_of_a_file_can_be_recomputed(exports: tuple[Rooms, Path], queue: HeldQueue, workspace: UUID) -> None:
    """Median views of the last 14 days and of the 30 before, as counted by hand from the rows of the file."""
    rooms, folder = exports
    recent = [video(at, "ada", 3 + at, 400 + at) for at in range(5)]
    before = [video(100 + at, "ada", 16 + at * 2, 1000 + at) for at in range(13)]
    others = [video(1000 + at, f"other{at}", 1, 10) for at in range(300)] + [video(5000, "zoe", 0, 10)]
    name = written(folder, [*recent, *before, *others])

    run = audited("@Ada", workspace, rooms, queue, dataset=name)

    health = next(step for step in run["steps"] if step["key"] == "account_health")["output_jsonb"]
    velocity = next(canary for canary in health["canaries"] if canary["name"] == "view_velocity")
    text = str(velocity)
    assert "402" in text  # the median of 400..404
    assert "1006" in text  # the median of 1000..1012
    assert velocity["state"] == "fires"
    assert health["followers"] == 1234
    assert "export.csv" in run["report_md"]
    assert "2026-10-01" in run["report_md"]


def test_too_little_data_is_said(exports: tuple[Rooms, Path], queue: HeldQueue, workspace: UUID) -> None:
    """An account with one video gets no score, and the report says why; nothing is made up."""
    rooms, folder = exports
    name = written(folder, [video(1, "lone", 40, 100), video(2, "zoe", 0, 10)])

    run = audited("lone", workspace, rooms, queue, dataset=name)

    health = next(step for step in run["steps"] if step["key"] == "account_health")["output_jsonb"]
    assert health["overall_score"] is None
    assert all(score["value"] is None for score in health["scores"].values())
    assert "not enough data" in run["report_md"].lower()


def test_unknown_views_stay_unknown(exports: tuple[Rooms, Path], queue: HeldQueue, workspace: UUID) -> None:
    """A file without view counts: the report does not call them zero."""
    rooms, folder = exports
    rows = [video(at, "ada", at * 2, "") for at in range(25)]

    run = audited("ada", workspace, rooms, queue, dataset=written(folder, rows))

    health = next(step for step in run["steps"] if step["key"] == "account_health")["output_jsonb"]
    velocity = next(canary for canary in health["canaries"] if canary["name"] == "view_velocity")
    assert velocity["state"] == "unknown"
    assert "unknown" in run["report_md"].lower()


def test_what_strangers_wrote_does_not_act_in_the_report(
    exports: tuple[Rooms, Path], queue: HeldQueue, workspace: UUID
) -> None:
    """Captions with HTML, images and links come out as text: nobody places a pixel or a script in a team's report."""
    rooms, folder = exports
    rows = [video(at, "mdx", at * 2 + 3, 1000 + at) for at in range(30)]
    for row in rows:
        row["text"] = (
            "<img src=x onerror=alert(1)> [gift](javascript:alert(1)) ![t](https://evil.example/p.png) \u202eabc"
        )

    report = audited("mdx", workspace, rooms, queue, dataset=written(folder, rows))["report_md"]

    assert "gift" in report
    for live in ("<img", "](", "![", "\u202e"):
        assert live not in report

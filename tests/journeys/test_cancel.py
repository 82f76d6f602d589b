"""A run of the whole stack, cancelled while its models are being asked: the connections close, and nothing is begun."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.drill.until import until
from local.fakes.anthropic import FakeAnthropic
from tests.support.machines import RUNS, Machine

SLOW = "timeout:20"
CALLS = 4
LONGEST_S = 2.0
COMMITS_WITHIN = timedelta(seconds=0.3)
ESTABLISHED = "01"
BRIEF = {"workflow_slug": "profile_audit", "handle": "@lakucosmetics"}


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as started:
        yield started


@pytest.fixture
def machine(fake: FakeAnthropic) -> Iterator[Machine]:
    real = {"CLAUDE_MODE": "real", "ANTHROPIC_API_KEY": "test-key", "ANTHROPIC_BASE_URL": fake.base_url}
    started = Machine(**real)
    try:
        yield started.start()
    finally:
        started.stop()


def open_to(url: str) -> int:
    """How many clients of this machine hold a connection to the address open, by the kernel's own table."""
    port = f"0100007F:{urlsplit(url).port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[2] == port and row[3] == ESTABLISHED)


def test_a_cancel_closes_what_is_under_way(machine: Machine, fake: FakeAnthropic) -> None:
    """Agents wait for a slow model: two seconds after the cancel nothing is open, nothing new was asked, the run has
    ended, and each call that was cut off is in doubt."""
    api = machine.api
    for _ in range(2):  # so that both door processes have loaded what they load at their first call
        machine.run_ended(api.post("/api/dashboard/workflows/run", BRIEF)["workflow_run_id"])
    fake.script("ok", *[SLOW] * 10)
    run_id = api.post("/api/dashboard/workflows/run", BRIEF)["workflow_run_id"]
    until(lambda: fake.desk.at_work == CALLS, what="four calls under way")
    before = open_to(fake.base_url)  # with those that are kept open for the next call

    api.post(f"{RUNS}/{run_id}/cancel", {"reason": "the wrong account"})
    since = time.monotonic()
    until(lambda: open_to(fake.base_url) <= before - CALLS, what="the end of every busy connection")
    until(lambda: api.get(f"{RUNS}/{run_id}")["status"] == "cancelled", what="the end of the run")
    took_s = time.monotonic() - since

    assert took_s < LONGEST_S
    run = api.get(f"{RUNS}/{run_id}")
    assert run["steps_open"] == 0
    calls = [call for call in machine.calls_of(run_id) if call["kind"] == "llm_call"]
    cut_off = [call for call in calls if call["outcome"] == "in_doubt"]
    assert len(cut_off) == len(calls) - 1 == CALLS
    last_allowed = datetime.fromisoformat(run["cancel_requested_at"]) + COMMITS_WITHIN
    assert max(datetime.fromisoformat(call["started_at"]) for call in calls) < last_allowed
    assert {(call["note"], call["cost_known"]) for call in cut_off} == {("cancelled", False)}

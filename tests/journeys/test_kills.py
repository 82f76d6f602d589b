"""Any process may be killed at any moment: the run ends right, with no manual step but starting again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cli.client import Api
from local.drill.until import until
from tests.support.machines import RUNS, Machine

HANDLE = "@lakucosmetics"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    made = Machine().start()
    yield made
    made.stop()


def started(api: Api) -> str:
    run = api.post("/api/dashboard/workflows/run", {"workflow_slug": "profile_audit", "handle": HANDLE})
    return str(run["workflow_run_id"])


def is_under_way(api: Api, run_id: str) -> bool:
    """Some step is done and some step is running."""
    states = {step["status"] for step in api.get(f"{RUNS}/{run_id}")["steps"]}
    return {"running", "succeeded"} <= states


def the_run_is_right(machine: Machine, run: dict[str, Any]) -> None:
    """Every step done, a report, no call paid twice but those in doubt, and no event lost or doubled."""
    assert run["status"] == "succeeded", run["error_message"]
    assert {step["status"] for step in run["steps"]} == {"succeeded"}
    assert run["report_md"]
    calls = [call for call in machine.calls_of(run["id"]) if call["kind"] == "llm_call"]
    paid = Counter((call["key"], call["label"], call["user_prompt"]) for call in calls if call["outcome"] == "paid")
    assert paid
    assert max(paid.values()) == 1
    events = list(machine.api.events(run["stream_url"]))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "workflow_run.completed"
    done = Counter(event["key"] for event in events if event["type"] == "workflow_step.succeeded")
    assert set(done.values()) == {1}


@pytest.mark.parametrize("victim", ["gunicorn", "local.tasks", "postgres -D", "local.signer"])
def test_a_killed_process_is_started_again_and_the_run_goes_on(machine: Machine, victim: str) -> None:
    """SIGKILL for one part in the middle of a run: the stack brings it back, the run finishes."""
    api = machine.api
    run_id = started(api)
    until(lambda: is_under_way(api, run_id), what="a run under way")

    assert machine.kill(victim) >= 1

    the_run_is_right(machine, machine.run_ended(run_id))


def test_a_power_cut_loses_nothing(machine: Machine) -> None:
    """SIGKILL for everything at once, in the middle of three runs; `army up` again, and all of them finish."""
    api = machine.api
    run_ids = [started(api) for _ in range(3)]
    until(lambda: is_under_way(api, run_ids[0]), what="a run under way")

    machine.kill_all()
    machine.start()

    for run_id in run_ids:
        the_run_is_right(machine, machine.run_ended(run_id))

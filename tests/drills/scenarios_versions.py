"""F17 and F18: a storm of cancellations, and new definitions and new code under runs that are under way."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.drill.doors import DoorRefusedError
from local.drill.trial import Trial
from local.drill.world import Layout
from local.stack import Executors
from tests.drills.shapes import chain, mixed

CANCEL_S, CALL_S = 2.0, 3.0
ESTABLISHED = "01"  # in /proc/net/tcp
# A hundred steps at once: two processes with threads to spare, and a queue that lets them all through.
HUNDRED = Layout({"WORKSPACE_STEPS": "110"}, Executors(2, in_flight=120, options=("--threads", "160")))
SLUG = "drill_versions"


def cancel_storm(trial: Trial) -> None:
    """F17. All runs are cancelled at once, in the middle of their model calls."""
    runs = trial.pick(5, 100)
    trial.may_fail = True
    trial.world.vendor.reset(pace_s=CALL_S)
    trial.start(trial.store(chain(1, 1)))
    trial.wait_for_ends()
    run_ids = trial.start(trial.store(chain(2, 40)), runs)
    trial.wait_for(lambda now: now.at_work == runs, seconds=60, what=f"{runs} steps at work")
    before = _open_to(trial.world.vendor.port)
    answers = _cancelled_at_once(trial, run_ids)
    if None in answers:
        trial.left_out = "there is no way to cancel a run yet"
        return
    time.sleep(CANCEL_S)
    asked, after = trial.world.vendor.bill()["requests"], _open_to(trial.world.vendor.port)
    now = trial.wait_for_ends()
    late = trial.world.vendor.bill()["requests"] - asked
    trial.expect(late == 0, f"{late} model calls were begun later than {CANCEL_S:g} s after the cancellation")
    cut_off = sum(call.outcome == "in_doubt" for call in trial.world.look("calls", workspace_id=trial.workspace))
    trial.fired = len(answers)
    trial.injected = f"cancellation of runs at work, {cut_off} in the middle of a model call"
    trial.notes.append(f"connections to the vendor: {before} before, {after} two seconds after the last cancellation")
    trial.expect(cut_off * 2 >= runs, f"only {cut_off} calls were cut off")
    # A call that ended by itself leaves its connection open for the next one; so did the one that went before.
    trial.expect(after <= runs + 1 - cut_off, f"{after} connections of {before} are open after {CANCEL_S:g} s")
    statuses = Counter(row.status for row in trial.world.look("definitions", workspace_id=trial.workspace))
    trial.expect(statuses["cancelled"] == runs and now.succeeded == 1, f"runs ended {dict(statuses)}")


def _open_to(port: int) -> int:
    """How many connections to this port of this machine are open, by the kernel's own table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] == ESTABLISHED for row in rows)


def _cancelled_at_once(trial: Trial, run_ids: list[str]) -> list[bool | None]:
    """Cancels all the runs at once. None: the API knows no such path."""

    def cancel(run_id: str) -> bool | None:
        try:
            trial.doors.post(f"/api/dashboard/workflows/runs/{run_id}/cancel", {})
        except DoorRefusedError as refused:
            if refused.status in (404, 405):
                return None
            raise
        return True

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(cancel, run_ids))


def deploy_in_flight(trial: Trial) -> None:
    """F18. Three versions of one definition, two restarts of the doors; every run ends as it began."""
    runs = trial.pick(2, 34)
    trial.world.vendor.reset(pace_s=0.05)
    pinned: dict[str, str] = {}
    for version in (1, 2, 3):
        trial.store(mixed(SLUG, version))
        for _ in range(runs):
            trial.start(SLUG)
            trial.wait_for(lambda now: now.open_runs < 20, seconds=120, what="room for a run")
        found = trial.world.look("definitions", workspace_id=trial.workspace)
        pinned |= {str(run.id): run.definition_digest for run in found if str(run.id) not in pinned}
        if version < 3:
            under_way = sum(run.status == "running" for run in found)
            trial.expect(under_way > 0, f"no run was under way when version {version + 1} came")
            trial.world.end_doors()
            trial.fired += under_way
    trial.wait_for_ends()
    _check_versions(trial, pinned, runs)
    trial.injected = "runs under way when a new definition and new doors came"


def _check_versions(trial: Trial, pinned: dict[str, str], runs: int) -> None:
    found = trial.world.look("definitions", workspace_id=trial.workspace)
    by_version = Counter(run.version for run in found)
    trial.expect(by_version == {1: runs, 2: runs, 3: runs}, f"runs by version: {dict(by_version)}")
    for run in found:
        extra = sum(key.startswith("extra_") for key in run.keys)
        is_same = run.definition_digest == pinned[str(run.id)] and extra == run.version
        trial.expect(is_same, f"run {run.id} began with {pinned[str(run.id)]}, ended with {run.definition_digest}")

"""F7: fifty executors, and a Postgres with twenty connections."""

from __future__ import annotations

import signal
import time

from local.drill.trial import Answered, Trial
from local.drill.until import until
from local.drill.world import Layout
from local.stack import Executors
from tests.drills.scenarios_platform import expect_shed
from tests.drills.shapes import fan

EXECUTORS, CONNECTIONS, RESERVED = 50, 20, 3
# Each executor is a process that takes one request at a time, as one of Cloud Run with concurrency 1; a request does
# one step.
ONE_EACH = ("--threads", "1", "--worker-connections", "1")
FIFTY = Layout(
    environ={"CONTINUE_WITHIN_S": "0", "WORKSPACE_STEPS": "200"},
    executors=Executors(EXECUTORS, in_flight=EXECUTORS, options=ONE_EACH),
)


def fill_postgres(trial: Trial) -> None:
    """F7. Fifty executors work; then Postgres has 17 connections for them; then it has enough again."""
    seconds = trial.pick(3, 15)
    trial.world.vendor.reset(pace_s=0.05)
    slug = trial.store(fan(16, 1))
    _restart_postgres(trial, "make_room")
    _steps_a_second(trial, slug, 3)  # every executor has loaded what it needs
    before = _steps_a_second(trial, slug, seconds)
    _restart_postgres(trial, "limit_connections")
    began = time.perf_counter()
    while_full = _steps_a_second(trial, slug, seconds * 1.5)
    ended = time.perf_counter()
    _restart_postgres(trial, "make_room")
    after = _steps_a_second(trial, slug, seconds)
    trial.notes.append(f"steps/s: {before:.0f} before, {while_full:.0f} while full, {after:.0f} after")
    trial.expect(while_full > 0, "nothing was done while Postgres was full")
    trial.expect(after >= before / 2, f"{before:.0f} steps/s before, {after:.0f} after: throughput did not return")
    _expect_crowd(trial, [one for one in trial.answers() if began <= one.began <= ended])
    trial.fired = expect_shed(trial)


def _restart_postgres(trial: Trial, limit: str) -> None:
    """At rest: what a restart does to work under way is another drill's."""
    world = trial.world
    world.look(limit)
    world.look("limit_reserved")
    pid = world.stack.postgres.pid
    world.end_postgres(signal.SIGINT)
    until(lambda: world.stack.postgres.pid != pid, what="another Postgres")
    world.look("tenant_tables")


def _steps_a_second(trial: Trial, slug: str, seconds: float) -> float:
    """Keeps runs under way for so long, and then until they end."""
    began, first = time.monotonic(), trial.standing().steps_done
    while time.monotonic() < began + seconds:
        if trial.standing().open_runs < 10:
            trial.start(slug)
    done = trial.wait_for_ends(seconds=240).steps_done
    return float(done - first) / (time.monotonic() - began)


def _expect_crowd(trial: Trial, answers: list[Answered]) -> None:
    """That really all executors wanted a connection, and most of them at the same time."""
    wanted, refused = {one.pid for one in answers}, {one.pid for one in answers if one.outcome == "store_busy"}
    at_once = most_at_once(answers)
    free = CONNECTIONS - RESERVED
    trial.injected = f"{free} connections for {len(wanted)} executors, {at_once} at work at once; deliveries sent back"
    trial.expect(len(wanted) == EXECUTORS, f"only {len(wanted)} executors had a delivery while Postgres was full")
    trial.expect(at_once > CONNECTIONS, f"only {at_once} executors were at work at the same time")
    trial.notes.append(f"{len(refused)} of {len(wanted)} executors were refused a connection at least once")
    trial.expect(len(refused) >= EXECUTORS - free, f"only {len(refused)} executors were refused a connection")


def most_at_once(answers: list[Answered]) -> int:
    """How many deliveries were under way at the same moment, at most."""
    moves = [move for one in answers for move in ((one.began, 1), (one.began + one.ms / 1000, -1))]
    most = now = 0
    for _, change in sorted(moves):
        now += change
        most = max(most, now)
    return most

"""F5, F6, F7 and F19: too little time, a database that goes away or is full, and clocks."""

from __future__ import annotations

import signal
import time
from collections import Counter

from local.drill.trial import Trial
from tests.drills.shapes import chain, fan, mixed

SHORT_TIMEOUT = {"STEP_TIMEOUT_S": "10"}
RECOVERY_S = 60.0


def run_out_of_time(trial: Trial) -> None:
    """F5. A step with more model calls than one request has time for: it yields in time, and goes on where it was."""
    runs, calls = trial.pick(2, 10), 30
    first = trial.beside()  # each executor loads its client before time is measured
    first.start(first.store(chain(1, 1)), 6)
    first.wait_for_ends()
    trial.world.vendor.reset(pace_s=0.4)
    trial.start(trial.store(chain(1, calls)), runs)
    now = trial.wait_for_ends()
    trial.fired = now.attempts - now.steps_done
    trial.injected = f"{calls} calls of 0.4 s in a step with 10 s; times that it yielded"
    trial.expect(trial.fired >= runs, f"only {trial.fired} attempts ran out of time")
    cut = trial.world.log_lines("tasks", "DEADLINE_EXCEEDED")
    trial.expect(cut == 0, f"the queue cut {cut} deliveries off")
    outcomes = Counter(call.outcome for call in trial.world.look("calls", workspace_id=trial.workspace))
    told = f"{outcomes['paid']} paid and {outcomes['reused']} reused of {runs * calls}"
    trial.expect(outcomes["paid"] == runs * calls and outcomes["reused"] > 0, told)


def end_postgres(trial: Trial) -> None:
    """F6. Postgres is shut down, or crashes, again and again; the stack starts it again within a second or two."""
    goal = trial.pick(40, 5000)
    trial.world.vendor.reset(pace_s=0.05)
    slug = trial.store(mixed())
    began = time.monotonic()
    due, ends = began + 1.0, Counter[str]()
    while True:
        now = trial.standing()
        trial.pace.tell(f"{now.steps_done} of {goal} steps, Postgres ended {ends.total()} times")
        if now.steps_done >= goal and ends.total() >= trial.pick(2, 10):
            break
        if now.open_runs < 4:
            trial.start(slug)
        if time.monotonic() >= due:
            number = trial.chance.choice((signal.SIGINT, signal.SIGQUIT))
            trial.world.end_postgres(number)
            ends[number.name] += 1
            due = time.monotonic() + trial.chance.uniform(2.0, 6.0)
        time.sleep(0.05)
    back = time.monotonic()
    trial.wait_for_ends()
    recovery_s = time.monotonic() - back
    trial.fired = ends.total()
    trial.injected = f"end of Postgres: {ends['SIGINT']} fast, {ends['SIGQUIT']} as a crash"
    _shed(trial)
    trial.expect(recovery_s < RECOVERY_S, f"all runs ended only {recovery_s:.0f} s after the last end of Postgres")


def _shed(trial: Trial) -> int:
    """How many deliveries were sent back because the database was away, and that nothing else went wrong.

    The queue's door says 500 for it, not 503: 503 would slow the whole queue.
    """
    answers = trial.answers()
    shed = [answer for answer in answers if answer[2] == "store_busy"]
    odd = Counter(answer[:3] for answer in answers if answer not in shed and answer[0] != "200")
    trial.expect(not odd, f"deliveries were answered {dict(odd)}")
    trial.expect(all(retry_after for _, retry_after, *_ in shed), "a delivery was sent back without Retry-After")
    charged = [step for step in trial.world.look("steps", workspace_id=trial.workspace) if step.failures]
    failures = sum(step.failures for step in charged)
    told = f"{len(shed)} of {len(answers)} deliveries sent back as busy, with Retry-After"
    trial.notes.append(f"{told}; {failures} attempts of {len(charged)} steps charged to their retry policy")
    return len(shed)


def fill_postgres(trial: Trial) -> None:
    """F7. Postgres has 17 connections for eight executors that want eight each, and one more to listen."""
    world = trial.world
    runs = trial.pick(4, 60)
    world.vendor.reset(pace_s=0.02)
    slug = trial.store(fan(16, 1))
    world.look("limit_connections")
    world.look("limit_reserved")
    world.end_postgres(signal.SIGINT)
    try:
        for _ in range(runs):
            trial.start(slug)
            trial.wait_for(lambda now: now.open_runs < 6, seconds=120, what="room for a run")
        trial.wait_for_ends()
    finally:
        world.look("unlimit")
        world.end_postgres(signal.SIGINT)
    trial.fired = _shed(trial)
    trial.injected = "17 connections for 72 wanted; deliveries sent back"
    charged = [step for step in world.look("steps", workspace_id=trial.workspace) if step.failures]
    trial.expect(not charged, f"{len(charged)} steps were charged an attempt of their retry policy")


def look_for_clocks(trial: Trial) -> None:
    """F19. No time of day of an executor reaches Postgres: leases, delays and expiries are the database's own."""
    trial.world.vendor.reset(pace_s=0.02)
    trial.start(trial.store(mixed()), trial.pick(3, 20))
    trial.wait_for_ends()
    trial.fired = sum(int(count) for count in trial.world.faults.notes("statements"))
    trial.injected = "statements whose values were searched for a time of day"
    trial.notes.append("clocks are not really shifted; every drill searches, and fails if it finds one")

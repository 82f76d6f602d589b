"""F5 and F6: too little time, and a database that goes away."""

from __future__ import annotations

import signal
import time
from collections import Counter

from local.drill.trial import Trial
from local.drill.world import Layout
from tests.drills.shapes import chain, mixed

SHORT_TIMEOUT = Layout({"STEP_TIMEOUT_S": "10"})
RECOVERY_S = 60.0
BETWEEN_S, SHORT_BETWEEN_S = (5.0, 20.0), (2.0, 6.0)  # two ends of Postgres


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
        if now.open_runs < 8:
            trial.start(slug)
        if time.monotonic() >= due:
            number = trial.chance.choice((signal.SIGINT, signal.SIGQUIT))
            trial.world.end_postgres(number)
            ends[number.name] += 1
            due = time.monotonic() + trial.chance.uniform(*(SHORT_BETWEEN_S if trial.is_short else BETWEEN_S))
        time.sleep(0.05)
    back = time.monotonic()
    trial.wait_for_ends()
    recovery_s = time.monotonic() - back
    trial.fired = ends.total()
    trial.injected = f"end of Postgres: {ends['SIGINT']} fast, {ends['SIGQUIT']} as a crash"
    expect_shed(trial)
    trial.expect(recovery_s < RECOVERY_S, f"all runs ended only {recovery_s:.0f} s after the last end of Postgres")


def expect_shed(trial: Trial) -> int:
    """How many deliveries were sent back because the database was away or full, and that nothing else went wrong."""
    answers = trial.answers()
    shed = [answer for answer in answers if answer.outcome == "store_busy"]
    odd = Counter(answer[:3] for answer in answers if answer not in shed and answer.status != "200")
    trial.expect(not odd, f"deliveries were answered {dict(odd)}")
    told = Counter((answer.status, answer.has_retry_after) for answer in shed)
    trial.expect(set(told) <= {("503", True)}, f"deliveries were sent back with (status, has Retry-After) {dict(told)}")
    charged = [step for step in trial.world.look("steps", workspace_id=trial.workspace) if step.failures]
    trial.expect(not charged, f"{len(charged)} steps were charged an attempt of their retry policy")
    trial.notes.append(f"{len(shed)} of {len(answers)} deliveries sent back: 503, Retry-After, no attempt charged")
    return len(shed)

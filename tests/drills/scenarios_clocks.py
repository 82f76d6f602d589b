"""F19: executors whose clocks are ten minutes ahead, ten minutes behind, or jump between the two."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from local.drill.trial import Trial
from local.drill.until import DrillError, until
from local.drill.world import LEASE_S, Layout
from local.stack import Executors
from shared.store.wire import Statement
from tests.drills.clocks import HABITS, SHIFT_S, preloaded
from tests.drills.scenarios_kills import held_by_workers
from tests.drills.shapes import chain, gated, mixed

CLOCKS = Layout(preloaded(), Executors(len(HABITS)))
OLD_TOKEN_S = 2 * SHIFT_S  # a person's token is older than any clock is behind; the queue's are new
EXPIRES_S, EXPIRED_WITHIN_S = 3.0, 30.0
MARGIN = timedelta(seconds=SHIFT_S / 2)


def shift_clocks(trial: Trial) -> None:
    """F19. Steps longer than a lease; then leases that end because executors are killed; then gates that expire."""
    if not CLOCKS.environ:
        raise DrillError("libfaketime is not installed: `make drills` does it, and needs a C compiler")
    trial.may_fail = True  # what is behind an expired gate
    trial.doors = trial.world.doors(trial.workspace, age_s=OLD_TOKEN_S)
    trial.world.vendor.reset(pace_s=0.2)
    (row,) = trial.world.ask(Statement("select now() as at"))
    trial.plan(has_wrong_clocks=True)
    _outlive_leases(trial)
    _lose_leases(trial)
    _expire_gates(trial)
    _check_shifts(trial)
    _check_times(trial, row.at)


def _outlive_leases(trial: Trial) -> None:
    """A lease that was judged by a wrong clock would be over, or would never be: each step has one attempt."""
    calls = int(LEASE_S / 0.2 * 1.5)
    slugs = [trial.store(chain(3, calls)), trial.store(mixed())]
    for number in range(trial.pick(6, 40)):
        trial.start(slugs[number % 2])
        trial.wait_for(lambda now: now.open_runs < 8, seconds=120, what="room for a run")
    now = trial.wait_for_ends()
    trial.expect_one_attempt_each()
    trial.expect(now.succeeded == now.runs, f"only {now.succeeded} of {now.runs} runs succeeded")


def _lose_leases(trial: Trial) -> None:
    """The steps of an executor that was killed are taken over when their lease is over, not ten minutes later."""
    kills, slug = 0, trial.store(mixed())
    before = trial.standing()
    for _ in range(trial.pick(2, 6)):
        trial.start(slug, 2)
        held = until(lambda: held_by_workers(trial), what="a worker with steps")
        kills += trial.world.kill(trial.chance.choice(sorted(held)))
        trial.wait_for_ends(seconds=60)
    now = trial.standing()
    (lost,) = trial.world.look("attempts_lost", workspace_id=trial.workspace)
    trial.expect(lost.n > 0, f"{kills} kills, and no lease was lost")
    trial.expect(now.succeeded - before.succeeded == now.runs - before.runs, "a run failed for a kill")
    trial.notes.append(f"{kills} kills, {lost.n} attempts lost, their steps taken over by executors with wrong clocks")


def _expire_gates(trial: Trial) -> None:
    """Gates expire by the database's clock: not before their time, and not ten minutes late."""
    gates = 5
    trial.start(trial.store(gated(gates, 1, expires_in_s=EXPIRES_S, on_expiry="reject")), trial.pick(1, 4))
    trial.wait_for_ends(seconds=EXPIRED_WITHIN_S * 2)
    waits = [row.seconds for row in trial.world.look("gate_times", workspace_id=trial.workspace)]
    trial.expect(len(waits) == gates * trial.pick(1, 4), f"{len(waits)} gates expired")
    told = f"{len(waits)} gates of {EXPIRES_S:g} s ended after {min(waits):.1f} to {max(waits):.1f} s"
    trial.notes.append(told)
    trial.expect(min(waits) >= EXPIRES_S and max(waits) <= EXPIRED_WITHIN_S, told)


def _check_shifts(trial: Trial) -> None:
    """That clocks really were wrong, that work was done by them, and what the token checks said."""
    right = time.time() - time.monotonic()
    shifts = [line.split(" ") for line in trial.world.faults.notes("shifts")]
    wrong = [line for line in shifts if abs(float(line[2]) - right - float(line[1])) > 1]
    trial.expect(not wrong, f"clocks that were not shifted as planned: {wrong[:3]}")
    answers = Counter(tuple(line.split(" ")) for line in trial.world.faults.notes("answers_by_habit"))
    worked = {habit.__name__: answers[habit.__name__, "200"] for habit in HABITS}
    refused = {name: number for (name, status), number in answers.items() if status == "401"}
    odd = {key: number for key, number in answers.items() if key[1] not in ("200", "401")}
    trial.expect(not odd, f"deliveries were answered {odd}")
    trial.expect(set(refused) == {"behind"}, f"tokens were refused by {refused}; only by `behind` they are to be")
    trial.expect(worked.pop("behind") == 0, "an executor that was behind from the start took a delivery")
    trial.expect(min(worked.values()) > 0, f"deliveries done, by what the clock did: {worked}")
    jumps = sum(name == "swings" for name, *_ in shifts)
    trial.expect(jumps >= trial.pick(2, 10), f"only {jumps} jumps")
    trial.fired = sum(worked.values())
    trial.injected = f"clocks 10 min ahead and behind, {jumps} jumps of 20 min; deliveries done by them"
    done = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in worked.items())
    trial.notes.append(f"deliveries by what the clock does: {done}")
    trial.notes.append(
        f"{refused['behind']} deliveries refused (401): a clock 10 min behind takes new tokens for future"
    )


def _check_times(trial: Trial, began: datetime) -> None:
    """Every time in every row of the workspace lies between the beginning of the drill and five minutes from now."""
    seen = 0
    for row in trial.world.look("times_of_tenants"):
        asked = (
            f"select count({row.column}) as n, count({row.column}) filter (where {row.column} < $2::timestamptz "
            f"or {row.column} > now() + $3::interval) as wrong from {row.name} where workspace_id = $1::uuid"
        )
        values: list[Any] = [str(trial.workspace), began.isoformat(), f"{MARGIN.total_seconds()} s"]
        (found,) = trial.world.ask(Statement(asked, values))
        seen += found.n
        trial.expect(found.wrong == 0, f"{found.wrong} of {found.n} times in {row.name}.{row.column} are wrong")
    trial.notes.append(f"{seen} times in the workspace's rows, all of them the database's")
    trial.expect(seen > 1000, f"only {seen} times were looked at")

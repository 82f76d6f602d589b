"""F3, F8, F9 and F10: a queue that delivers copies, is refused, does not say what it took; and joins that race."""

from __future__ import annotations

import statistics
import time

from local.drill.trial import Trial
from tests.drills.scenarios_tenants import p95_wait
from tests.drills.shapes import fan, joins, mixed, random_widths

LOSERS = {"not_ours", "not_due", "done_before"}
CALLS_OF_MIXED = 33
LOSER_MS = 100.0
TURN_S = 2.0  # a few refusals in a row, which are chance


def deliver_copies(trial: Trial) -> None:
    """F3. Every wake-up becomes two to five tasks that are due at once."""
    trial.plan(most_copies=5)
    trial.world.vendor.reset(pace_s=0.05)
    count = trial.pick(3, 40)
    slug = trial.store(mixed())
    for _ in range(count):
        trial.start(slug)
        trial.wait_for(lambda now: now.open_runs < 4, seconds=120, what="room for a run")
    trial.wait_for_ends()
    trial.fired = sum(int(copies) - 1 for copies in trial.world.faults.notes("copied"))
    answers = trial.answers()
    losers = sorted(answer.ms for answer in answers if answer.outcome in LOSERS)
    trial.injected = "copies of tasks, 2 to 5 deliveries of each"
    trial.expect(trial.fired >= count, f"only {trial.fired} copies")  # one a run at least: most steps need no task
    trial.expect({answer.status for answer in answers} == {"200"}, "a delivery was not answered 200")
    trial.expect(len(losers) >= count, f"only {len(losers)} deliveries lost")
    _expect_fast(trial, losers or [0.0])
    trial.expect_one_attempt_each()
    _expect_calls(trial, CALLS_OF_MIXED * count)
    requests = trial.world.vendor.bill()["requests"]
    trial.expect(requests == CALLS_OF_MIXED * count, f"the vendor was asked {requests} times: a losing delivery called")


def _expect_fast(trial: Trial, losers: list[float]) -> None:
    """Who loses says so at once. What a machine with other work to do makes of it is noted; of a short drill only that,
    because half of its deliveries meet executors that are still loading."""
    median, slow = statistics.median(losers), losers[len(losers) * 95 // 100]
    told = f"{median:.0f} ms (median), {slow:.0f} (p95), {losers[-1]:.0f} (slowest)"
    trial.notes.append(f"{len(losers)} losing deliveries answered 200 in {told}")
    trial.expect(trial.is_short or median < LOSER_MS, f"losing deliveries were answered in {told}")


def _expect_calls(trial: Trial, wanted: int) -> None:
    outcomes = [call.outcome for call in trial.world.look("calls", workspace_id=trial.workspace)]
    told = f"{len(outcomes)} calls of which {outcomes.count('paid')} are paid, {wanted} wanted"
    trial.expect(outcomes.count("paid") == len(outcomes) == wanted, told)


def refuse_deliveries(trial: Trial) -> None:
    """F8. Four deliveries in five are answered 503 for a while, as by a platform without free instances."""
    storm_s = trial.pick(4, 300)
    trial.world.vendor.reset(pace_s=0.02)
    slug = trial.store(fan(12, 1))
    small = trial.beside()  # with one run under way beside six: it gets its turn as they do
    small_slug = small.store(fan(2, 0))
    trial.plan(refused_share=0.8)
    end = time.monotonic() + storm_s
    while time.monotonic() < end:
        if trial.standing().open_runs < 6:
            trial.start(slug)
        if small.standing().open_runs < 1:
            small.start(small_slug)
        trial.pace.tell(f"{trial.fired_of('refused')} deliveries refused")
        time.sleep(0.05)
    trial.fired = trial.fired_of("refused")
    trial.plan()
    calm = time.monotonic()
    trial.wait_for_ends(seconds=240)
    small.wait_for_ends()
    _expect_fair(trial, small)
    trial.injected = f"503 for 80 % of deliveries, for {storm_s} s"
    trial.notes.append(f"all runs had ended {time.monotonic() - calm:.0f} s after the storm")
    trial.expect(trial.fired >= storm_s, f"only {trial.fired} refusals")
    _expect_no_failures(trial)
    trial.expect_one_attempt_each()


def _expect_fair(trial: Trial, small: Trial) -> None:
    """No workspace waits much longer than the other for its steps to be started."""
    large_s, small_s = p95_wait(trial), p95_wait(small)
    told = f"p95 wait {large_s:.2f} s in the large workspace, {small_s:.2f} s in the small one"
    trial.notes.append(told)
    trial.expect(small_s <= max(large_s * 2, TURN_S), told)


def _expect_no_failures(trial: Trial) -> None:
    failed = [step for step in trial.world.look("steps", workspace_id=trial.workspace) if step.failures]
    told = [f"{step.key}: {step.failures} x {step.error_class}" for step in failed[:3]]
    trial.expect(not failed, f"{len(failed)} steps were charged an attempt of their retry policy: {'; '.join(told)}")


def lose_wake_ups(trial: Trial) -> None:
    """F9. One createTask in five fails after the task was made, and one in five before."""
    trial.world.vendor.reset(pace_s=0.0)
    count = trial.pick(5, 100)
    slug = trial.store(fan(14, 1))
    trial.plan(unmade_share=0.2, unsure_share=0.2)
    for _ in range(count):
        trial.start(slug)
        trial.wait_for(lambda now: now.open_runs < 6, seconds=120, what="room for a run")
    trial.wait_for_ends()
    unmade, unsure = trial.fired_of("unmade"), trial.fired_of("unsure")
    trial.fired = unmade + unsure
    trial.injected = f"createTask: {unmade} errors without a task, {unsure} with one"
    trial.expect(min(unmade, unsure) >= max(1, count // 5), f"only {unmade} and {unsure}")
    trial.expect_one_attempt_each()
    _expect_calls(trial, 14 * count)


def race_joins(trial: Trial) -> None:
    """F10. Joins of 2 to 50 branches that end on the same tick."""
    runs, joins_a_run = trial.pick(2, 500), trial.pick(4, 20)
    shapes = [joins(random_widths(trial.chance, joins_a_run), number) for number in range(min(runs, 50))]
    slugs = [trial.store(shape) for shape in shapes]
    for number in range(runs):
        trial.start(slugs[number % len(slugs)])
        trial.wait_for(lambda now: now.open_runs < 8, seconds=120, what="room for a run")
    trial.wait_for_ends()
    steps = trial.world.look("steps", workspace_id=trial.workspace)
    found = [step for step in steps if step.key.startswith("join_")]
    (close,) = trial.world.look("branches_close", workspace_id=trial.workspace)
    trial.fired = len(found)
    trial.injected = f"joins; {close.n} of {close.branches} branches ended within 1 ms of another of their join"
    trial.expect(len(found) == runs * joins_a_run, f"{len(found)} joins")
    trial.expect(close.n * 3 >= close.branches, f"only {close.n} of {close.branches} branches raced")
    twice = [step.key for step in found if step.attempt != 1]
    trial.expect(not twice, f"{len(twice)} joins ran more than once")

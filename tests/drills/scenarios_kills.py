"""F1, F2 and F4: executors that die, die at the worst moment, or sleep through their lease."""

from __future__ import annotations

import time

from local.drill.faults import Death
from local.drill.trial import Trial
from local.drill.until import until
from tests.drills.shapes import chain, mixed


def kill_at_random(trial: Trial) -> None:
    """F1. SIGKILL for a random worker again and again, until so many attempts have begun."""
    goal = trial.pick(100, 1000)
    trial.world.vendor.reset(pace_s=0.05)
    slug = trial.store(mixed())
    next_kill, kills = 8, 0
    while True:
        now = trial.standing()
        trial.pace.tell(f"{now.attempts} of {goal} attempts, {kills} kills, {now.runs - now.open_runs} runs ended")
        if now.attempts >= goal:
            break
        if now.open_runs < 4:
            trial.start(slug)
        if now.attempts >= next_kill and now.open_runs:
            kills += trial.kill_a_worker()
            next_kill = now.attempts + trial.chance.randint(5, 20)
        time.sleep(0.02)
    trial.wait_for_ends()
    trial.fired = kills
    (lost,) = trial.world.look("attempts_lost", workspace_id=trial.workspace)
    trial.injected = f"SIGKILL for a worker; {lost.n} attempts lost"
    trial.expect(kills >= goal // 30, f"only {kills} kills")
    trial.expect(lost.n * 10 >= goal, f"only {lost.n} of {goal} attempts were hit")


WORST_MOMENTS = (
    ("claim_steps", False, None),
    ("begin_call", True, None),
    ("begin_call", False, None),
    ("finish_call", False, None),
    ("succeed_steps", True, None),
    ("succeed_steps", False, None),
)


def kill_before_the_commit(trial: Trial) -> None:
    """F2. At every model call site of the audit once: the answer is there, the process dies before it is written."""
    trial.world.vendor.reset(pace_s=0.0)
    trial.start("profile_audit")
    trial.wait_for_ends()
    sites = sorted({call.label for call in trial.world.look("calls", workspace_id=trial.workspace)})
    trial.expect(len(sites) >= 4, f"only these model call sites: {sites}")
    deaths = [Death(query="finish_call", is_before=True, label=site) for site in sites]
    if trial.is_short:
        deaths = deaths[:2]
    else:
        deaths += [Death(query=query, is_before=before, label=label) for query, before, label in WORST_MOMENTS]
    for death in deaths:
        _die_once(trial, death)
    trial.fired = len(set(trial.world.faults.notes("deaths")))
    trial.expect(trial.fired == len(deaths), f"{trial.fired} of {len(deaths)} deaths happened")
    trial.injected = f"death before the answer is written, {len(sites) if not trial.is_short else 2} call sites"
    if not trial.is_short:
        trial.injected += f", and at {len(WORST_MOMENTS)} other statements"


def _die_once(trial: Trial, death: Death) -> None:
    trial.plan(deaths=(death,))
    began = time.monotonic()
    doubts = trial.world.look("calls", workspace_id=trial.workspace)
    before = sum(call.outcome == "in_doubt" and call.label == death.label for call in doubts)
    (run_id,) = trial.start("profile_audit")
    trial.wait_for_ends()
    trial.told(f"death {death.name}: the run ended after {time.monotonic() - began:.1f} s")
    calls = [call for call in trial.world.look("calls", workspace_id=trial.workspace) if str(call.run_id) == run_id]
    if death.label is not None:
        doubted = [call for call in calls if call.label == death.label and call.outcome == "in_doubt"]
        paid = [call for call in calls if call.label == death.label and call.outcome == "paid"]
        told = f"{death.name}: {len(doubted)} in doubt, {len(paid)} paid (before: {before})"
        trial.expect((len(doubted), len(paid)) == (1, 1), told)


def stop_past_the_lease(trial: Trial) -> None:
    """F4. SIGSTOP for a worker until its steps were taken over; then it wakes and goes on where it was."""
    goal = trial.pick(6, 100)
    trial.world.vendor.reset(pace_s=0.15)
    slug = trial.store(chain(3, 4))
    taken_over, stops = 0, 0
    while taken_over < goal:
        trial.pace.tell(f"{taken_over} of {goal} attempts overtaken, {stops} stops")
        if (missing := 6 - trial.standing().open_runs) > 0:
            trial.start(slug, missing)
        taken_over += _overtaken(trial)
        stops += 1
        if stops > goal * 2:
            break
    trial.wait_for_ends()
    trial.fired = taken_over
    trial.injected = f"SIGSTOP past the lease, {stops} stops; attempts overtaken"
    trial.expect(taken_over >= goal, f"only {taken_over} attempts were overtaken")
    wasted = [call for call in trial.world.look("calls", workspace_id=trial.workspace) if call.outcome == "wasted"]
    trial.expect(bool(wasted), "no late answer was written down as wasted")


def _overtaken(trial: Trial) -> int:
    """Stops one worker, waits until others have its steps, and lets it go on. How many attempts that were."""
    world = trial.world
    held = until(lambda: _held_by_workers(trial), what="a worker with steps")
    pid = trial.chance.choice(sorted(held))
    if not world.stop_process(pid):
        return 0
    held = _held_by_workers(trial).get(pid, {})
    try:
        overtaken = _wait_for_others(trial, held)
    finally:
        world.continue_process(pid)
    return overtaken


def _held_by_workers(trial: Trial) -> dict[int, dict[str, int]]:
    """By worker: the steps that are running under an attempt it has claimed."""
    running = {
        (str(step.id), step.attempt)
        for step in trial.world.look("steps", workspace_id=trial.workspace)
        if step.status == "running"
    }
    alive = set(trial.world.workers())
    held: dict[int, dict[str, int]] = {}
    for line in trial.world.faults.notes("claims"):
        pid, step_id, attempt = line.split(" ")
        if int(pid) in alive and (step_id, int(attempt)) in running:
            held.setdefault(int(pid), {})[step_id] = int(attempt)
    return held


def _wait_for_others(trial: Trial, held: dict[str, int]) -> int:
    """Until every held step has a newer attempt, or for four leases: a step's wake-up may wait behind the stopped."""
    end = time.monotonic() + 8.0
    overtaken = 0
    while time.monotonic() < end and overtaken < len(held):
        trial.world.sweep()
        steps = trial.world.look("steps", workspace_id=trial.workspace)
        overtaken = sum(step.attempt > held.get(str(step.id), step.attempt) for step in steps)
        time.sleep(0.2)
    return overtaken

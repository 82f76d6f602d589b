"""F1, F2 and F4: executors that die, die at the worst moment, or sleep through their lease."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from cli.brands import BRANDS
from cli.demo_campaign import BRAND, BRIEF
from local.drill.faults import Death
from local.drill.people import People
from local.drill.trial import END_OF_RUNS, HANDLE, Trial
from local.drill.until import until
from shared.workflows.seeded import SEEDED_WORKFLOWS
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
            (lost,) = trial.world.look("attempts_lost", workspace_id=trial.workspace)
            is_behind = lost.n * 4 < now.attempts  # one kill hits fewer where attempts are short
            next_kill = now.attempts + (trial.chance.randint(2, 8) if is_behind else trial.chance.randint(8, 20))
        time.sleep(0.02)
    now = trial.wait_for_ends()
    trial.fired = kills
    (lost,) = trial.world.look("attempts_lost", workspace_id=trial.workspace)
    trial.injected = f"SIGKILL for a worker; {lost.n} of {now.attempts} attempts lost"
    trial.expect(kills >= goal // 30, f"only {kills} kills")
    one_in = trial.pick(10, 5)
    trial.expect(lost.n * one_in >= now.attempts, f"only {lost.n} of {now.attempts} attempts were hit")


WORST_MOMENTS = (
    ("claim_steps", False),
    ("begin_call", True),
    ("begin_call", False),
    ("finish_call", False),
    ("succeed_steps", True),
    ("succeed_steps", False),
)


def kill_before_the_commit(trial: Trial) -> None:
    """F2. At every model call site of the seeded workflows once: the answer is there, the process dies before it is
    written. Then, in the audit, at the other statements around a call and around an attempt."""
    trial.world.vendor.reset(pace_s=0.0)
    with People(trial.world.stack.settings, trial.workspace) as people:
        sites = _call_sites(trial, people)
        deaths = [(slug, Death(query="finish_call", is_before=True, label=label)) for label, slug in sites.items()]
        if trial.is_short:
            deaths = deaths[:2]
        else:
            moments = [Death(query=query, is_before=before) for query, before in WORST_MOMENTS]
            deaths += [("profile_audit", moment) for moment in moments]
        for slug, death in deaths:
            _die_once(trial, people, slug, death)
    trial.fired = len(set(trial.world.faults.notes("deaths")))
    trial.expect(trial.fired == len(deaths), f"{trial.fired} of {len(deaths)} deaths happened")
    at_sites = sum(death.label is not None for _, death in deaths)
    trial.injected = f"death before the answer is written, at {at_sites} call sites"
    if not trial.is_short:
        trial.injected += f", and at {len(WORST_MOMENTS)} other statements"


def _call_sites(trial: Trial, people: People) -> dict[str, str]:
    """Every model call site by its label, with the workflow that it is tried in."""
    sites: dict[str, str] = {}
    for slug in ["profile_audit"] if trial.is_short else SEEDED_WORKFLOWS:
        run_id = _ended(trial, people, slug)
        labels = sorted({call.label for call in _calls_of(trial, run_id)})
        trial.expect(len(labels) >= 4, f"only these model call sites in {slug}: {labels}")
        sites |= {label: slug for label in labels if label not in sites}
    return sites


def _calls_of(trial: Trial, run_id: str) -> list[Any]:
    calls = trial.world.look("calls", workspace_id=trial.workspace)
    return [call for call in calls if str(call.run_id) == run_id]


def _ended(trial: Trial, people: People, slug: str) -> str:
    """A new run to its end; people say yes at every gate."""
    trial.brief = {"handle": HANDLE}
    if slug == "campaign_launch":  # is for a brand
        trial.brief = {**BRIEF, "brand_id": trial.doors.post(BRANDS, BRAND)["brand_id"]}
    (run_id,) = trial.start(slug)

    def is_over(now: Any) -> bool:
        for gate in people.open_gates() if now.at_gates else []:
            people.approve(gate)
        return bool(now.open_runs == 0)

    trial.wait_for(is_over, seconds=120, what=END_OF_RUNS)
    return run_id


def _die_once(trial: Trial, people: People, slug: str, death: Death) -> None:
    trial.plan(deaths=(death,))
    began = time.monotonic()
    run_id = _ended(trial, people, slug)
    trial.told(f"death {death.name}: the run of {slug} ended after {time.monotonic() - began:.1f} s")
    if death.label is not None:
        outcomes = Counter(call.outcome for call in _calls_of(trial, run_id) if call.label == death.label)
        told = f"{death.name}: {outcomes['in_doubt']} in doubt, {outcomes['paid']} paid"
        trial.expect(outcomes["in_doubt"] >= 1 and outcomes["paid"] >= 1, told)


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
    held = until(lambda: held_by_workers(trial), what="a worker with steps")
    pid = trial.chance.choice(sorted(held))
    if not world.stop_process(pid):
        return 0
    held = held_by_workers(trial).get(pid, {})
    try:
        overtaken = _wait_for_others(trial, held)
    finally:
        world.continue_process(pid)
    return overtaken


def held_by_workers(trial: Trial) -> dict[int, dict[str, int]]:
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

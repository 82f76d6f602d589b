"""F13: one workspace with ten thousand steps, and another one with ten."""

from __future__ import annotations

import time

from local.drill.trial import Trial
from tests.drills.shapes import fan, step, workflow

SMALL = 10  # runs of one step
TIMES_IDLE, NOISE_S = 2.0, 0.25  # what a wait may grow to; below that, it is the machine's own unrest


def flood_the_queue(trial: Trial) -> None:
    """F13. How long the steps of a small workspace wait, alone and while a large one has thousands ready."""
    runs, width = trial.pick(2, 20), trial.pick(100, 500)
    trial.world.vendor.reset(pace_s=0.05)
    idle_s = _wait_of_small(trial)
    slug = trial.store(fan(width, 1, "drill_flood"))
    trial.start(slug, runs)
    trial.wait_for(lambda now: now.at_work > 0 and now.attempts > runs, seconds=60, what="the flood")
    busy_s = _wait_of_small(trial)
    now = trial.standing()
    trial.expect(now.open_runs > 0, "the flood was over before the small workspace had its turn")
    trial.expect(now.at_work >= 4, f"only {now.at_work} steps of the large workspace were at work")
    trial.wait_for_ends(seconds=600)
    trial.fired = runs * width
    trial.injected = f"ready steps of one workspace, while another starts {SMALL}"
    allowed_s = max(idle_s * TIMES_IDLE, NOISE_S)
    trial.notes.append(f"p95 wait of the small workspace: {idle_s:.3f} s alone, {busy_s:.3f} s beside the flood")
    trial.expect(busy_s <= allowed_s, f"the small workspace waited {busy_s:.3f} s; {allowed_s:.3f} s are allowed")


def _wait_of_small(trial: Trial) -> float:
    """Of a new workspace that starts its runs one after the other: seconds from ready to claimed."""
    small = trial.beside()
    slug = small.store(workflow("drill_small", step("only")))
    for _ in range(SMALL):
        small.start(slug)
        time.sleep(0.1)
    small.wait_for_ends()
    ended = small.standing().succeeded
    trial.expect(ended == SMALL, f"{ended} of {SMALL} small runs ended")
    return p95_wait(small)


def p95_wait(trial: Trial) -> float:
    """Of every step of the workspace that was ever claimed: seconds from ready to claimed, the 95th of a hundred."""
    waits = sorted(row.seconds for row in trial.world.look("waits", workspace_id=trial.workspace))
    return float(waits[len(waits) * 95 // 100])

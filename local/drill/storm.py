"""A storm over one workflow: first a run in calm, then runs under faults that a seed draws, then calm until all end."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from local.drill.people import People
from local.drill.trial import END_OF_RUNS, Trial
from local.drill.until import DrillError
from local.drill.world import LEASE_S
from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef
from shared.errors import TransientError

AT_ONCE = 2  # runs under way
CALM_S, END_S = 180.0, 240.0  # for one run without a fault; for what is under way when the storm ends
PACE_S = 0.05  # of the vendor, so that a kill finds calls under way
BETWEEN_S = (0.3, 1.5)  # two faults

# What happens all the time: shares of deliveries and of wake-ups.
WEATHER = {"most_copies": 3, "refused_share": 0.1, "unmade_share": 0.1, "unsure_share": 0.1}
# What happens at moments that the seed draws, with how likely each is beside the others.
BLOWS = {"kill": 5, "stop": 2, "postgres_end": 1, "postgres_crash": 1}

TITLES = {
    "kill": "SIGKILL for an executor",
    "stop": "an executor sleeps past its lease",
    "postgres_end": "Postgres is shut down",
    "postgres_crash": "Postgres crashes",
    "copies": "a task is delivered again",
    "refused": "a delivery is refused with 503",
    "unmade": "createTask fails, without a task",
    "unsure": "createTask fails, but the task is there",
}


class CalmError(Exception):
    """The workflow fails by itself, so that a storm would prove nothing."""


@dataclass
class Storm:
    """What is asked for, and what came of it. Filled by `blow`; durations are in seconds."""

    definition: WorkflowDef
    brief: JsonObject
    runs: int
    minutes: float
    fired: Counter[str] = field(default_factory=Counter)
    approvals: int = 0
    attempts_lost: int = 0
    calm_s: float = 0.0
    stormy_s: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    is_over: bool = False

    def blow(self, trial: Trial) -> None:
        """The whole drill of one trial. Raises `CalmError` for a workflow that fails without any fault."""
        trial.brief = self.brief
        trial.world.vendor.reset(pace_s=PACE_S)
        trial.store(self.definition)
        with People(trial.world.stack.settings, trial.workspace) as people:
            self._run_in_calm(trial, people)
            self._storm(trial, people)
        self._count(trial)

    def _approved(self, people: People) -> Callable[[Any], bool]:
        """True at the end of every run; until then, people say yes at each gate that opens."""

        def have_ended(now: Any) -> bool:
            self.approvals += _approve_all(people) if now.at_gates else 0
            return bool(now.open_runs == 0)

        return have_ended

    def _run_in_calm(self, trial: Trial, people: People) -> None:
        began = time.monotonic()
        trial.start(self.definition.slug)
        now = trial.wait_for(self._approved(people), seconds=CALM_S, what="the end of a run without any fault")
        self.calm_s = time.monotonic() - began
        if now.succeeded != 1:
            (run,) = trial.world.look("ends_of_runs", workspace_id=trial.workspace)
            raise CalmError(f"the workflow fails without any fault: {run.error_message or run.status}")
        trial.told(f"without a fault a run takes {self.calm_s:.1f} s")

    def _storm(self, trial: Trial, people: People) -> None:
        trial.plan(**WEATHER)
        end = time.monotonic() + self.minutes * 60
        due, started = time.monotonic(), 0
        while time.monotonic() < end:
            now = trial.standing()
            if self._approved(people)(now) and started == self.runs:
                break
            if started < self.runs and now.open_runs < AT_ONCE:
                trial.start(self.definition.slug)
                started += 1
            if time.monotonic() >= due:
                self._strike(trial)
                due = time.monotonic() + trial.chance.uniform(*BETWEEN_S)
            trial.pace.tell(f"{now.runs - now.open_runs - 1} of {self.runs} runs ended, {self.fired.total()} faults")
            time.sleep(0.05)
        trial.plan()
        trial.told("the storm is over; waiting for what is under way")
        trial.wait_for(self._approved(people), seconds=END_S, what=END_OF_RUNS)

    def _strike(self, trial: Trial) -> None:
        name = trial.chance.choices(list(BLOWS), list(BLOWS.values()))[0]
        strikes: dict[str, Callable[[], bool]] = {
            "kill": trial.kill_a_worker,
            "stop": lambda: _stop_past_the_lease(trial),
            "postgres_end": lambda: trial.world.end_postgres(signal.SIGINT),
            "postgres_crash": lambda: trial.world.end_postgres(signal.SIGQUIT),
        }
        self.fired[name] += strikes[name]()

    def _count(self, trial: Trial) -> None:
        notes = {name: trial.world.faults.notes(name) for name in ("copied", "refused", "unmade", "unsure")}
        self.fired["copies"] = sum(int(copies) - 1 for copies in notes.pop("copied"))
        self.fired.update({name: len(lines) for name, lines in notes.items()})
        trial.fired = self.fired.total()
        ends = trial.world.look("ends_of_runs", workspace_id=trial.workspace)
        self.statuses.update(row.status for row in ends)
        self.stormy_s = median([row.seconds for row in ends[1:] if row.seconds is not None] or [0.0])
        self.calls.update(call.outcome for call in trial.world.look("calls", workspace_id=trial.workspace))
        (lost,) = trial.world.look("attempts_lost", workspace_id=trial.workspace)
        self.attempts_lost = lost.n
        self.is_over = True


def _stop_past_the_lease(trial: Trial) -> bool:
    """SIGSTOP for a worker until its lease is over and others may have its steps; then it wakes, and goes on."""
    workers = trial.world.workers()
    if not workers:
        return False
    pid = trial.chance.choice(workers)
    if not trial.world.stop_process(pid):
        return False
    try:
        end = time.monotonic() + LEASE_S * 1.5
        while time.monotonic() < end:
            trial.world.sweep()
            time.sleep(0.2)
    finally:
        trial.world.continue_process(pid)
    return True


def _approve_all(people: People) -> int:
    """How many approvals were taken. Postgres may be away: then nobody decides, this time."""
    try:
        return sum(people.approve(gate).count("decided") for gate in people.open_gates())
    except TransientError:
        return 0


def definition_in(found: Any, slug: str) -> WorkflowDef:
    """The workflow of this slug in what the API lists. Raises `DrillError` with what there is instead."""
    by_slug = {one["slug"]: one for one in found["workflows"]}
    if slug not in by_slug:
        raise DrillError(f"there is no workflow {slug!r}; there are: {', '.join(sorted(by_slug)) or 'none'}")
    return WorkflowDef.model_validate({name: v for name, v in by_slug[slug].items() if name != "is_seeded"})

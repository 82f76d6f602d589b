"""One scenario under way: its own workspace, its runs, its dice, and what was injected."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from local.drill.doors import Doors, DoorsAwayError
from local.drill.faults import Plan
from local.drill.until import Pace, Told, until
from local.drill.world import World
from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef

HANDLE = "@lakucosmetics"
END_OF_RUNS = "the end of every run"


class Answered(NamedTuple):
    """One delivery at an executor. `ms`: how long it took; `began`: seconds of the machine's monotonic clock."""

    status: str
    has_retry_after: bool
    outcome: str
    ms: float
    pid: int
    began: float


@dataclass
class Trial:
    """What a scenario works with. `injected` says in words what was done, `fired` counts it."""

    world: World
    chance: random.Random
    seed: int
    is_short: bool
    told: Told
    workspace: UUID = field(default_factory=uuid4)
    injected: str = ""
    fired: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    brief: JsonObject = field(default_factory=lambda: {"handle": HANDLE})
    may_fail: bool = False  # runs need not succeed
    left_out: str = ""  # why it could not be drilled after all

    def __post_init__(self) -> None:
        self.doors: Doors = self.world.doors(self.workspace)
        self.pace = Pace(self.told, time.monotonic())

    def beside(self) -> Trial:
        """Another workspace in the same world."""
        return Trial(self.world, self.chance, self.seed, self.is_short, self.told)

    def pick(self, short: int, full: int) -> int:
        return short if self.is_short else full

    def expect(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            self.problems.append(otherwise)

    def plan(self, **given: Any) -> None:
        self.world.faults.set(Plan(seed=self.seed, **given))

    def fired_of(self, name: str) -> int:
        return len(self.world.faults.notes(name))

    def answers(self) -> list[Answered]:
        """How each delivery that reached an executor was answered, in the order of the answers."""
        lines = [line.split(" ") for line in self.world.faults.notes("answers")]
        return [
            Answered(status, after == "retry-after", outcome, float(ms), int(pid), float(began))
            for status, after, outcome, ms, pid, began in lines
        ]

    def store(self, definition: WorkflowDef) -> str:
        self._insist(lambda: self.doors.post("/api/dashboard/workflows", definition.to_dag_jsonb()))
        return definition.slug

    def start(self, slug: str, count: int = 1) -> list[str]:
        """Starts runs, however often the doors are away meanwhile: the key makes asking twice harmless."""
        body = {"workflow_slug": slug, **self.brief}

        def start_one(key: str) -> str:
            run = self._insist(lambda: self.doors.post("/api/dashboard/workflows/run", body, idempotency_key=key))
            return str(run["workflow_run_id"])

        return [start_one(str(uuid4())) for _ in range(count)]

    def _insist(self, ask: Callable[[], Any]) -> Any:
        def asked() -> Any:
            try:
                return ask()
            except DoorsAwayError:
                time.sleep(0.1)
                return None

        return until(asked, seconds=90, what="an answer of the API")

    def standing(self) -> Any:
        return self.world.look("standing", workspace_id=self.workspace)[0]

    def wait_for(self, true: Callable[[Any], bool], *, seconds: float, what: str) -> Any:
        """Waits until the standing of the workspace is as wished, and says now and then how far it is."""

        def looked() -> Any:
            now = self.standing()
            self.pace.tell(f"{now.runs - now.open_runs} of {now.runs} runs ended, {now.attempts} attempts")
            if true(now):
                return now
            time.sleep(0.05)
            return None

        return until(looked, seconds=seconds, what=what)

    def wait_for_ends(self, *, seconds: float = 120.0) -> Any:
        return self.wait_for(lambda now: now.open_runs == 0, seconds=seconds, what=END_OF_RUNS)

    def expect_one_attempt_each(self) -> None:
        """No step needed a second attempt; else what ended the first ones."""
        now = self.standing()
        vain = self.world.look("attempts_in_vain", workspace_id=self.workspace)
        told = "; ".join(f"{row.n} {row.status}: {row.why}" for row in vain)
        self.expect(now.attempts == now.steps_done, f"{now.attempts} attempts for {now.steps_done} steps: {told}")

    def kill_a_worker(self) -> bool:
        """SIGKILL for one of the workers that are there."""
        workers: Sequence[int] = until(self.world.workers, what="a worker")
        return self.world.kill(self.chance.choice(workers))

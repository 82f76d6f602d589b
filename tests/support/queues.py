"""A queue whose deliveries the test decides: late, twice, out of order, or never."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.engine.do_effect import EffectOutcome, EffectTask, do_effect
from shared.engine.drain_outbox import DrainOutcome, RelayTask, drain_outbox
from shared.engine.execute_step import StepTask, execute_step
from shared.engine.relay import EFFECT_PATH
from shared.engine.rooms import Rooms
from shared.engine.tell import RELAY_PATH
from shared.engine.work_steps import StepOutcome
from shared.queue.tasks import DEFAULT_DEADLINE_S, Wake

Outcome = StepOutcome | EffectOutcome | DrainOutcome


class HeldQueue:
    """Keeps every wake-up until the test delivers it. Names are deduplicated, as Cloud Tasks does."""

    def __init__(self) -> None:
        self.held: list[Wake] = []
        self.names: set[str] = set()

    def wake(
        self,
        url_path: str,
        body: JsonObject,
        *,
        name_parts: Sequence[str | int],
        due: datetime | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> None:
        self.wake_many([Wake(url_path, body, tuple(name_parts), due, deadline_s)])

    def wake_many(self, items: Sequence[Wake]) -> None:
        for item in items:
            if item.url_path == RELAY_PATH:  # its window, or its wait, lasts until it is delivered
                if item not in self.held:
                    self.held.append(item)
            elif item.task_id not in self.names:
                self.names.add(item.task_id)
                self.held.append(item)

    def deliver(self, wake: Wake, rooms: Rooms) -> Outcome:
        if wake.url_path == EFFECT_PATH:
            effect = EffectTask(*(UUID(wake.body[name]) for name in ("workspace_id", "run_id", "effect_id")))
            return do_effect(effect, rooms)
        if wake.url_path == RELAY_PATH:
            subject = RelayTask(*(UUID(wake.body[name]) for name in ("workspace_id", "subject_id")))
            return drain_outbox(subject, rooms).outcome
        task = StepTask(*(UUID(wake.body[name]) for name in ("workspace_id", "run_id", "step_id")))
        return execute_step(task, rooms)

    def deliver_when_due(self, wake: Wake, rooms: Rooms, *, most: int = 10_000) -> Outcome:
        """Delivers again and again until the step is due: for delays of a few milliseconds."""
        for _ in range(most):
            outcome = self.deliver(wake, rooms)
            if outcome not in (StepOutcome.NOT_DUE, EffectOutcome.NOT_DUE):
                return outcome
        raise AssertionError(f"not due after {most} deliveries")

    def deliver_all(self, rooms: Rooms, *, most: int = 10_000) -> list[Outcome]:
        """Delivers in order until nothing is left."""
        outcomes: list[Outcome] = []
        for _ in range(most):
            if not self.held:
                return outcomes
            outcomes.append(self.deliver(self.held.pop(0), rooms))
        raise AssertionError(f"still {len(self.held)} wake-ups after {most} deliveries")

    def deliver_shuffled(self, rooms: Rooms, seed: int, *, most: int = 10_000) -> list[Outcome]:
        """Delivers in random order, each wake-up two or three times."""
        chance = random.Random(seed)
        outcomes: list[Outcome] = []
        waiting: list[Wake] = []
        for _ in range(most):
            while self.held:
                waiting += [self.held[0]] * chance.randint(2, 3)
                self.held.pop(0)
            if not waiting:
                return outcomes
            outcomes.append(self.deliver(waiting.pop(chance.randrange(len(waiting))), rooms))
        raise AssertionError(f"still {len(waiting)} wake-ups after {most} deliveries")

"""The doors as they are, over a store, a queue and a front that suffer what the fault plan says."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import shared.engine.rooms as engine_rooms
from local.doors import Wsgi
from local.doors import make_app as doors
from local.drill.faults import DRILL_FOLDER, Death, Faults, share
from local.drill.telling import DrillAudit, DrillMirror
from shared.config import Settings, current_settings
from shared.engine.rooms import furnished
from shared.errors import TransientError
from shared.queue.tasks import StepQueue, Wake
from shared.store.session import Step, Store
from shared.store.wire import Row

NEAR_S = 3 * 86_400.0  # a number this close to the time of day is taken for one


class DrillStore(Store):
    """The real store. Dies where the plan says, and notes what it was asked."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        super().__init__(settings)
        self._faults = faults
        self._labels: dict[tuple[Any, Any], str] = {}
        self._statements = 0

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        self._look_for_clocks(steps)
        self._die(steps, is_before=True)
        rows = super().move_all(workspace_id, steps)
        for (name, values), found in zip(steps, rows, strict=True):
            if name == "begin_call":
                self._labels[values["agent_run_id"], values["idx"]] = values["label"]
            if name == "claim_steps":
                for claimed in found:
                    self._faults.note("claims", f"{os.getpid()} {claimed.id} {claimed.attempt}")
        self._die(steps, is_before=False)
        return rows

    def _die(self, steps: Sequence[Step], *, is_before: bool) -> None:
        """SIGKILL for this very process: nothing is flushed, told or rolled back by us."""
        for death in self._faults.plan().deaths:
            is_here = death.is_before is is_before and any(self._fits(step, death) for step in steps)
            if is_here and self._faults.is_first(death.name):
                self._faults.note("deaths", death.name)
                os.kill(os.getpid(), signal.SIGKILL)

    def _fits(self, step: Step, death: Death) -> bool:
        name, values = step
        known = values.get("label") or self._labels.get((values.get("agent_run_id"), values.get("idx")))
        return name == death.query and death.label in (None, known)

    def _look_for_clocks(self, steps: Sequence[Step]) -> None:
        """Notes every value that could be this process's time of day. Leases and delays must be the database's."""
        now = time.time()
        for name, values in steps:
            for field, value in values.items():
                if isinstance(value, datetime) or _is_near(value, now) or _is_near(value, now * 1000):
                    self._faults.note("clocks", f"{name}.{field}")
        self._statements += len(steps)
        if self._statements >= 100:
            self._faults.note("statements", str(self._statements))
            self._statements = 0


def _is_near(value: Any, moment: float) -> bool:
    return isinstance(value, int | float) and abs(value - moment) < NEAR_S


class DrillQueue(StepQueue):
    """The real queue, behind a network that loses calls and answers, and that delivers copies."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        super().__init__(settings)
        self._faults = faults

    def wake_many(self, items: Sequence[Wake]) -> None:
        plan = self._faults.plan()
        made, problems = [], []
        for item in items:
            drawn = share(plan.seed, "wake", item.task_id)
            if drawn < plan.unmade_share:
                problems.append("unmade")
                continue
            made.append(item)
            if drawn < plan.unmade_share + plan.unsure_share:
                problems.append("unsure")
            if plan.most_copies > 1:
                made += self._copies(item, 1 + int(share(plan.seed, "copies", item.task_id) * (plan.most_copies - 1)))
        super().wake_many(made)
        for problem in problems:
            self._faults.note(problem)
        if problems:
            raise TransientError("the queue did not answer in time (drill)", retry_after_s=1.0)

    def _copies(self, item: Wake, more: int) -> list[Wake]:
        self._faults.note("copied", str(1 + more))
        return [replace(item, name_parts=(*item.name_parts, "copy", number)) for number in range(more)]


class Front:
    """Stands before the doors: refuses deliveries as an overloaded platform would, and notes how each one ended."""

    def __init__(self, doors: Wsgi, faults: Faults) -> None:
        self._doors, self._faults = doors, faults

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/tasks/step":
            return self._doors(environ, start_response)
        plan = self._faults.plan()
        delivery = (environ.get("HTTP_X_CLOUDTASKS_TASKNAME"), environ.get("HTTP_X_CLOUDTASKS_TASKRETRYCOUNT"))
        if share(plan.seed, "deliver", *delivery) < plan.refused_share:
            self._faults.note("refused")
            start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]
        return self._answered(environ, start_response)

    def _answered(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        told: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            after = dict(headers).get("Retry-After")
            told.append(f"{status[:3]} {'retry-after' if after else '-'}")
            return start_response(status, headers, *more)

        began = time.perf_counter()
        body = b"".join(self._doors(environ, start))
        spent_ms = (time.perf_counter() - began) * 1000
        self._faults.note("answers", f"{told[0]} {_outcome(body)} {spent_ms:.1f} {os.getpid()} {began:.4f}")
        return [body]


def _outcome(body: bytes) -> str:
    answer = json.loads(body)
    return str(answer.get("outcome") or answer.get("title") or "?")


def make_app() -> Wsgi:
    """What gunicorn serves in a drill."""
    settings = current_settings()
    faults = Faults(settings.army_home / DRILL_FOLDER)
    # The slot that current_rooms() fills at the first request: filled before it, nothing of the engine is replaced.
    rooms = furnished(settings, DrillStore(settings, faults), DrillQueue(settings, faults))
    audit = DrillAudit(settings, faults) if rooms.audit else None
    mirror = DrillMirror(settings, faults) if rooms.mirror else None
    engine_rooms._made[:] = [replace(rooms, audit=audit, mirror=mirror)]
    return Front(doors(), faults)

"""What people see of runs, briefs and traces: rows as JSON. Money is text, times are ISO 8601 in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.core.canonical import Json, JsonObject
from shared.core.events import FINAL_RUN_EVENTS, Event
from shared.core.priority import NAMES
from shared.core.status import RunStatus
from shared.engine.rooms import Rooms
from shared.errors import NotFoundError
from shared.store.session import Step

STEPS_SHOWN = 1000
EVENTS_AT_ONCE = 200
LOOK_AGAIN_S = 1.0  # a waiter looks for itself this often, should a notice be lost
STREAM_PAUSE_S, QUIET_PAUSE_S = 0.03, 0.5  # between two looks: while things happen, and when nothing has for a while
LIVELY_S = 15.0
KEEP_ALIVE_S = 15.0
STREAM_S = 1800.0


def shown(value: Any) -> Json:
    """A value of a row as JSON."""
    if isinstance(value, Decimal):
        return f"{value:.8f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def shown_row(row: Any) -> JsonObject:
    return {name: shown(value) for name, value in row._asdict().items()}


def shown_run(row: Any) -> JsonObject:
    """A row of a run, with the name of its priority."""
    return {**shown_row(row), "priority": NAMES.get(row.priority, row.priority)}


def read_run(workspace_id: UUID, run_id: UUID, rooms: Rooms, *, steps_shown: int = STEPS_SHOWN) -> JsonObject:
    """The run with its first steps, its cost by step and its report."""
    asked: list[Step] = [("run", {"run_id": run_id}), ("cost_of_run", {"run_id": run_id})]
    if steps_shown:
        asked.append(("steps_of_run", {"run_id": run_id, "limit": steps_shown, "offset": 0}))
    runs, costs, *steps = rooms.store.move_all(workspace_id, asked)
    if not runs:
        raise no_run(run_id)
    return {
        **shown_run(runs[0]),
        "steps": [shown_row(step) for found in steps for step in found],
        "costs": [shown_row(cost) for cost in costs],
        "stream_url": stream_url(run_id),
    }


def read_steps(workspace_id: UUID, run_id: UUID, limit: int, offset: int, rooms: Rooms) -> list[JsonObject]:
    """A page of the steps of a run, in execution order: for runs of more than a thousand."""
    return _rows_of_run(workspace_id, run_id, rooms, "steps_of_run", limit=limit, offset=offset)


def _rows_of_run(workspace_id: UUID, run_id: UUID, rooms: Rooms, name: str, **values: int) -> list[JsonObject]:
    """The rows of a query about one run. Raises `NotFoundError`: no rows and no run are different answers."""
    runs, rows = rooms.store.move_all(
        workspace_id, [("run_status", {"run_id": run_id}), (name, {"run_id": run_id, **values})]
    )
    if not runs:
        raise no_run(run_id)
    return [shown_row(row) for row in rows]


def no_run(run_id: UUID) -> NotFoundError:
    return NotFoundError(f"there is no run {run_id} in this workspace", field="run_id")


def stream_url(run_id: UUID) -> str:
    return f"/api/dashboard/workflows/runs/{run_id}/stream"


def wait_for_end(workspace_id: UUID, run_id: UUID, wait_s: float, rooms: Rooms) -> None:
    """Returns when the run has ended, or when the time is up."""
    until = time.monotonic() + wait_s
    with rooms.store.run_ends.waiting(run_id) as ended:
        while True:
            rows = rooms.store.move(workspace_id, "run_status", run_id=run_id)
            left = until - time.monotonic()
            if not rows or RunStatus(rows[0].status).is_final or left <= 0:
                return
            if ended.wait(min(left, LOOK_AGAIN_S)):
                return


def read_agent_run(workspace_id: UUID, agent_run_id: UUID, limit: int, offset: int, rooms: Rooms) -> JsonObject:
    """One agent run and its trace: every call, with whole prompts, tokens and cost (C051)."""
    agent_runs, calls = rooms.store.move_all(
        workspace_id,
        [
            ("agent_run", {"agent_run_id": agent_run_id}),
            ("calls_of_agent_run", {"agent_run_id": agent_run_id, "limit": limit, "offset": offset}),
        ],
    )
    if not agent_runs:
        raise NotFoundError(f"there is no agent run {agent_run_id} in this workspace", field="agent_run_id")
    return {"agent_run": shown_row(agent_runs[0]), "steps": [shown_row(call) for call in calls]}


def read_agent_runs(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> list[JsonObject]:
    """Every attempt of every step of a run."""
    return _rows_of_run(workspace_id, run_id, rooms, "agent_runs_of_run")


def stream_run(workspace_id: UUID, run_id: UUID, after: int, rooms: Rooms) -> Iterator[str]:
    """The run's events as server-sent events, from `after` on, until the one that ends it (C047).

    Read from the database, so that any replica can serve it, and a client that comes back with `Last-Event-ID`
    misses nothing. The first look happens here, so that an unknown run is a 404 and not an empty stream.
    """
    if not rooms.store.move(workspace_id, "run_status", run_id=run_id):
        raise no_run(run_id)
    return _events(workspace_id, run_id, after, rooms)


def _events(workspace_id: UUID, run_id: UUID, after: int, rooms: Rooms) -> Iterator[str]:
    until = time.monotonic() + STREAM_S
    moved_at = told_at = time.monotonic()
    with rooms.store.run_ends.waiting(run_id) as ended:
        while time.monotonic() < until:
            was_over, events = _events_after(workspace_id, run_id, after, rooms)
            for event in events:
                after = event.seq
                moved_at = told_at = time.monotonic()
                yield event.to_sse()
                if event.kind in FINAL_RUN_EVENTS:
                    return
            if events:
                continue
            if was_over:  # the client has seen the end already
                return
            if time.monotonic() - told_at > KEEP_ALIVE_S:
                told_at = time.monotonic()
                yield ": still here\n\n"
            ended.wait(STREAM_PAUSE_S if time.monotonic() - moved_at < LIVELY_S else QUIET_PAUSE_S)
            ended.clear()


def _events_after(workspace_id: UUID, run_id: UUID, after: int, rooms: Rooms) -> tuple[bool, list[Event]]:
    """Whether the run had ended before these events were read, and the events."""
    values = {"subject_id": run_id, "after": after, "limit": EVENTS_AT_ONCE}
    asked: list[Step] = [("run_status", {"run_id": run_id}), ("events_after", values)]
    (run,), rows = rooms.store.move_all(workspace_id, asked)
    events = [Event(row.seq, row.kind, row.subject_id, row.created_at, row.payload) for row in rows]
    return RunStatus(run.status).is_final, events

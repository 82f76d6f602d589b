"""The triggers hold the same line as the moves of `shared/core/status.py`: every pair of states is tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import product
from uuid import UUID, uuid4

import pytest
from pg8000.exceptions import DatabaseError

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.core.moves import SUBJECTS, Subject
from shared.engine.rooms import Rooms
from shared.store.connection import connect_url
from shared.store.wire import Row, Statement, WireConnection
from tests.support.runs import started, step, workflow

LONG_AGO = "2020-01-01T00:00:00Z"
CHECK_VIOLATION = "23514"


def of_run(status: StrEnum) -> JsonObject:
    is_final = status.value != "running"
    return {"status": status, "steps_open": 0, "completed_at": LONG_AGO if is_final else None}


def of_step(status: StrEnum) -> JsonObject:
    is_final = status.value in ("succeeded", "failed", "skipped", "cancelled")
    return {
        "status": status,
        "completed_at": LONG_AGO if is_final else None,
        "leased_until": LONG_AGO if status.value == "running" else None,
    }


def of_gate(status: StrEnum) -> JsonObject:
    return {"status": status, "decided_at": None if status.value == "open" else LONG_AGO}


def of_effect(status: StrEnum) -> JsonObject:
    return {
        "status": status,
        "completed_at": LONG_AGO if status.value in ("done", "refused") else None,
        "leased_until": LONG_AGO if status.value == "doing" else None,
        "receipt": {"id": "1"} if status.value == "done" else None,
    }


COLUMNS: dict[str, Callable[[StrEnum], JsonObject]] = {
    "run": of_run,
    "step": of_step,
    "gate": of_gate,
    "effect": of_effect,
}
# What a row of the table must have beside its keys, where there is none to copy.
FILLED: dict[str, JsonObject] = {
    "gate": {
        "kind": "approval",
        "title": "t",
        "proposal": {},
        "digest": "d",
        "revision": 1,
        "cost_so_far_usd": 0,
        "requested_by": "t",
        "role": "any_workspace_member",
        "quorum": 1,
        "self_approval": True,
        "decisions": [],
        "reminders": 0,
        "created_at": LONG_AGO,
    },
    "effect": {
        "place": 0,
        "kind": "send_message",
        "key": "k",
        "title": "t",
        "payload": {},
        "digest": "d",
        "attempt": 0,
        "failures": 0,
        "generation": 0,
        "progress": {},
        "created_at": LONG_AGO,
    },
}


class Rows:
    """Makes a row of a subject in any state beside a run's own, moves it, and undoes both."""

    def __init__(self, connection: WireConnection, workspace: UUID, run_id: UUID) -> None:
        self._connection, self._run_id = connection, run_id
        self._enter = Statement("select set_config('app.workspace_id', $1::text, true)", [str(workspace)])
        (row,) = self._ask(
            "select workspace_id, id from tiktok_workflow_steps where workflow_run_id = $1::uuid", run_id
        )
        self._step_id = row.id
        self._keys = {"workspace_id": str(workspace), "run_id": str(run_id), "step_id": str(row.id)}

    def _ask(self, sql: str, *values: object) -> list[Row]:
        return self._connection.exchange([self._enter, Statement(sql, values)])[1]

    def refusal(self, subject: Subject, seen: StrEnum, goal: StrEnum) -> str | None:
        """Why a row that stands at `seen` may not move to `goal`; None if it may."""
        new_id = uuid4()
        made = self._made(subject, new_id) | COLUMNS[subject.name](seen)
        goals = {"id": str(new_id)} | COLUMNS[subject.name](goal)
        names = ", ".join(name for name in goals if name != "id")
        move = Statement(
            f"update {subject.table} t set ({names}) = (select {names} from jsonb_populate_record(t, $1::jsonb))"
            " where t.id = $2::uuid",
            [json.dumps(goals), new_id],
        )
        try:
            self._connection.exchange([Statement("begin"), self._enter, self._insert(subject, made), move])
        except DatabaseError as refused:
            if refused.args[0]["C"] != CHECK_VIOLATION:
                raise
            return str(refused.args[0]["M"])
        finally:
            self._connection.exchange([Statement("rollback")])
        return None

    def _made(self, subject: Subject, new_id: UUID) -> JsonObject:
        own = {"id": str(new_id), "key": str(new_id), "idx": 1, "idempotency_key": str(new_id)}
        return own if subject.name in ("run", "step") else FILLED[subject.name] | self._keys | own

    def _insert(self, subject: Subject, made: JsonObject) -> Statement:
        copied = {"run": self._run_id, "step": self._step_id}.get(subject.name, uuid4())
        return Statement(
            f"insert into {subject.table} select (jsonb_populate_record(base, $1::jsonb)).*"
            f" from (select null) one left join {subject.table} base on base.id = $2::uuid",
            [json.dumps(made), copied],
        )


@pytest.fixture
def rows(rooms: Rooms, settings: Settings, workspace: UUID) -> Iterator[Rows]:
    run = started(workflow(step("only")), workspace, rooms)
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "DATABASE_OWNER_URL")
    yield Rows(connection, workspace, run.run_id)
    connection.close()


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_database_holds_the_line_of_the_moves(rows: Rows, subject: Subject) -> None:
    """Every legal pair passes, every other raises. An update that leaves the status as it is moves nothing."""
    odd = []
    for seen, goal in product(subject.legal, subject.legal):
        is_legal = seen == goal or goal in subject.legal[seen]
        refusal = rows.refusal(subject, seen, goal)
        if is_legal != (refusal is None):
            odd.append(f"{seen} -> {goal}: {refusal or 'passed'}")

    assert odd == []


def test_a_refused_move_says_which(rows: Rows) -> None:
    """Who reads the server's log learns what was tried on which row."""
    (step_moves,) = [subject for subject in SUBJECTS if subject.name == "step"]
    states = {state.value: state for state in step_moves.legal}

    told = rows.refusal(step_moves, states["succeeded"], states["queued"])

    assert told is not None
    assert told.endswith("may not move from succeeded to queued")

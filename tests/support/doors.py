"""The real doors in this process, and people and a queue that knock at them with real tokens."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from google.cloud import tasks_v2
from werkzeug.datastructures import Headers
from werkzeug.test import Client, EnvironBuilder, TestResponse, run_wsgi_app

from local.signer import Signer
from shared.config import Settings
from shared.store.connection import connect_url
from shared.store.sql import parsed
from shared.store.wire import Statement
from tests.support.tasks import PARENT, connect

RUNS = "/api/dashboard/workflows/runs"
RUN = "/api/dashboard/workflows/run"
BRIEFS = "/api/dashboard/briefs"
BRANDS = "/api/dashboard/brands"
WORKFLOWS = "/api/dashboard/workflows"
AGENT = "/api/dashboard/agents/account_health/run"
PLAN_ASSETS = "/agents/plan-assets"
STEP_TASK = "/tasks/step"
SIGNALS = "/api/dashboard/signals"
APPROVE = "/api/dashboard/approvals/00000000-0000-4000-8000-000000000000/approve"
POSTS = (BRIEFS, BRANDS, RUN, AGENT, PLAN_ASSETS, WORKFLOWS, SIGNALS, APPROVE, STEP_TASK)  # what takes a body
BRAND: dict[str, Any] = {
    "name": "Aster",
    "voice": "Warm and plain.",
    "guidelines": "Name the product once.",
    "banned_terms": ["miracle", "flawless"],
}
BRIEF = {"outcome": "profile_audit", "handle": "@lakucosmetics"}
AD_HOC = {"workflow_slug": "profile_audit", "handle": "@lakucosmetics"}
PROBLEM = "application/problem+json"
QUEUE = "steps"
CALLBACK = "http://127.0.0.1:9/webhooks/studio"  # what Studio's token must be for
MOST_TASKS = 200
LIBRARY_WORDS = re.compile(r"\bshould\b|instance of|valid (?:string|dictionary|tuple|list)|Value error|pydantic|\^\[")

TENANT_TABLES = parsed(
    """
-- name: tenant_tables
select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id'
 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1
"""
)

Wsgi = Callable[..., Iterable[bytes]]


class Rows:
    """Counts rows past the wall, as the owner of the database."""

    def __init__(self, settings: Settings) -> None:
        assert settings.database_owner_url is not None
        self._connection = connect_url(settings.database_owner_url, "owner")
        self.tables = [
            row.name for row in self._connection.exchange([TENANT_TABLES["tenant_tables"].with_values({})])[0]
        ]

    def of(self, workspace: UUID) -> dict[str, int]:
        """How many rows each tenant table holds of this workspace."""
        counts = (f"select '{name}' as name, count(*) as n from {name} where workspace_id = $1" for name in self.tables)
        rows = self._connection.exchange([Statement(" union all ".join(counts), (workspace,))])[0]
        return {row.name: row.n for row in rows}

    def close(self) -> None:
        self._connection.close()


class HeldTasks:
    """A real queue that is paused: it takes tasks and dispatches none, so that only the test delivers."""

    def __init__(self, port: int) -> None:
        self._client = connect(port)
        self._queue = f"{PARENT}/queues/{QUEUE}"
        self._client.pause_queue(name=self._queue)

    def take(self, workspace: UUID) -> list[tuple[str, bytes]]:
        """Path and body of every task that names this workspace. They are gone from the queue then."""
        full = tasks_v2.Task.View.FULL
        listed = self._client.list_tasks(tasks_v2.ListTasksRequest(parent=self._queue, response_view=full))
        mine = [task for task in listed if str(workspace).encode() in task.http_request.body]
        for task in mine:
            self._client.delete_task(name=task.name)
        return [(urlsplit(task.http_request.url).path, task.http_request.body) for task in mine]

    def close(self) -> None:
        channel: Any = self._client.transport
        channel.close()


class Flood(io.RawIOBase):
    """A body of so many bytes that is made as it is read, and counts what was taken of it."""

    def __init__(self, size: int) -> None:
        self.left, self.taken = size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        given = min(len(into), self.left, 65_536)
        into[:given] = b"x" * given
        self.left, self.taken = self.left - given, self.taken + given
        return given


class Raw(NamedTuple):
    """An answer as it went over the wire."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Doors:
    """Every door of the product behind one WSGI application, as on one machine and behind the load balancer."""

    app: Wsgi
    signer: Signer
    settings: Settings
    rows: Rows
    queue: HeldTasks

    def knock(self, method: str, path: str, token: str | None = None, **given: Any) -> TestResponse:
        """One request. `json` is sent as it is written by json.dumps; everything else is werkzeug's."""
        headers = dict(given.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if "json" in given:
            given["data"] = json.dumps(given.pop("json")).encode()
        return Client(self.app).open(path, method=method, headers=headers, **given)

    def person(self, workspace: UUID, subject: str = "ada", *roles: str) -> Person:
        token = self.signer.user_token(workspace, subject, settings=self.settings, roles=roles)
        return Person(self, workspace, token)

    def knock_raw(self, path: str, token: str | None, body: io.RawIOBase, length: int | None) -> Raw:
        """A POST whose body is read straight from `body`; without a length it is sent in chunks."""
        headers = Headers() if token is None else Headers({"Authorization": f"Bearer {token}"})
        environ = EnvironBuilder(path=path, method="POST", headers=headers).get_environ()
        environ["wsgi.input"] = body
        environ.pop("CONTENT_LENGTH", None)
        if length is None:
            environ["wsgi.input_terminated"] = True
        else:
            environ["CONTENT_LENGTH"] = str(length)
        parts, status, answered = run_wsgi_app(self.app, environ, buffered=True)
        return Raw(int(status[:3]), answered.get("Content-Type", ""), b"".join(parts))

    @property
    def task_token(self) -> str:
        return self.signer.task_token(self.settings.task_token_email, self.settings.executor_audience)


@dataclass(frozen=True)
class Person:
    """A user of one workspace."""

    doors: Doors
    workspace: UUID
    token: str = field(repr=False)

    def get(self, path: str, **given: Any) -> TestResponse:
        return self.knock("GET", path, **given)

    def post(self, path: str, body: Any = None, key: str | None = None, **given: Any) -> TestResponse:
        headers = {**given.pop("headers", {}), **({"Idempotency-Key": key} if key is not None else {})}
        if "data" not in given:
            given["json"] = {} if body is None else body
        return self.knock("POST", path, headers=headers, **given)

    def put(self, path: str, body: Any) -> TestResponse:
        return self.knock("PUT", path, json=body)

    def colleague(self, subject: str, *roles: str) -> Person:
        """Another user of the same workspace."""
        return self.doors.person(self.workspace, subject, *roles)

    @contextmanager
    def writes_one_event(self) -> Iterator[None]:
        """Fails if the block leaves more than one event of this workspace, or less."""
        before = self.doors.rows.of(self.workspace)
        yield
        after = self.doors.rows.of(self.workspace)
        assert after == {**before, "tiktok_outbox": before["tiktok_outbox"] + 1}
        assert self.doors.queue.take(self.workspace) == []

    @contextmanager
    def writes_nothing(self) -> Iterator[None]:
        """Fails if the block leaves a row, or a task, of this workspace."""
        before = self.doors.rows.of(self.workspace)
        yield
        assert self.doors.rows.of(self.workspace) == before
        assert self.doors.queue.take(self.workspace) == []

    def token_for(self, path: str) -> str:
        """What opens this path: the queue's token for tasks, else the person's own."""
        return self.doors.task_token if path.startswith("/tasks/") else self.token

    def knock(self, method: str, path: str, **given: Any) -> TestResponse:
        return self.doors.knock(method, path, self.token_for(path), **given)

    def brief(self, **fields: Any) -> str:
        """Hands in a brief and returns its id."""
        answer = self.post(BRIEFS, {**BRIEF, **fields})
        assert answer.status_code == 201, answer.text
        return str(told(answer)["brief_id"])

    def run(self, slug: str = "profile_audit", **fields: Any) -> str:
        """Starts an ad hoc run and returns its id."""
        answer = self.post(RUN, {**AD_HOC, "workflow_slug": slug, **fields})
        assert answer.status_code == 202, answer.text
        return str(told(answer)["workflow_run_id"])

    def deliver(self) -> list[str]:
        """Does what the queue does, one task after the other, until none of this workspace is left."""
        outcomes: list[str] = []
        while tasks := self.doors.queue.take(self.workspace):
            assert len(outcomes) < MOST_TASKS, f"still {len(tasks)} tasks after {outcomes}"
            for path, body in tasks:
                answer = self.doors.knock("POST", path, self.doors.task_token, data=body)
                assert answer.status_code == 200, answer.text
                outcomes.append(told(answer)["outcome"])
        return outcomes

    def ended_run(self, slug: str = "profile_audit", **fields: Any) -> str:
        """Starts an ad hoc run, does its steps, and returns its id."""
        run_id = self.run(slug, **fields)
        self.deliver()
        return run_id


def told(answer: TestResponse) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.data)


def refusal(answer: TestResponse, status: int) -> Mapping[str, Any]:
    """The problem document of a refusal, after a look at its form (RFC 9457)."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    assert answer.mimetype == PROBLEM, answer.headers
    document: Mapping[str, Any] = told(answer)
    assert document["status"] == status
    assert document["type"] == "about:blank"
    assert document["title"] and document["detail"]
    check_wording(document)
    return document


def check_wording(document: Mapping[str, Any]) -> None:
    """What is told of a field is in words for people, not in those of a library."""
    for message in (document["detail"], *(error["message"] for error in document.get("errors", ()))):
        assert not LIBRARY_WORDS.search(message), message


def events_in(text: str) -> list[dict[str, Any]]:
    """A stream of server-sent events, read as a browser reads it: `id`, `event` and `data` of each."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if lines:
            found.append({"id": lines["id"], "event": lines["event"], "data": json.loads(lines["data"])})
    return found

"""The way into Cloud Tasks (B047): one task per wake-up of a step, named so that asking twice wakes once.

A task only wakes; what there is to do is in Postgres. So a wake-up may come twice or late without harm, and one that
is lost is found by the sweep. The client library stays google-cloud-tasks; calls go over its channel as raw protobuf
messages, because its own objects cost more CPU than the call.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

from shared.config import Settings, current_settings
from shared.core.canonical import JsonObject
from shared.errors import InvalidInputError, TerminalError, TransientError

CREATE_TASK = "/google.cloud.tasks.v2.CloudTasks/CreateTask"
MIN_DEADLINE_S, MAX_DEADLINE_S = 15.0, 1800.0  # what the API allows for dispatch_deadline
MAX_AHEAD = timedelta(days=30)
AT_ONCE = 64
WINDOWS_KEPT = 10_000
DEFAULT_DEADLINE_S = 600.0
RETRIED = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL"})
OURS = frozenset({"INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED"})

LOCAL_CHANNEL = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


@dataclass(frozen=True, slots=True)
class Wake:
    """One wake-up: POST `body` as JSON to `url_path` of the executor.

    `name_parts` is its identity: equal parts are one task for 24 hours, so they must hold an attempt or a generation.
    `due` None: now; else at most 30 days ahead. `deadline_s`: how long one request may take, held to 15 s to 30 min.
    `window_s`: the task is due when the present window of this length ends, and is the only one of its name in it,
    however often it is asked for; then `due` is not given.
    """

    url_path: str
    body: JsonObject
    name_parts: tuple[str | int, ...]
    due: datetime | None = None
    deadline_s: float = DEFAULT_DEADLINE_S
    window_s: float | None = None

    @property
    def task_id(self) -> str:
        """32 hex digits: evenly spread, as Cloud Tasks wants its names."""
        return hashlib.sha256(json.dumps(self.name_parts).encode()).hexdigest()[:32]

    def in_window(self, now_s: float) -> Wake:
        """This wake-up with the window of the moment `now_s` (epoch) in its name, due when that ends."""
        if self.window_s is None:
            return self
        number = int(now_s // self.window_s) + 1
        due = datetime.fromtimestamp(number * self.window_s, UTC)
        return replace(self, name_parts=(*self.name_parts, number), due=due, window_s=None)


class QueueRoom(Protocol):
    """What the engine needs of a queue."""

    def wake(
        self,
        url_path: str,
        body: JsonObject,
        *,
        name_parts: Sequence[str | int],
        due: datetime | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> None: ...

    def wake_many(self, items: Sequence[Wake]) -> None: ...


class StepQueue:
    """The queue of steps in Cloud Tasks. Safe for threads; nothing is opened before the first wake-up."""

    def __init__(self, settings: Settings | None = None, *, patience_s: float = 12.0) -> None:
        """`patience_s`: how long one call may take with all its tries."""
        self._settings, self._patience_s = settings, patience_s
        self._lock = threading.Lock()
        self._door: _Door | None = None
        self._of_windows: set[str] = set()  # tasks of windows that this process has made: not asked for again

    def wake(
        self,
        url_path: str,
        body: JsonObject,
        *,
        name_parts: Sequence[str | int],
        due: datetime | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
    ) -> None:
        """Creates one task. That it exists already is success.

        TransientError: the queue did not take it in time, or is missing or closed to us. TerminalError: it refused
        the task as such. InvalidInputError: `due` or `url_path` is wrong.
        """
        self.wake_many([Wake(url_path, body, tuple(name_parts), due, deadline_s)])

    def wake_many(self, items: Sequence[Wake]) -> None:
        """Creates a task for each item, many at once. If one fails, do it all again: names make that safe."""
        items = self._not_made(items)
        if not items:
            return
        door = self._opened()
        requests = [door.request(item) for item in items]
        until = time.monotonic() + self._patience_s
        for start in range(0, len(requests), AT_ONCE):
            door.create(requests[start : start + AT_ONCE], until)

    def _not_made(self, items: Sequence[Wake]) -> list[Wake]:
        """The items, without those whose window has its task from this process already."""
        now_s = time.time()
        return [made for item in items if (made := self._in_window(item, now_s)) is not None]

    def _in_window(self, item: Wake, now_s: float) -> Wake | None:
        if item.window_s is None:
            return item
        made = item.in_window(now_s)
        if made.task_id in self._of_windows:
            return None
        if len(self._of_windows) >= WINDOWS_KEPT:
            self._of_windows.clear()
        self._of_windows.add(made.task_id)
        return made

    def _opened(self) -> _Door:
        if self._door is None:
            with self._lock:
                if self._door is None:
                    self._door = _Door(self._settings or current_settings(), self._patience_s / 3)
        return self._door

    def close(self) -> None:
        """Closes the channel. The next wake-up opens another."""
        with self._lock:
            door, self._door = self._door, None
        if door is not None:
            door.client.transport.close()


class _Door:
    """The open client and everything that is the same for each task."""

    def __init__(self, settings: Settings, try_s: float) -> None:
        from google.cloud import tasks_v2

        self.client = _client(settings)
        self._try_s = try_s
        self._url = settings.executor_url.rstrip("/")
        place = f"projects/{settings.gcp_project}/locations/{settings.gcp_location}"
        self._queue = f"{place}/queues/{settings.step_queue}"
        self._request: Any = tasks_v2.CreateTaskRequest.pb()
        self._common = self._request(parent=self._queue)
        http = self._common.task.http_request
        http.http_method = int(tasks_v2.HttpMethod.POST)
        http.headers["Content-Type"] = "application/json"
        http.oidc_token.service_account_email = settings.task_token_email
        http.oidc_token.audience = settings.executor_audience
        self._metadata = (("x-goog-request-params", f"parent={quote(self._queue, safe='')}"),)
        self._create: Any = self.client.transport.grpc_channel.unary_unary(
            CREATE_TASK, request_serializer=self._request.SerializeToString
        )

    def request(self, item: Wake) -> Any:
        """The CreateTaskRequest of one wake-up."""
        if not item.url_path.startswith("/"):
            raise InvalidInputError("url_path", "must start with /")
        request = self._request()
        request.CopyFrom(self._common)
        task = request.task
        task.name = f"{self._queue}/tasks/{item.task_id}"
        task.http_request.url = self._url + item.url_path
        task.http_request.body = json.dumps(item.body, separators=(",", ":"), allow_nan=False).encode()
        millis = round(min(max(item.deadline_s, MIN_DEADLINE_S), MAX_DEADLINE_S) * 1000)
        task.dispatch_deadline.seconds, task.dispatch_deadline.nanos = millis // 1000, millis % 1000 * 1_000_000
        if item.due is not None:
            _set_due(task.schedule_time, item.due)
        return request

    def create(self, requests: Sequence[Any], until: float) -> None:
        """Creates these tasks, trying again until the moment `until` (monotonic) what did not reach the queue."""
        pause_s = 0.05
        while requests:
            failures = self._try(requests, max(0.05, min(self._try_s, until - time.monotonic())))
            requests, code = [request for request, _ in failures], failures[0][1] if failures else ""
            if failures and time.monotonic() + pause_s >= until:
                raise TransientError(f"queue {self._queue} did not take a task in time: {code}", retry_after_s=1.0)
            if failures:
                time.sleep(pause_s)
                pause_s *= 2

    def _try(self, requests: Sequence[Any], timeout_s: float) -> list[tuple[Any, str]]:
        """Sends each once; returns those to try again, with the status that came back."""
        options: dict[str, Any] = {"timeout": timeout_s, "metadata": self._metadata, "wait_for_ready": True}
        if len(requests) == 1:  # a plain call is cheaper than a future of one
            answers: list[Callable[[], Any]] = [partial(self._create, requests[0], **options)]
        else:
            answers = [self._create.future(request, **options).result for request in requests]
        codes = [(request, self._code(answer)) for request, answer in zip(requests, answers, strict=True)]
        return [(request, code) for request, code in codes if code]

    def _code(self, answer: Callable[[], Any]) -> str:
        """Waits for one answer: empty if the task exists now, else the status that is worth another try."""
        import grpc

        try:
            answer()
        except grpc.RpcError as error:
            code = error.code().name
            if code == "ALREADY_EXISTS":
                return ""
            if code in RETRIED:
                return str(code)
            told = f"queue {self._queue} refused a task: {code}, {error.details()}"
            raise (TerminalError(told) if code in OURS else TransientError(told)) from None
        return ""


def _set_due(timestamp: Any, due: datetime) -> None:
    if due.tzinfo is None:
        raise InvalidInputError("due", "must carry a time zone")
    if due - datetime.now(UTC) > MAX_AHEAD:
        raise InvalidInputError("due", "must be at most 30 days ahead, the limit of Cloud Tasks")
    micros = round(due.timestamp() * 1_000_000)
    timestamp.seconds, timestamp.nanos = micros // 1_000_000, micros % 1_000_000 * 1000


def _client(settings: Settings) -> Any:
    """The library's client: over plain text to a local server, else with the identity of this service."""
    from google.cloud import tasks_v2

    host = settings.cloud_tasks_emulator_host
    if not host:
        return tasks_v2.CloudTasksClient()
    import grpc
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    channel = grpc.insecure_channel(host, options=LOCAL_CHANNEL)
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))

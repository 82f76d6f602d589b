"""The local Cloud Tasks server as a process of its own, the real client, and a real HTTP target that keeps count."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import grpc
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

ROOT = Path(__file__).parent.parent.parent
PARENT = "projects/p/locations/l"
PATIENCE_S = 10.0

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], patience_s: float = PATIENCE_S) -> Found:
    """Looks again and again until what it sees is true, and returns it. Fails after `patience_s`."""
    until = time.monotonic() + patience_s
    tick = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < until, f"not within {patience_s} s"
        tick.wait(0.005)


class Hit(NamedTuple):
    """One request that reached the target. Header names are in lower case; `at` is monotonic, in seconds."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def task_header(self, name: str) -> str | None:
        return self.headers.get(f"x-cloudtasks-{name.lower()}")


@dataclass
class Reply:
    """How the target answers once: held back until `gate` is set, if there is one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None


class Target:
    """An HTTP server that writes every request down and answers as planned, else 200."""

    def __init__(self, port: int = 0) -> None:
        self._changed = threading.Condition()
        self._hits: list[Hit] = []
        self._plans: dict[str, list[Reply]] = {}
        self._in_flight: dict[str, int] = {}
        self.most_in_flight: dict[str, int] = {}
        door = type("Door", (_Door,), {"target": self})
        self._server = _Server(("127.0.0.1", port), door)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def plan(self, path: str, *replies: int | Reply) -> None:
        """The next answers at this path, in order; a number is a status."""
        self._plans[path] = [Reply(reply) if isinstance(reply, int) else reply for reply in replies]

    def hits(self, path: str) -> list[Hit]:
        with self._changed:
            return [hit for hit in self._hits if hit.path == path]

    def wait(self, path: str, count: int, patience_s: float = PATIENCE_S) -> list[Hit]:
        """The hits at this path, as soon as there are so many."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: sum(hit.path == path for hit in self._hits) >= count, timeout=patience_s
            )
            found = [hit for hit in self._hits if hit.path == path]
        assert enough, f"{len(found)} of {count} requests at {path}"
        return found

    def receive(self, hit: Hit) -> Reply:
        with self._changed:
            self._hits.append(hit)
            now = self._in_flight[hit.path] = self._in_flight.get(hit.path, 0) + 1
            self.most_in_flight[hit.path] = max(now, self.most_in_flight.get(hit.path, 0))
            plan = self._plans.get(hit.path)
            reply = plan.pop(0) if plan else Reply()
            self._changed.notify_all()
        return reply

    def leave(self, path: str) -> None:
        with self._changed:
            self._in_flight[path] -= 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is no news here."""


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    target: Target

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.target.receive(Hit(time.monotonic(), self.command, self.path, headers, body))
        if reply.gate is not None:
            reply.gate.wait(PATIENCE_S)
        self.target.leave(self.path)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", "2")
        self.end_headers()
        if reply.status != 204 and self.command != "HEAD":
            self.wfile.write(b"ok")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class TasksServer:
    """`python -m local.tasks` on a free port. Can be killed and started again on the same file."""

    def __init__(self, folder: Path, *arguments: str, time_scale: float = 1.0) -> None:
        self.folder, self.keys, self.log = folder, folder / "keys", folder / "tasks.log"
        self._arguments = ["--db", str(folder / "tasks.db"), "--signing-key", str(self.keys), *arguments]
        self._arguments += ["--time-scale", str(time_scale), "--project", "p", "--location", "l"]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> TasksServer:
        """Starts it and waits until it listens: at the same port as before, if there was one."""
        self.log.touch()
        seen = self.log.stat().st_size
        command = [sys.executable, "-m", "local.tasks", "--port", str(self.port), *self._arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, cwd=ROOT)
        line = eventually(lambda: self._listening(seen), 20.0)
        self.port = int(line.split("listening on 127.0.0.1:")[1].split(",")[0])
        return self

    def _listening(self, seen: int) -> str:
        assert self._process is not None
        new = self.log.read_bytes()[seen:].decode()
        assert self._process.poll() is None, new
        return next((line for line in new.splitlines() if "listening on" in line), "")

    def kill(self) -> None:
        """Kills it as a crash would: SIGKILL."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """Asks it to stop, and returns its exit status."""
        return self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and returns the exit status."""
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        return process.wait(20)

    def close(self) -> None:
        if self._process is not None:
            self.kill()


class Queue:
    """One queue, through the real client."""

    def __init__(self, client: tasks_v2.CloudTasksClient, name: str) -> None:
        self.client, self.name = client, name

    def create(self, url: str, task_id: str | None = None, **fields: Any) -> tasks_v2.Task:
        """Creates a task that POSTs to the URL. Fields of HttpRequest may be given beside those of Task."""
        request = {"url": url}
        for key in ("http_method", "headers", "body", "oidc_token"):
            if key in fields:
                request[key] = fields.pop(key)
        task = tasks_v2.Task({"http_request": request, **fields})
        if task_id is not None:
            task.name = f"{self.name}/tasks/{task_id}"
        return self.client.create_task(parent=self.name, task=task)

    def task_ids(self) -> list[str]:
        return [task.name.rsplit("/", 1)[1] for task in self.client.list_tasks(parent=self.name)]

    def is_empty(self) -> bool:
        return not self.task_ids()


def connect(port: int) -> tasks_v2.CloudTasksClient:
    """The real client, over plain text."""
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))


def make_queue(
    client: tasks_v2.CloudTasksClient,
    queue_id: str,
    *,
    rates: Mapping[str, Any] | None = None,
    retry: Mapping[str, Any] | None = None,
) -> Queue:
    """A new queue with these rate limits and retry settings."""
    given = {"name": f"{PARENT}/queues/{queue_id}", "rate_limits": dict(rates or {}), "retry_config": dict(retry or {})}
    return Queue(client, client.create_queue(parent=PARENT, queue=tasks_v2.Queue(given)).name)


@contextmanager
def running_server(folder: Path, *arguments: str, time_scale: float = 1.0) -> Iterator[TasksServer]:
    server = TasksServer(folder, *arguments, time_scale=time_scale)
    try:
        yield server.start()
    finally:
        server.close()


@contextmanager
def running_target(port: int = 0) -> Iterator[Target]:
    target = Target(port)
    try:
        yield target
    finally:
        target.close()


def gaps(hits: Sequence[Hit]) -> list[float]:
    """The seconds between one hit and the next."""
    return [later.at - earlier.at for earlier, later in pairwise(hits)]

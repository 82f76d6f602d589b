"""The HTTP of a fake vendor: routes to functions, faults in front of them, in a thread or as a process of its own."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from local.fakes.faults import Fault, Script
from local.fakes.loopback import LoopbackDoor, LoopbackServer
from shared.core.canonical import Json, JsonObject

MOST_BYTES = 140_000_000
Self = TypeVar("Self", bound="FakeVendor")


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. `number` counts the requests of the server from 1; header names are lower case."""

    number: int
    call: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back; a body of None is none at all. `data` are bytes that are no JSON, sent in its place."""

    status: int
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes | None = None


Route = tuple[str, Callable[[Request], Response]]  # the name of the call, as faults and counts know it


class FakeVendor:
    """A fake in a thread of this process: `with FakeX() as fake:`, then `fake.base_url`. Subclasses give the routes."""

    made_faults: tuple[str, ...] = ()

    def __init__(self, port: int = 0) -> None:
        self.script = Script(self.made_faults)
        self.counts: Counter[str] = Counter()
        self._count_lock = threading.Lock()
        self.server = _Server(port, self)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def routes(self) -> dict[tuple[str, str], Route]:
        """(method, path) to the call that it is. A path is matched whole."""
        raise NotImplementedError

    def coded(self, request: Request, code: str) -> Response:
        """The vendor's own answer with this error code."""
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def faults(self, *faults: JsonObject) -> None:
        """What happens to the next requests; the fields are those of `Fault`."""
        self.script.add(list(faults))

    def all_routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", "/_faults"): ("", self._take_faults), **self.routes()}

    def route(self, method: str, path: str) -> Route | None:
        """The call at this path, None if there is none."""
        return self.all_routes().get((method, path))

    def numbered(self, call: str) -> int:
        """Counts a request, and gives its number."""
        with self._count_lock:
            self.counts[call] += 1
            return sum(self.counts.values())

    def _take_faults(self, request: Request) -> Response:
        try:
            return Response(200, {"waiting": self.script.add(request.json()["faults"])})
        except (ValueError, KeyError, TypeError) as wrong:
            return Response(400, {"wrong": str(wrong)})

    def serve(self) -> None:
        """Serves in this thread until it is interrupted: for a process of its own."""
        try:
            self.server.serve_forever()
        except KeyboardInterrupt:
            self.server.server_close()

    def __enter__(self: Self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


class _Server(LoopbackServer):
    def __init__(self, port: int, fake: FakeVendor) -> None:
        super().__init__(port, _Door)
        self.fake = fake


class _Door(LoopbackDoor):
    server: _Server

    def do_GET(self) -> None:
        self._take()

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def _take(self) -> None:
        fake = self.server.fake
        url = urlsplit(self.path)
        route = fake.route(self.command, url.path)
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self.close_connection = True
            return self._send(Response(413 if length.isdigit() else 400))
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client died on the way: nothing has arrived
            self.close_connection = True
            return None
        if route is None:
            return self._send(Response(404))
        call, answer = route
        if not call:
            return self._send(answer(self._request(0, call, body)))
        request = self._request(fake.numbered(call), call, body)
        return self._answer(request, answer, fake.script.take(call))

    def _request(self, number: int, call: str, body: bytes) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(number, call, self.command, url.path, dict(parse_qsl(url.query)), headers, body)

    def _answer(self, request: Request, answer: Callable[[Request], Response], fault: Fault | None) -> None:
        if fault is None:
            return self._send(answer(request))
        if fault.what == "delay":
            response = answer(request)
            time.sleep(fault.seconds)
            return self._send(response)
        if fault.after:
            answer(request)
        if fault.what == "cut":
            return self.hang_up()
        if fault.what == "code":
            return self._send(self.server.fake.coded(request, fault.code))
        return self._send(Response(fault.status))

    def _send(self, response: Response) -> None:
        data = response.data
        if data is None:
            data = b"" if response.body is None else json.dumps(response.body, separators=(",", ":")).encode()
        self.send_response(response.status)
        if data and response.data is None:
            self.send_header("content-type", "application/json; charset=utf-8")
        for name, value in {"content-length": str(len(data)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

"""A fake of the vendor's messages API over HTTP, for real mode without a network and without money.

It checks requests as the real one does, keeps a prompt cache, fails on request, and writes its own bill: every request
that it accepts is charged, whether or not the answer arrives.

    python -m local.fakes.anthropic --port 8090

`GET /_bill` gives the bill. `POST /_script` with {"faults": [...]} says what happens to the next requests, one fault
each (afterwards all is well). `POST /_pace` with {"seconds": 0.2} lets every answer take that long, after it is billed.
`POST /_reset` forgets bill, script, pace and cache. Faults:

    ok                      a good answer                  529, 500, 400, ...      that status, not billed
    429:retry-after=2       with that header               429:should-retry=false  with x-should-retry
    429:spend-limit         the account's spend limit      reset                   billed, then the connection drops
    timeout:0.3             billed, answered 0.3 s late    truncated               half of the text, max_tokens
    refusal                 declined                       fenced                  JSON in a Markdown fence, in prose
    bad_schema              JSON of another shape          thinking                a thinking block comes first
    tool_use                calls the first tool           no_usage                an answer without usage
    garbage                 200, but no message            stream_error            an error event inside the stream
    stream_reset            a stream that breaks off       other_model:NAME        answered, and billed, by that model
    stream_stall:20         a stream that stands still in its middle for 20 s
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import ClassVar

from local.fakes.anthropic_answers import answer_to
from local.fakes.anthropic_wire import (
    VERSIONS,
    Refusal,
    error_body,
    events_of,
    rate_limit_headers,
    refusal_of,
)
from local.fakes.loopback import LoopbackDoor, LoopbackServer
from shared.core.canonical import JsonObject, canonical_json, text_digest
from shared.llm.models import facts_of
from shared.llm.prefixes import PrefixCache
from shared.llm.prices import cost_of
from shared.trace.calls import Usage

MOST_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request: a name, and what stands behind the colon."""

    name: str
    options: dict[str, str]

    @classmethod
    def read(cls, text: str) -> Fault:
        name, _, rest = text.partition(":")
        pairs = [part.partition("=") for part in rest.split(",") if part]
        return cls(name, {key: value if mark else key for key, mark, value in pairs})

    @property
    def status(self) -> int | None:
        return int(self.name) if self.name.isdigit() else None

    @property
    def delay_s(self) -> float:
        return float(next(iter(self.options))) if self.name == "timeout" else 0.0


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the bill, in US dollars."""

    request_id: str
    model: str
    usage: Usage
    usd: Decimal
    fault: str
    prompt_sha256: str = ""  # of the user prompt as the journal keeps it: which call it was that cost this


@dataclass
class Desk:
    """Everything the fake remembers. Shared by the server's threads; each method holds the lock."""

    keys: frozenset[str] | None = None
    clock: Callable[[], float] = time.monotonic
    lock: threading.Lock = field(default_factory=threading.Lock)
    cache: PrefixCache = field(default_factory=PrefixCache)
    script: deque[Fault] = field(default_factory=deque)
    charges: deque[Charge] = field(default_factory=lambda: deque(maxlen=100_000))
    received: deque[JsonObject] = field(default_factory=lambda: deque(maxlen=1_000))
    total_usd: Decimal = Decimal(0)
    counts: Counter[str] = field(default_factory=Counter)
    at_work: int = 0
    most_at_once: int = 0
    pace_s: float = 0.0
    stalled: threading.Event = field(default_factory=threading.Event)  # a stream stands still

    @contextmanager
    def working(self) -> Iterator[None]:
        """Counts how many requests are being answered at once."""
        with self.lock:
            self.at_work += 1
            self.most_at_once = max(self.most_at_once, self.at_work)
        try:
            yield
        finally:
            with self.lock:
                self.at_work -= 1

    def arrive(self, body: JsonObject) -> tuple[str, Fault]:
        """A request id, and what shall happen to this request."""
        with self.lock:
            self.counts["requests"] += 1
            self.received.append(body)
            fault = self.script.popleft() if self.script else Fault("ok", {})
            return f"req_fake_{self.counts['requests']:06d}", fault

    def prompt_usage(self, body: JsonObject, key: str) -> Usage:
        least = facts_of(body["model"]).min_cacheable
        with self.lock:
            return self.cache.count(body, min_cacheable=least, now=self.clock(), owner=key)

    def charge(self, request_id: str, model: str, usage: Usage, fault: Fault, prompt_sha256: str) -> None:
        cost = cost_of(usage, model)
        with self.lock:
            self.counts["charged"] += 1
            self.total_usd += cost.usd
            self.charges.append(Charge(request_id, model, usage, cost.usd, fault.name, prompt_sha256))

    def add_faults(self, faults: list[str]) -> None:
        with self.lock:
            self.script.extend(Fault.read(text) for text in faults)

    def reset(self) -> None:
        with self.lock:
            self.cache, self.total_usd, self.pace_s = PrefixCache(), Decimal(0), 0.0
            for kept in (self.script, self.charges, self.received, self.counts):
                kept.clear()

    def bill(self) -> JsonObject:
        """Exact totals as text, and the last charges."""
        with self.lock:
            rows = [_row(charge) for charge in self.charges]
            return {
                "requests": self.counts["requests"],
                "charged": self.counts["charged"],
                "total_usd": str(self.total_usd),
                "total_micro_usd": str((self.total_usd * 1_000_000).normalize()),
                "rows": rows,
            }


def _row(charge: Charge) -> JsonObject:
    usage = charge.usage
    return {
        "request_id": charge.request_id,
        "model": charge.model,
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_tokens": usage.output_tokens,
        "usd": str(charge.usd),
        "fault": charge.fault,
        "prompt_sha256": charge.prompt_sha256,
    }


def _prompt_sha256(body: JsonObject) -> str:
    """Of the one user message as text, else of all messages as JSON: what `ModelRequest.user_prompt` is."""
    messages = body["messages"]
    first = messages[0]["content"]
    return text_digest(first if len(messages) == 1 and isinstance(first, str) else canonical_json(messages))


class _Server(LoopbackServer):
    def __init__(self, port: int, desk: Desk) -> None:
        super().__init__(port, _Door)
        self.desk = desk


class _Door(LoopbackDoor):
    server: _Server
    routes: ClassVar[dict[str, str]] = {
        "/v1/messages": "_messages",
        "/_script": "_take_script",
        "/_pace": "_set_pace",
        "/_reset": "_reset",
    }

    def do_GET(self) -> None:
        if self.path == "/_bill":
            self._send(200, self.server.desk.bill())
        else:
            self._send(404, error_body(404, "Not found", "req_fake_none"))

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        raw = self.rfile.read(length) if length <= MOST_BYTES else b""
        name = self.routes.get(self.path.partition("?")[0])
        if length > MOST_BYTES:
            self.close_connection = True
            self._send(413, error_body(413, "Request exceeds the maximum size", "req_fake_none"))
        elif name is None:
            self._send(404, error_body(404, "Not found", "req_fake_none"))
        else:
            getattr(self, name)(raw)

    def _take_script(self, raw: bytes) -> None:
        self.server.desk.add_faults(json.loads(raw)["faults"])
        self._send(200, {"waiting": len(self.server.desk.script)})

    def _set_pace(self, raw: bytes) -> None:
        self.server.desk.pace_s = float(json.loads(raw)["seconds"])
        self._send(200, {})

    def _reset(self, _raw: bytes) -> None:
        self.server.desk.reset()
        self._send(200, {})

    def _messages(self, raw: bytes) -> None:
        with self.server.desk.working():
            self._take_request(raw)

    def _take_request(self, raw: bytes) -> None:
        desk = self.server.desk
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return self._refuse(Refusal(400, "The request body is not a JSON object"), "req_fake_none")
        request_id, fault = desk.arrive(body)
        refused = self._door_refusal() or refusal_of(body, self.headers["anthropic-version"])
        if refused:
            return self._refuse(refused, request_id)
        if fault.status is not None:
            return self._fail(fault, request_id)
        model = next(iter(fault.options)) if fault.name == "other_model" else body["model"]
        message, usage = answer_to(body, request_id, fault.name, desk.prompt_usage(body, self._key()), model)
        desk.charge(request_id, model, usage, fault, _prompt_sha256(body))
        return self._deliver(body, message, request_id, fault)

    def _door_refusal(self) -> Refusal | None:
        keys = self.server.desk.keys
        if not self._key() or (keys is not None and self._key() not in keys):
            return Refusal(401, "invalid x-api-key")
        if self.headers.get("anthropic-version") not in VERSIONS:
            return Refusal(400, "anthropic-version: header is required, and must be a known version")
        return None

    def _key(self) -> str:
        bearer = self.headers.get("authorization", "")
        return bearer[len("Bearer ") :] if bearer.startswith("Bearer ") else self.headers.get("x-api-key", "")

    def _refuse(self, refused: Refusal, request_id: str) -> None:
        self._send(refused.status, error_body(refused.status, refused.message, request_id), request_id)

    def _fail(self, fault: Fault, request_id: str) -> None:
        status = fault.status or 500
        wanted = {"retry-after": "retry-after", "should-retry": "x-should-retry"}
        headers = {header: fault.options[option] for option, header in wanted.items() if option in fault.options}
        code = "enforced_spend_limit_reached" if "spend-limit" in fault.options else None
        self._send(status, error_body(status, "A fault from the script", request_id, code), request_id, headers)

    def _deliver(self, body: JsonObject, message: JsonObject, request_id: str, fault: Fault) -> None:
        if fault.name == "reset":
            return self.hang_up()
        time.sleep(fault.delay_s + self.server.desk.pace_s)
        if fault.name == "garbage":
            return self._send(200, {"hello": "from a proxy"}, request_id)
        if fault.name == "no_usage":
            message = {name: value for name, value in message.items() if name != "usage"}
        if body.get("stream"):
            return self._stream(message, request_id, fault)
        return self._send(200, message, request_id)

    def _stream(self, message: JsonObject, request_id: str, fault: Fault) -> None:
        self._head(200, "text/event-stream; charset=utf-8", request_id, {"transfer-encoding": "chunked"})
        for number, event in enumerate(events_of(message)):
            if number == 4 and fault.name == "stream_reset":
                return self.hang_up()
            if number == 4 and fault.name == "stream_stall":
                self.server.desk.stalled.set()
                time.sleep(float(next(iter(fault.options))))
            if number == 4 and fault.name == "stream_error":
                event = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}  # noqa: PLW2901
            self._chunk(f"event: {event['type']}\ndata: {json.dumps(event)}   \n\n".encode())
            if event["type"] == "error":
                break
        return self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _send(self, status: int, body: JsonObject, request_id: str = "", headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body, separators=(",", ":")).encode()
        self._head(status, "application/json", request_id, {"content-length": str(len(data)), **(headers or {})})
        self.wfile.write(data)

    def _head(self, status: int, content_type: str, request_id: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        told = {"content-type": content_type, "request-id": request_id, **rate_limit_headers(3999)}
        for name, value in {**told, **headers}.items():
            self.send_header(name, value)
        self.end_headers()


class FakeAnthropic:
    """The fake in a thread of this process: `with FakeAnthropic() as fake:`, then `fake.base_url`."""

    def __init__(
        self, port: int = 0, *, keys: frozenset[str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.desk = Desk(keys=keys, clock=clock)
        self._server = _Server(port, self.desk)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def script(self, *faults: str) -> None:
        """What happens to the next requests, one fault each."""
        self.desk.add_faults(list(faults))

    def __enter__(self) -> FakeAnthropic:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(description="A fake of the messages API on this machine.")
    parser.add_argument("--port", type=int, default=8090)
    server = _Server(parser.parse_args().port, Desk())
    print(f"fake messages API on http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()

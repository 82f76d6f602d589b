"""A lean HTTP/1.1 client: keep-alive, one callback per exchange, no task and no object per header.

A general client costs several times the CPU of everything else the queue does for a task. This one sends bytes that
are already built, reads the status and two or three headers, and throws the body away.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, cast
from urllib.parse import quote, urlsplit

from local.tasks.answer import AnswerReader, Head

IDLE_S = 1.5  # gunicorn closes an idle connection after 2 s; a request must not meet that
RACE_S = 1.0  # a kept connection that dies this soon, unanswered, was closed before it saw the request
MAX_IDLE = 256

UNAVAILABLE, DEADLINE_EXCEEDED = "UNAVAILABLE", "DEADLINE_EXCEEDED"


class Answer(NamedTuple):
    """What the target said. `status` 0: nothing, and `reason` tells why."""

    status: int
    reason: str
    retry_after: str | None = None


class Origin(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    tls: bool


class Target(NamedTuple):
    """A URL, taken apart once."""

    origin: Origin
    host_header: str
    path: str


Done = Callable[[Answer], None]


@lru_cache(maxsize=1024)
def target_of(url: str) -> Target:
    """Takes a URL apart. ValueError says what is wrong with it."""
    parts = urlsplit(quote(url, safe="%/:=&?~#+!$,;'@()*[]"))
    if parts.scheme not in ("http", "https"):
        raise ValueError("must start with http:// or https://")
    if not parts.hostname or "@" in parts.netloc:
        raise ValueError("must name a host, without user or password")
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(Origin(parts.hostname, port, tls), parts.netloc, path)


class Exchange:
    """One request and the callback that waits for its answer. The callback is called exactly once."""

    __slots__ = ("_done", "connection", "may_have_body", "origin", "payload", "sent_at", "timer")

    def __init__(self, origin: Origin, payload: bytes, may_have_body: bool, done: Done) -> None:
        self.origin, self.payload, self.may_have_body = origin, payload, may_have_body
        self._done: Done | None = done
        self.timer: asyncio.TimerHandle | None = None
        self.connection: Connection | None = None
        self.sent_at = 0.0

    @property
    def is_over(self) -> bool:
        return self._done is None

    def finish(self, answer: Answer) -> None:
        done, self._done, self.connection = self._done, None, None
        if self.timer is not None:
            self.timer.cancel()
        if done is not None:
            done(answer)

    def expire(self) -> None:
        """The deadline has passed. Whoever works on the request is not told; only the connection goes."""
        if self.connection is not None:
            self.connection.abort()
        self.finish(Answer(0, DEADLINE_EXCEEDED))


class Connection(asyncio.Protocol):
    """One connection: idle, or in the middle of one exchange."""

    def __init__(self, client: HttpClient, origin: Origin) -> None:
        self._client, self._origin = client, origin
        self._transport: asyncio.WriteTransport | None = None
        self._exchange: Exchange | None = None
        self._reader = AnswerReader(may_have_body=True)
        self._is_reused = False
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def start(self, exchange: Exchange, *, is_reused: bool) -> None:
        """Sends the request. The connection must be open and idle."""
        assert self._transport is not None
        self._exchange, self._is_reused, exchange.connection = exchange, is_reused, self
        self._reader = AnswerReader(may_have_body=exchange.may_have_body)
        exchange.sent_at = self._client.loop.time()
        self._transport.write(exchange.payload)

    def abort(self) -> None:
        """Closes at once, and forgets the exchange without finishing it."""
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:  # an answer to nothing: never trust this connection again
            self.abort()
            return
        try:
            is_complete = self._reader.feed(data)
        except ValueError as bad:
            exchange = self._exchange
            self.abort()
            exchange.finish(Answer(0, f"{UNAVAILABLE}: malformed answer, {bad}"))
            return
        if is_complete:
            self._finish(self._exchange, self._reader)

    def _finish(self, exchange: Exchange, reader: AnswerReader) -> None:
        assert reader.head is not None
        self._exchange = None
        if reader.head.keep and not reader.extra and self.is_open:
            self._client.keep(self._origin, self)
        else:
            self.abort()
        exchange.finish(_answer(reader.head))

    def connection_lost(self, _: Exception | None) -> None:
        self._client.drop(self._origin, self)
        exchange, reader = self._exchange, self._reader
        self._exchange = None
        if exchange is None:
            return
        if reader.head is not None and reader.ends_at_close:
            exchange.finish(_answer(reader.head))
        elif self._is_reused and not reader.has_begun and self._client.loop.time() - exchange.sent_at < RACE_S:
            self._client.open(exchange)
        else:
            exchange.finish(Answer(0, f"{UNAVAILABLE}: connection lost"))


def _answer(head: Head) -> Answer:
    return Answer(head.status, f"HTTP status code {head.status}", head.retry_after)


class HttpClient:
    """Idle connections by origin, and the way to a new one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._idle: dict[Origin, list[Connection]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None

    def send(self, target: Target, payload: bytes, *, may_have_body: bool, deadline_s: float, done: Done) -> None:
        """Sends one whole request; `done` gets the answer, or the reason why there is none, exactly once."""
        exchange = Exchange(target.origin, payload, may_have_body, done)
        exchange.timer = self.loop.call_later(deadline_s, exchange.expire)
        connection = self._kept(target.origin)
        if connection is None:
            self.open(exchange)
        else:
            connection.start(exchange, is_reused=True)

    def _kept(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        oldest = self.loop.time() - IDLE_S
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def open(self, exchange: Exchange) -> None:
        """Sends over a new connection."""
        exchange.connection = None
        opening = self.loop.create_task(self._open(exchange))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    async def _open(self, exchange: Exchange) -> None:
        origin = exchange.origin
        try:
            _, connection = await self.loop.create_connection(
                lambda: Connection(self, origin), origin.host, origin.port, ssl=self._context(origin)
            )
        except OSError as refused:  # also TLS and name lookup failures
            exchange.finish(Answer(0, f"{UNAVAILABLE}: {refused.strerror or type(refused).__name__}"))
            return
        if exchange.is_over:  # the deadline passed while we connected
            connection.abort()
        elif connection.is_open:
            connection.start(exchange, is_reused=False)
        else:
            exchange.finish(Answer(0, f"{UNAVAILABLE}: connection lost"))

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if not origin.tls:
            return None
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Takes a connection back for the next request."""
        idle = self._idle.setdefault(origin, [])
        if len(idle) >= MAX_IDLE:
            connection.abort()
            return
        connection.idle_since = self.loop.time()
        idle.append(connection)

    def drop(self, origin: Origin, connection: Connection) -> None:
        """Forgets a connection that was closed."""
        idle = self._idle.get(origin)
        if idle and connection in idle:
            idle.remove(connection)

    def close(self) -> None:
        """Closes what is idle and stops what is being opened."""
        for idle in self._idle.values():
            for connection in tuple(idle):
                connection.abort()
        for opening in tuple(self._opening):
            opening.cancel()

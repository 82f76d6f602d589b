"""One queue at run time: which task is next, how fast, and how many at once. Sleeps on one timer; never polls."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.tasks.backoff import RetryRule
from local.tasks.wire import RUNNING, Message

MAX_SLEEP_S = 60.0  # so that a machine that slept, or whose clock was set, looks again


@dataclass(slots=True, eq=False)
class Pending:
    """A task that is not over. Times in seconds since 1970. `message` None: its content is only in the store."""

    lane: Lane
    name: str
    due: float
    created: float
    message: Message | None = None
    id: int = 0
    dispatches: int = 0
    responses: int = 0
    executions: int = 0  # responses other than 5xx
    first_at: float = 0.0
    last_at: float = 0.0
    previous: int = 0  # the status of the last response
    reason: str = ""
    is_in_flight: bool = False
    is_over: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.lane.name}/tasks/{self.name}"


class TokenBucket:
    """Lets `rate` things a second through, and up to one second's worth at once."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.burst = max(1.0, rate)
        self._tokens, self._at = self.burst, now

    def take(self, now: float) -> float:
        """Takes a token and returns 0, or takes none and returns the seconds until there is one."""
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self.rate
        self._tokens -= 1.0
        return 0.0

    def change(self, rate: float) -> None:
        """From now on another rate. What was saved up is kept, within the new bound."""
        self.rate, self.burst = rate, max(1.0, rate)
        self._tokens = min(self._tokens, self.burst)


class Lane:
    """The tasks of one queue that are not over, and the one place that decides when each is dispatched."""

    def __init__(
        self, number: int, message: Message, loop: asyncio.AbstractEventLoop, dispatch: Callable[[Pending], None]
    ) -> None:
        self.id = number
        self.name: str = message.name
        self.short_name = self.name.rsplit("/", 1)[1]
        self.tasks: dict[int, Pending] = {}
        self.in_flight = 0
        self.is_closed = False  # the server is stopping, or the queue is deleted
        self._loop, self._dispatch = loop, dispatch
        self._heap: list[tuple[float, int, Pending]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._bucket = TokenBucket(message.rate_limits.max_dispatches_per_second, loop.time())
        self.message = message
        self.configure(message)

    def configure(self, message: Message) -> None:
        """Takes over a complete Queue message: state, rate limits and retry settings."""
        self.message = message
        self.rule = RetryRule.of(message.retry_config)
        self._bucket.change(message.rate_limits.max_dispatches_per_second)
        self._max_in_flight: int = message.rate_limits.max_concurrent_dispatches
        self.pump()

    def add(self, pending: Pending) -> None:
        """A stored task joins."""
        self.tasks[pending.id] = pending
        self.schedule(pending)

    def schedule(self, pending: Pending) -> None:
        """The task is to be dispatched at `pending.due`. An earlier entry of it is passed over."""
        heapq.heappush(self._heap, (pending.due, pending.id, pending))
        self.pump()

    def end(self, pending: Pending) -> None:
        """The task is over. An attempt that is still under way ends unheard."""
        pending.is_over = True
        self.tasks.pop(pending.id, None)

    def end_all(self) -> None:
        """Every task of this queue is over."""
        for pending in self.tasks.values():
            pending.is_over = True
        self.tasks.clear()
        self._heap.clear()

    def close(self) -> None:
        """Nothing is dispatched from here any more."""
        self.is_closed = True
        self._sleep(None)

    def start(self, pending: Pending) -> None:
        """Dispatches a task now, whatever the limits say."""
        self.in_flight += 1
        pending.is_in_flight = True
        self._dispatch(pending)

    def release(self, pending: Pending) -> None:
        """An attempt ended; the next one may begin."""
        self.in_flight -= 1
        pending.is_in_flight = False

    def pump(self) -> None:
        """Dispatches what is due and allowed, and sleeps until the next may be."""
        now = time.time()
        while self._heap and not self.is_closed and self.message.state == RUNNING:
            due, _, pending = self._heap[0]
            if pending.is_over or pending.is_in_flight or pending.due != due:
                heapq.heappop(self._heap)
                continue
            if due > now:
                return self._sleep(due - now)
            if self.in_flight >= self._max_in_flight:
                break  # the next release pumps again
            wait_s = self._bucket.take(self._loop.time())
            if wait_s:
                return self._sleep(wait_s)
            heapq.heappop(self._heap)
            self.start(pending)
        return self._sleep(None)

    def _sleep(self, wait_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait_s is not None:
            self._timer = self._loop.call_later(min(wait_s + 0.001, MAX_SLEEP_S), self.pump)

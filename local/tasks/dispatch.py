"""Attempts: a due task becomes one HTTP request, and its answer ends the task or makes it due again."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from local.tasks.backoff import RETENTION_S, RetryRule, retry_after_s
from local.tasks.http import Answer, HttpClient, target_of
from local.tasks.lane import Pending
from local.tasks.request import Bearers, Mint, request_bytes
from local.tasks.store import Store
from local.tasks.wire import METHODS, Task, seconds

log = logging.getLogger("tasks")

DEFAULT_DEADLINE_S = 600.0
NOTE_AFTER_S = 0.05
"""An attempt that takes longer is written down while it runs, so that a killed server still counts it."""

KEEP_S = 60.0
"""The content of a task that waits longer than this stays in the store only."""


class Dispatcher:
    """Makes attempts and settles them. One per server."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop, mint: Mint, *, time_scale: float = 1.0) -> None:
        self._store, self._loop, self._scale = store, loop, time_scale
        self._http = HttpClient(loop)
        self._bearers = Bearers(mint)
        self._begun: list[tuple[Pending, int]] = []
        self._in_flight = 0
        self._drained: asyncio.Future[None] | None = None

    def dispatch(self, pending: Pending) -> None:
        """Begins one attempt. The lane has already counted it as in flight."""
        if pending.message is None:
            pending.message = Task.FromString(self._store.message(pending.id))
        task, now = pending.message, time.time()
        target = target_of(task.http_request.url)
        payload = request_bytes(pending, task.http_request, target, self._bearers)
        self._in_flight += 1
        pending.dispatches += 1
        pending.first_at = pending.first_at or now
        pending.last_at = now
        self._note_later(pending)
        self._http.send(
            target,
            payload,
            may_have_body=METHODS[task.http_request.http_method] != "HEAD",
            deadline_s=(seconds(task.dispatch_deadline) or DEFAULT_DEADLINE_S) * self._scale,
            done=partial(self._answered, pending),
        )

    def _note_later(self, pending: Pending) -> None:
        if not self._begun:
            self._loop.call_later(NOTE_AFTER_S, self._note_running)
        self._begun.append((pending, pending.dispatches))

    def _note_running(self) -> None:
        begun, self._begun = self._begun, []
        for pending, attempt in begun:
            if pending.is_in_flight and not pending.is_over and pending.dispatches == attempt:
                self._store.save(pending)

    def _answered(self, pending: Pending, answer: Answer) -> None:
        lane = pending.lane
        lane.release(pending)
        if pending.is_over:  # deleted or purged meanwhile
            pass
        elif 200 <= answer.status < 300:
            lane.end(pending)
            self._store.finish(pending)
        else:
            self._failed(pending, answer)
        lane.pump()
        self._in_flight -= 1
        if self._drained is not None and self._in_flight == 0:
            self._drained.set_result(None)

    def _failed(self, pending: Pending, answer: Answer) -> None:
        pending.responses += answer.status > 0
        pending.executions += 0 < answer.status < 500
        pending.previous, pending.reason = answer.status, answer.reason
        now = time.time()
        rule = self._rule(pending)
        since_first_s = (now - pending.first_at) / self._scale
        if rule.is_exhausted(pending.dispatches, since_first_s) or now - pending.created > RETENTION_S:
            self._give_up(pending)
            return
        wait_s = max(rule.delay_s(pending.dispatches), retry_after_s(answer.retry_after)) * self._scale
        pending.due = now + wait_s
        log.info("%s attempt %d: %s; again in %.2f s", pending.name, pending.dispatches, answer.reason, wait_s)
        self._store.save(pending)
        if wait_s > KEEP_S:
            pending.message = None
        pending.lane.schedule(pending)

    def _rule(self, pending: Pending) -> RetryRule:
        own = pending.message is not None and pending.message.HasField("retry_config")
        return RetryRule.of(pending.message.retry_config) if own and pending.message else pending.lane.rule

    def _give_up(self, pending: Pending) -> None:
        url = pending.message.http_request.url if pending.message else "?"
        log.warning(
            "giving up %s (%s) after %d attempts: %s", pending.full_name, url, pending.dispatches, pending.reason
        )
        pending.lane.end(pending)
        self._store.finish(pending)

    async def drain(self, patience_s: float) -> int:
        """Waits until no attempt is under way, or for so long; cuts the rest off and returns how many that were."""
        if self._in_flight:
            self._drained = self._loop.create_future()
            await asyncio.wait([self._drained], timeout=patience_s)
        self._http.close()
        return self._in_flight

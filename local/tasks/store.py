"""All state in one SQLite file. Writes of the same moment share one commit; nothing is answered before its commit.

WAL with synchronous=NORMAL survives a killed process. A finished task stays as a row without content: its name is
reserved for 24 hours. The file is locked for as long as the server runs, so that two servers never share one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NamedTuple

from local.tasks.lane import Lane, Pending

log = logging.getLogger("tasks")

RESERVED_S = 24 * 3600.0
BUSY_GAP_S = 0.0006  # new tasks that come closer together than this, on average,
COMMIT_EVERY_S = 0.001  # share a commit each millisecond; else each is committed at once
SETTLE_WITHIN_S = 0.005  # nobody waits for these writes: they go with the next new task, or after so long
FORGET_EVERY_S = 1.0
FORGET_AT_ONCE = 2000  # rows looked at


class QueueRow(NamedTuple):
    """A queue as it is stored: its number here, its full name, its serialized message."""

    id: int
    name: str
    message: bytes


@dataclass(slots=True)
class _Write:
    statement: str
    values: tuple[Any, ...]
    stored: Callable[[int | None], None] | None = None  # told the row's id, or None: the name is taken
    failed: Callable[[BaseException], None] | None = None


def _statements() -> dict[str, str]:
    text = files(__package__).joinpath("tasks.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


class Store:
    """Tables `queue` and `task`. Use it from the event loop's thread only."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop, *, time_scale: float = 1.0) -> None:
        """Opens or makes the file. sqlite3.Error: it is locked by another server, or not ours."""
        self._loop = loop
        self._sql = _statements()
        self._reserved_s = RESERVED_S * time_scale
        self._writes: list[_Write] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flush_due = self._flushed_at = 0.0
        self._gap_s, self._inserted_at = 10 * BUSY_GAP_S, 0.0
        self._forgot_at, self._forgot_id = 0.0, 0
        self._db = sqlite3.connect(path, isolation_level=None, cached_statements=64, timeout=0.1)
        self._db.executescript(self._sql["schema"])

    def close(self) -> None:
        self.flush()
        self._db.close()

    # Writes that wait for company.

    def insert(self, pending: Pending, message: bytes, stored: Callable[[Pending], None]) -> asyncio.Future[bool]:
        """Stores a new task. The future says whether the name was free; `stored` is called after the commit."""
        answer: asyncio.Future[bool] = self._loop.create_future()

        def told(row_id: int | None) -> None:
            if row_id is not None:
                pending.id = row_id
                stored(pending)
            if not answer.done():  # the caller may be gone: the task is stored all the same
                answer.set_result(row_id is not None)

        def failed(error: BaseException) -> None:
            if not answer.done():
                answer.set_exception(error)

        now = pending.created
        values = (pending.lane.id, pending.name, pending.due, now, message, now - self._reserved_s)
        self._add(_Write(self._sql["insert_task"], values, told, failed), self._window_s())
        return answer

    def _window_s(self) -> float:
        """How long a new task may wait for company: a lone one not at all."""
        now = time.monotonic()
        gap_s, self._inserted_at = min(now - self._inserted_at, 10 * BUSY_GAP_S), now
        self._gap_s += (gap_s - self._gap_s) / 16
        return COMMIT_EVERY_S if self._gap_s < BUSY_GAP_S else 0.0

    def finish(self, pending: Pending) -> None:
        """The task is over: its content goes, its name stays reserved."""
        self._add(_Write(self._sql["finish_task"], (time.time(), pending.id)), SETTLE_WITHIN_S)

    def save(self, pending: Pending) -> None:
        """Writes down where a task stands: when it is due and what its attempts came to."""
        values = (
            pending.due,
            pending.dispatches,
            pending.responses,
            pending.executions,
            pending.first_at,
            pending.last_at,
            pending.previous,
            pending.reason,
            pending.id,
        )
        self._add(_Write(self._sql["save_task"], values), SETTLE_WITHIN_S)

    def _add(self, write: _Write, within_s: float) -> None:
        """Commits the write no later than `within_s` after the last commit."""
        self._writes.append(write)
        due = max(self._loop.time(), self._flushed_at + within_s)
        if self._timer is not None:
            if self._flush_due <= due:
                return
            self._timer.cancel()
        self._flush_due, self._timer = due, self._loop.call_at(due, self.flush)

    def flush(self) -> None:
        """Commits what waits, then tells everyone who waits for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        writes, self._writes = self._writes, []
        if writes:
            self._commit(writes)
        self._flushed_at = self._loop.time()

    def _commit(self, writes: list[_Write]) -> None:
        answers: list[int | None] = []
        try:
            self._db.execute("BEGIN")
            for write in writes:
                row = self._db.execute(write.statement, write.values).fetchone()
                answers.append(row[0] if row else None)
            self._forget()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_back(writes, error)
            return
        for write, answer in zip(writes, answers, strict=True):
            if write.stored is not None:
                write.stored(answer)

    def _give_back(self, writes: list[_Write], error: sqlite3.Error) -> None:
        """Nothing was committed: new tasks are refused, the rest waits for the next commit."""
        log.error("the database refused a commit: %s", error)
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._writes[:0] = [write for write in writes if write.failed is None]
        for write in writes:
            if write.failed is not None:
                write.failed(error)

    def _forget(self) -> None:
        """Walks through the table, a piece at a time, and lets go of names that were reserved for long enough."""
        now = self._loop.time()
        if now - self._forgot_at < FORGET_EVERY_S:
            return
        self._forgot_at = now
        until = self._forgot_id + FORGET_AT_ONCE
        self._db.execute(self._sql["forget_names"], (self._forgot_id, until, time.time() - self._reserved_s))
        last_id: int = self._db.execute(self._sql["last_id"]).fetchone()[0]
        self._forgot_id = until if until < last_id else 0

    # Queues: rare, so each is its own commit.

    def put_queue(self, name: str, message: bytes) -> int:
        """Stores a new queue, or a new content of one. Returns its number."""
        self.flush()
        number: int = self._db.execute(self._sql["put_queue"], (name, message)).fetchone()[0]
        return number

    def delete_queue(self, queue_id: int) -> None:
        """Forgets a queue with all its tasks and names."""
        self.flush()
        self._db.execute("BEGIN")
        self._db.execute(self._sql["delete_tasks"], (queue_id,))
        self._db.execute(self._sql["delete_queue"], (queue_id,))
        self._db.execute("COMMIT")

    def purge(self, queue_id: int) -> None:
        """Ends every task of a queue that is stored by now. Their names stay reserved."""
        self.flush()
        self._db.execute(self._sql["purge_tasks"], (time.time(), queue_id))

    # Reads: they see every write that came before them.

    def queues(self) -> list[QueueRow]:
        self.flush()
        return [QueueRow(*row) for row in self._db.execute(self._sql["all_queues"])]

    def open_tasks(self, lane: Lane) -> list[Pending]:
        """Every task of a queue that is not over, without its content: for a start."""
        self.flush()
        return [_pending(lane, row) for row in self._db.execute(self._sql["open_tasks"], (lane.id,))]

    def find(self, queue_id: int, name: str) -> tuple[int, bool] | None:
        """The id of a task by its name and whether it is over; None if its name is free."""
        self.flush()
        values = (queue_id, name, time.time() - self._reserved_s)
        row = self._db.execute(self._sql["find_task"], values).fetchone()
        return None if row is None else (row[0], bool(row[1]))

    def message(self, task_id: int) -> bytes:
        """The serialized message of a stored task that is not over."""
        row: tuple[bytes] = self._db.execute(self._sql["task_message"], (task_id,)).fetchone()
        return row[0]


def _pending(lane: Lane, row: tuple[Any, ...]) -> Pending:
    row_id, name, due, created, dispatches, responses, executions, first_at, last_at, previous, reason = row
    return Pending(
        lane=lane,
        name=name,
        due=due,
        created=created,
        id=row_id,
        dispatches=dispatches,
        responses=responses,
        executions=executions,
        first_at=first_at,
        last_at=last_at,
        previous=previous,
        reason=reason,
    )

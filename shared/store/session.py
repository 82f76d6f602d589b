"""The only ways into the database: `session_for_workspace` and, for the few things that cross workspaces,
`session_unscoped` (A023, B040, B041)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from pg8000.exceptions import DatabaseError

from shared.config import Settings, current_settings
from shared.errors import NotEnoughSettingsError, StoreBusyError
from shared.store.connection import LOST, CloudSql, Pool, connect_url, translated
from shared.store.notices import RunEnds
from shared.store.sql import queries
from shared.store.wire import Row, Statement, WireConnection

Step = tuple[str, dict[str, Any]]  # a query's name and its values
AfterMoves = Callable[[UUID, Sequence[Step]], None]  # a workspace, and what was done in it

_BEGIN = Statement("begin")
_COMMIT = Statement("commit")
_ROLLBACK = Statement("rollback")
_MAX_TRIES = 5


def _in_workspace(workspace_id: UUID) -> Statement:
    return queries()["enter_workspace"].with_values({"workspace_id": workspace_id})


class Session:
    """A transaction in one workspace. The first statement carries `begin` and the workspace with it."""

    def __init__(self, connection: WireConnection, opening: Sequence[Statement]) -> None:
        self._connection, self._opening = connection, list(opening)

    def fetch(self, name: str, /, **values: Any) -> list[Row]:
        """Runs the named query and returns its rows."""
        return self.fetch_all([(name, values)])[0]

    def fetch_all(self, steps: Sequence[Step]) -> list[list[Row]]:
        """Runs several queries in one network wait."""
        statements = [queries()[name].with_values(values) for name, values in steps]
        opening, self._opening = self._opening, []
        try:
            return self._connection.exchange([*opening, *statements])[len(opening) :]
        except DatabaseError as error:
            raise translated(error) from error

    def _end(self, statement: Statement) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.exchange([statement])
            except DatabaseError as error:
                raise translated(error) from error


class Store:
    """The two pools of a process, opened at first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pools: dict[str, Pool] = {}
        self._lock = threading.Lock()
        self._run_ends: RunEnds | None = None
        self.after_moves: AfterMoves | None = None  # is called after each commit in a workspace

    @property
    def run_ends(self) -> RunEnds:
        """Where to wait for a run to end. Listens on a connection of its own."""
        with self._lock:
            if self._run_ends is None:
                self._run_ends = RunEnds(Pool(self._connect(False), 1))
            return self._run_ends

    def pool(self, *, unscoped: bool = False) -> Pool:
        name = "unscoped" if unscoped else "app"
        with self._lock:
            if name not in self._pools:
                size = 2 if unscoped else self._settings.database_pool_size
                self._pools[name] = Pool(self._connect(unscoped), size)
            return self._pools[name]

    def _connect(self, unscoped: bool) -> Any:
        settings = self._settings
        url = settings.database_unscoped_url if unscoped else settings.database_url
        if url is not None:
            name = "DATABASE_UNSCOPED_URL" if unscoped else "DATABASE_URL"
            return lambda: connect_url(url, name)
        user = settings.cloud_sql_unscoped_user if unscoped else settings.cloud_sql_user
        if settings.cloud_sql_instance and user:
            return CloudSql(settings, user)
        wanted = (
            "DATABASE_UNSCOPED_URL or CLOUD_SQL_UNSCOPED_USER" if unscoped else "DATABASE_URL or CLOUD_SQL_INSTANCE"
        )
        raise NotEnoughSettingsError(f"settings: {wanted}: no database is named; `army up` starts one on this machine")

    def move(self, workspace_id: UUID, name: str, /, **values: Any) -> list[Row]:
        """One statement, a transaction of its own, one network wait. Tried again if Postgres had to abort it."""
        return self.move_all(workspace_id, [(name, values)])[0]

    def move_step(self, workspace_id: UUID, name: str, /, *, run_id: UUID, **values: Any) -> list[Row]:
        """A move of a step: its run is locked first, in the same network wait."""
        return self.move_all(workspace_id, [("lock_run", {"run_id": run_id}), (name, {"run_id": run_id, **values})])[1]

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        """Several statements as one transaction in one network wait."""
        statements = [queries()[name].with_values(values) for name, values in steps]
        rows = self._once(self.pool(), [_in_workspace(workspace_id), *statements])[1:]
        if self.after_moves is not None:
            self.after_moves(workspace_id, steps)
        return rows

    @contextmanager
    def session(self, workspace_id: UUID) -> Iterator[Session]:
        """A transaction that sees this workspace's rows only. Commits at the end, rolls back on an error."""
        with _session(self.pool(), [_BEGIN, _in_workspace(workspace_id)]) as session:
            yield session

    def move_unscoped(self, name: str, /, **values: Any) -> list[Row]:
        """One statement across workspaces, as the second role."""
        return self._once(self.pool(unscoped=True), [queries()[name].with_values(values)])[0]

    def _once(self, pool: Pool, statements: Sequence[Statement]) -> list[list[Row]]:
        tries = 0
        while True:
            tries += 1
            try:
                with pool.connection() as connection:
                    return connection.exchange(statements)
            except DatabaseError as error:
                told = translated(error)
                if not _was_aborted(error) or tries == _MAX_TRIES:
                    raise told from error

    def close(self) -> None:
        with self._lock:
            pools, self._pools = self._pools, {}
            run_ends, self._run_ends = self._run_ends, None
        if run_ends is not None:
            run_ends.close()
        for pool in pools.values():
            pool.close()


def _was_aborted(error: DatabaseError) -> bool:
    """A deadlock or a serialisation failure: Postgres undid it all, so doing it again is safe."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return details.get("C") in ("40001", "40P01")


@contextmanager
def _session(pool: Pool, opening: Sequence[Statement]) -> Iterator[Session]:
    with pool.connection() as connection:
        session = Session(connection, opening)
        try:
            yield session
        except LOST:
            raise
        except BaseException:
            session._end(_ROLLBACK)
            raise
        session._end(_COMMIT)


_lock = threading.Lock()
_stores: dict[int, tuple[Settings, Store]] = {}


def current_store() -> Store:
    """This process's store, for its current settings."""
    settings = current_settings()
    with _lock:
        held = _stores.get(id(settings))
        if held is None:
            held = _stores[id(settings)] = (settings, Store(settings))
        return held[1]


@contextmanager
def session_for_workspace(workspace_id: UUID) -> Iterator[Session]:
    """A transaction that sees this workspace's rows only. Commits at the end, rolls back on an error."""
    with current_store().session(workspace_id) as session:
        yield session


@contextmanager
def session_unscoped() -> Iterator[Session]:
    """A transaction across workspaces, as the second, named role. For the sweep, and rarely for anything else."""
    with _session(current_store().pool(unscoped=True), [_BEGIN]) as session:
        yield session


__all__ = ["Session", "Store", "StoreBusyError", "current_store", "session_for_workspace", "session_unscoped"]

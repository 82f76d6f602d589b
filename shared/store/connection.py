"""How connections are made, kept and checked. Nothing is opened at import: the server forks after it."""

from __future__ import annotations

import logging
import os
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.dbapi
from pg8000.exceptions import DatabaseError, InterfaceError
from pydantic import SecretStr

from shared.config import Settings
from shared.errors import NotEnoughSettingsError, StoreBusyError
from shared.store.sql import queries
from shared.store.wire import WireConnection

log = logging.getLogger(__name__)

IDLE_S = 30.0  # a connection that rested longer is asked first whether it still lives
LOST = (InterfaceError, OSError, struct.error, EOFError)  # what pg8000 raises when the other side is gone
_SETTINGS = {
    "statement_timeout": "30000",
    "idle_in_transaction_session_timeout": "60000",
    "idle_session_timeout": "1800000",  # far longer than IDLE_S. What a quiet process keeps, others may be waiting for
    "jit": "off",
    "timezone": "UTC",
    "plan_cache_mode": "force_generic_plan",
}


class ConstraintError(Exception):
    """Postgres refused a write. `code` is the SQLSTATE, `constraint` the name of what refused."""

    def __init__(self, details: dict[str, str]) -> None:
        super().__init__(f"{details.get('C')}: {details.get('M')}")
        self.code = details.get("C", "")
        self.constraint = details.get("n", "")


def translated(error: DatabaseError) -> Exception:
    """Our own error for what Postgres said: busy (try again), or a broken constraint, or a bug (as it is)."""
    details = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code = str(details.get("C", ""))
    if code[:2] in ("08", "53") or code in ("40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57014"):
        return StoreBusyError(f"Postgres: {details.get('M', 'busy')} ({code})")
    if code[:2] == "23":
        return ConstraintError(details)
    unforeseen: Exception = error
    return unforeseen


def connect_url(url: SecretStr, role: str) -> WireConnection:
    """A connection by `postgresql://user:password@host:port/database?sslmode=…`; `?host=/folder` is a Unix socket."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("postgresql", "postgres"):
        raise NotEnoughSettingsError(f"{role}: must begin with postgresql://")
    query = parse_qs(parts.query)
    folder = query.get("host", [""])[0]
    port = parts.port or 5432
    where: dict[str, Any] = (
        {"unix_sock": f"{folder}/.s.PGSQL.{port}"} if folder else {"host": parts.hostname or "localhost", "port": port}
    )
    return WireConnection.over(
        pg8000.dbapi.connect(
            user=unquote(parts.username or ""),
            password=unquote(parts.password) if parts.password else None,
            database=parts.path.lstrip("/") or None,
            ssl_context=_ssl(query.get("sslmode", ["prefer" if not folder else "disable"])[0]),
            timeout=60,
            application_name="tiktok-army",
            startup_params=_SETTINGS,
            **where,
        )
    )


def _ssl(mode: str) -> Any:
    if mode == "disable":
        return False
    if mode in ("verify-ca", "verify-full"):
        return ssl.create_default_context()
    return None if mode == "prefer" else True


def connect_owner(settings: Settings) -> Any:
    """A connection for migrations, as whoever may create the tables."""
    if settings.database_owner_url is None:
        raise NotEnoughSettingsError("settings: DATABASE_OWNER_URL: needed to migrate")
    connection = connect_url(settings.database_owner_url, "DATABASE_OWNER_URL")
    connection.__class__ = pg8000.dbapi.Connection
    return connection


class CloudSql:
    """Connections through the Cloud SQL connector. Made inside a request: its thread does not survive a fork."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings, self._user = settings, user
        self._connector: Any = None
        self._lock = threading.Lock()

    def __call__(self) -> WireConnection:
        from google.cloud.sql.connector import Connector, IPTypes

        with self._lock:
            if self._connector is None:
                # Lazy: a refresh in the background starves where CPU is given only during requests.
                self._connector = Connector(refresh_strategy="LAZY")
        made = self._connector.connect(
            self._settings.cloud_sql_instance,
            "pg8000",
            user=self._user,
            db=self._settings.cloud_sql_database,
            enable_iam_auth=True,
            ip_type=IPTypes.PRIVATE,
            startup_params=_SETTINGS,
        )
        return WireConnection.over(made)


class Pool:
    """At most `size` connections; the one used last is used first. A broken one is dropped, never given back."""

    def __init__(self, connect: Callable[[], WireConnection], size: int, wait_s: float = 30.0) -> None:
        self._connect, self._wait_s = connect, wait_s
        self._idle: list[tuple[float, WireConnection]] = []
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._checked = False

    @contextmanager
    def connection(self) -> Iterator[WireConnection]:
        """Lends a connection that stands outside a transaction, and takes it back if it still does."""
        if not self._free.acquire(timeout=self._wait_s):
            raise StoreBusyError("no database connection became free")
        try:
            connection = self._checkout()
            try:
                yield connection
            except LOST as lost:
                _close(connection)
                raise StoreBusyError(f"the database connection was lost ({type(lost).__name__})") from lost
            except BaseException:
                self._give_back(connection)
                raise
            self._give_back(connection)
        finally:
            self._free.release()

    def _checkout(self) -> WireConnection:
        while True:
            with self._lock:
                rested, connection = self._idle.pop() if self._idle else (0.0, None)
            if connection is None:
                return self._open()
            if time.monotonic() - rested < IDLE_S:
                return connection
            try:
                connection.ping()
            except (*LOST, DatabaseError):
                _close(connection)
            else:
                return connection

    def _open(self) -> WireConnection:
        try:
            connection = self._connect()
            if not self._checked:
                _refuse_strong_role(connection)
                self._checked = True
        except (*LOST, DatabaseError) as failed:
            raise StoreBusyError(f"could not connect to the database ({_reason(failed)})") from failed
        return connection

    def _give_back(self, connection: WireConnection) -> None:
        if connection.is_broken or connection.in_transaction:  # never lend a half-done transaction to the next
            _close(connection)
            return
        with self._lock:
            self._idle.append((time.monotonic(), connection))

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            _close(connection)


def _reason(failed: BaseException) -> str:
    details = failed.args[0] if failed.args else ""
    return str(details.get("M", "")) if isinstance(details, dict) else type(failed).__name__


def _close(connection: WireConnection) -> None:
    """Closes it whatever state it is in. What was not sent yet must not keep the socket of a broken one open."""
    sock = connection.socket
    try:
        connection.close()
    except (*LOST, AttributeError, ValueError):
        log.debug("a broken connection would not close")
    if sock is not None and (left_open := sock.detach()) >= 0:
        os.close(left_open)


def _refuse_strong_role(connection: WireConnection) -> None:
    """The wall holds only for a role that cannot step over it (DESIGN 3): anything stronger is refused."""
    (row,) = connection.exchange([queries()["what_this_role_can"].with_values({})])[0]
    if row.is_superuser or row.bypasses_rls or row.owns_tables or row.has_both:
        _close(connection)
        raise NotEnoughSettingsError(
            f"settings: the database role {row.name!r} is a superuser, bypasses row-level security, owns tables, "
            "or was granted both roles; run as a login that was granted army_app (or army_unscoped) and nothing more"
        )

"""pg8000 with one network wait where it would take three, and statements that are prepared once per connection.

pg8000 sends Parse, Describe and Bind+Execute each with a Sync of its own and waits for each. The protocol needs one
Sync for all of them, and for several statements in a row: what stands between two Syncs is one implicit transaction,
so `set_config(…, true)` and the statement it guards travel together. This touches internals of pg8000 1.31.6, which
is pinned; `waits` counts the round trips, and a test holds the count.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from struct import Struct
from typing import Any
from uuid import UUID

import pg8000.dbapi
from pg8000.converters import make_params
from pg8000.core import Context
from pg8000.exceptions import DatabaseError

Row = Any  # a named tuple whose fields are the statement's columns

_row_type: Any = namedtuple  # the columns are known only when a statement is described

_HEADER = Struct("!ci")
_LENGTH = Struct("!i")
_COUNT = Struct("!H")
_SYNC = b"S\x00\x00\x00\x04"
_EXECUTE = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00"
_READY, _PARSED, _DESCRIBED, _ROW, _COMPLETE, _FAILED = b"Z", b"1", b"T", b"D", b"C", b"E"
_TIMESTAMPTZ, _UUID_ARRAY = 1184, 2951  # oids of types, the same in every Postgres
_NO_DATA, _BOUND, _EMPTY = b"n", b"2", b"I"


@dataclass(slots=True)
class Prepared:
    """A statement this connection knows: its name, what makes a row, what reads each column."""

    name: bytes
    row: Any = None
    readers: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `$1` placeholders, and the values for them."""

    sql: str
    values: Sequence[Any] = ()


class WireConnection(pg8000.dbapi.Connection):  # type: ignore[misc]  # pg8000 has no types
    """A pg8000 connection that can exchange several statements in one network wait."""

    waits: int
    is_broken: bool
    prepared: dict[str, Prepared]

    @classmethod
    def over(cls, connection: Any) -> WireConnection:
        """Takes over a connection that pg8000, or the Cloud SQL connector, has made."""
        connection.__class__ = cls
        connection.waits = 0
        connection.is_broken = False
        connection.prepared = {}
        taken: WireConnection = connection
        return taken

    @property
    def in_transaction(self) -> bool:
        return bool(self._transaction_status != b"I")

    def exchange(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Sends all the statements, waits once, and returns the rows of each.

        Outside a transaction they are one transaction of their own: the first error undoes them all.
        """
        out = bytearray()
        try:
            fresh = [self._write(out, statement) for statement in statements]
        except Exception:  # a value that has no form on the wire: nothing was sent, so nothing was prepared
            self._forget_unparsed(statements, 0)
            raise
        out += _SYNC
        self.is_broken = True  # until everything that was asked has been read
        self._usock.sendall(out)
        self.waits += 1
        results, error = self._read_all(fresh)
        self.is_broken = False
        if error is not None:
            self._forget_unparsed(statements, len(results))
            raise error
        return results

    def ping(self) -> None:
        """One wait, no statement: raises if the other side is gone."""
        self.exchange([])

    @property
    def socket(self) -> Any:
        """The socket, for waiting until something arrives."""
        return self._usock

    def read_arrived(self) -> None:
        """Reads what the other side has sent by itself (notifications), without asking it anything. For a socket that
        is readable; if there is nothing after all, the other side may be gone: then it is asked."""
        if not self._has_arrived():
            self.ping()
        self.is_broken = True  # until the last message has been read whole
        while self._has_arrived():
            code, size = _HEADER.unpack(self._sock.read(5))
            self.message_types[code](self._sock.read(size - 4), Context(None))
        self.is_broken = False

    def _has_arrived(self) -> bool:
        self._usock.setblocking(False)
        try:
            return bool(self._sock.peek(1))
        finally:
            self._usock.setblocking(True)

    def take_notices(self) -> list[str]:
        """The payloads of the notifications that have arrived, each once."""
        payloads = []
        while self.notifications:
            payloads.append(self.notifications.popleft()[2])
        return payloads

    def _write(self, out: bytearray, statement: Statement) -> Prepared:
        known = self.prepared.get(statement.sql)
        if known is None:
            known = Prepared(b"army_%d\x00" % len(self.prepared))
            self.prepared[statement.sql] = known
            parse = known.name + statement.sql.encode() + b"\x00\x00\x00"
            out += b"P" + _LENGTH.pack(len(parse) + 4) + parse
            describe = b"S" + known.name
            out += b"D" + _LENGTH.pack(len(describe) + 4) + describe
        out += _bind(known.name, make_params(self.py_types, statement.values)) + _EXECUTE
        return known

    def _read_all(self, prepared: Sequence[Prepared]) -> tuple[list[list[Row]], DatabaseError | None]:
        """Reads until the other side is ready again: the rows of the statements that were done, and what failed."""
        results: list[list[Row]] = []
        rows: list[Row] = []
        error = None
        read = self._sock.read
        while True:
            code, size = _HEADER.unpack(read(5))
            body = read(size - 4)
            if code == _ROW:
                rows.append(_row(body, prepared[len(results)]))
            elif code in (_COMPLETE, _EMPTY):
                results.append(rows)
                rows = []
            elif code == _DESCRIBED:
                self._describe(body, prepared[len(results)])
            elif code == _FAILED:
                error = self._error(body)
            elif code == _READY:
                self._transaction_status = body
                return results, error
            elif code not in (_PARSED, _BOUND, _NO_DATA):
                self.message_types[code](body, Context(None))

    def _describe(self, body: bytes, prepared: Prepared) -> None:
        context = Context(None)
        self.handle_ROW_DESCRIPTION(body, context)
        names = [column["name"] for column in context.columns]
        prepared.row = _row_type("Row", names, rename=True)._make
        kinds = [column["type_oid"] for column in context.columns]
        prepared.readers = tuple(map(_reader, kinds, context.input_funcs))

    def _error(self, body: bytes) -> DatabaseError:
        context = Context(None)
        self.handle_ERROR_RESPONSE(body, context)
        return context.error

    def _forget_unparsed(self, statements: Sequence[Statement], failed_at: int) -> None:
        """After an error the rest was skipped: what was to be prepared there, or failed to be, is not known."""
        for statement in statements[failed_at:]:
            known = self.prepared.get(statement.sql)
            if known is not None:
                del self.prepared[statement.sql]
                self.prepared[f"-- forgotten {known.name!r} {len(self.prepared)}"] = known


def _bind(name: bytes, values: Sequence[str | None]) -> bytes:
    body = bytearray(b"\x00" + name + b"\x00\x00" + _COUNT.pack(len(values)))
    for value in values:
        if value is None:
            body += b"\xff\xff\xff\xff"
        else:
            encoded = value.encode()
            body += _LENGTH.pack(len(encoded)) + encoded
    body += b"\x00\x00"
    return b"B" + _LENGTH.pack(len(body) + 4) + bytes(body)


def _reader(kind: int, usual: Any) -> Any:
    if kind == _TIMESTAMPTZ:
        return partial(_moment, usual)
    return _uuids if kind == _UUID_ARRAY else usual


def _uuids(text: str) -> list[UUID]:
    """An array of ids, one level deep and without nulls: an array parser for any type costs ten times as much."""
    return [UUID(one) for one in text[1:-1].split(",")] if text != "{}" else []


def _moment(usual: Any, text: str) -> Any:
    """A time as Postgres writes it in ISO style; what Python has no date for (infinity, years before Christ) is left to
    pg8000, which takes fifty times as long."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return usual(text)


def _row(body: bytes, prepared: Prepared) -> Row:
    values: list[Any] = []
    at = 2
    for reader in prepared.readers:
        (length,) = _LENGTH.unpack_from(body, at)
        at += 4
        if length < 0:
            values.append(None)
        else:
            values.append(reader(body[at : at + length].decode()))
            at += length
    return prepared.row(values)

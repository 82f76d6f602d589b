"""Reading an HTTP/1.1 answer as it arrives: its status, the few headers that matter, and where it ends."""

from __future__ import annotations

from typing import NamedTuple

MAX_HEAD_BYTES = 64 * 1024


class Head(NamedTuple):
    """The first part of an answer. `length` None: until the connection closes."""

    status: int
    length: int | None
    chunked: bool
    keep: bool
    retry_after: str | None


def parse_head(raw: bytes) -> Head:
    """Reads a status line and the headers that matter. ValueError: this is not HTTP/1.x."""
    lines = raw.split(b"\r\n")
    version, _, rest = lines[0].partition(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise ValueError("not HTTP/1.x")
    named = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        named[name.lower()] = value.strip()
    length = named.get(b"content-length")
    if length is not None and not length.isdigit():
        raise ValueError("a Content-Length that is no number")
    connection = named.get(b"connection", b"").lower()
    later = named.get(b"retry-after")
    return Head(
        status=int(rest[:3]),
        length=None if length is None else int(length),
        chunked=b"chunked" in named.get(b"transfer-encoding", b"").lower(),
        keep=b"close" not in connection if version == b"HTTP/1.1" else b"keep-alive" in connection,
        retry_after=None if later is None else later.decode("latin-1"),
    )


class Chunks:
    """Finds the end of a chunked body without keeping any of it."""

    __slots__ = ("_in_trailer", "_skip")

    def __init__(self) -> None:
        self._skip, self._in_trailer = 0, False

    def feed(self, buffer: bytes) -> tuple[bytes, bool]:
        """Takes what it can; returns the rest, and whether the body is over. ValueError: a bad chunk size."""
        while True:
            taken = min(self._skip, len(buffer))
            buffer, self._skip = buffer[taken:], self._skip - taken
            line, found, rest = buffer.partition(b"\r\n")
            if self._skip or not found:
                if len(buffer) > MAX_HEAD_BYTES:
                    raise ValueError("a chunk size that does not end")
                return buffer, False
            buffer = rest
            if self._in_trailer:
                if not line:
                    return buffer, True
            else:
                size = int(line.split(b";", 1)[0], 16)
                self._skip, self._in_trailer = (size + 2 if size else 0), size == 0


class AnswerReader:
    """Takes the bytes of one answer. The body is counted, not kept."""

    __slots__ = ("_chunks", "_left", "_may_have_body", "extra", "head")

    def __init__(self, *, may_have_body: bool) -> None:
        self._may_have_body = may_have_body
        self.head: Head | None = None
        self.extra = b""  # what is not yet understood; after the end: what came after the answer
        self._left = 0  # bytes of the body to come; -1: until the connection closes
        self._chunks: Chunks | None = None

    @property
    def has_begun(self) -> bool:
        return self.head is not None or bool(self.extra)

    @property
    def ends_at_close(self) -> bool:
        return self.head is not None and self._left < 0

    def feed(self, data: bytes) -> bool:
        """Takes bytes; True when the answer is complete. ValueError: it is malformed."""
        self.extra = self.extra + data if self.extra else data
        while self.head is None:
            raw, found, rest = self.extra.partition(b"\r\n\r\n")
            if len(raw) > MAX_HEAD_BYTES:
                raise ValueError("headers over 64 KiB")
            if not found:
                return False
            self.extra = rest
            head = parse_head(raw)
            if head.status >= 200:  # 1xx announce another head
                self._expect_body(head)
        return self._is_body_over()

    def _expect_body(self, head: Head) -> None:
        self.head = head
        if not self._may_have_body or head.status in (204, 304):
            return
        if head.chunked:
            self._chunks = Chunks()
        else:
            self._left = -1 if head.length is None else head.length

    def _is_body_over(self) -> bool:
        if self._chunks is not None:
            self.extra, is_over = self._chunks.feed(self.extra)
            return is_over
        if self._left < 0:
            self.extra = b""
            return False
        taken = min(self._left, len(self.extra))
        self._left -= taken
        self.extra = self.extra[taken:]
        return self._left == 0

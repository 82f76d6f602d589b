"""How a video is cut for TikTok's upload: chunks of one size, of which the last takes what is left over.

The rules (content-posting-api-media-transfer-guide): `count = floor(total / chunk)`, 5 to 64 MB a chunk, up to 128 MB
the last, 1 to 1000 chunks (4 GB make 762 of the smallest), a file below 5 MB whole. The documents mix decimal and
binary megabytes, so the limits here are the narrower reading of each: 5 · 2^20 at least, 64 · 10^6 at most.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import InvalidInputError

LEAST_CHUNK = 5 * 2**20
MOST_CHUNK = 64_000_000
MOST_BYTES = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """`size` bytes that begin at byte `first`."""

    first: int
    size: int

    @property
    def end(self) -> int:
        """The byte after the last one."""
        return self.first + self.size

    def content_range(self, total: int) -> str:
        return f"bytes {self.first}-{self.end - 1}/{total}"


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """A file of `total` bytes in `count` chunks of `chunk` bytes, the last one longer by what is left over."""

    total: int
    chunk: int
    count: int

    def after(self, sent: int) -> Chunk | None:
        """The chunk that begins at byte `sent`; None if all is sent. Raises ValueError where none begins."""
        if sent == self.total:
            return None
        number, inside = divmod(sent, self.chunk)
        if inside or not 0 <= number < self.count:
            raise ValueError(f"no chunk begins at byte {sent}")
        end = self.total if number == self.count - 1 else sent + self.chunk
        return Chunk(sent, end - sent)

    @property
    def last(self) -> Chunk:
        first = (self.count - 1) * self.chunk
        return Chunk(first, self.total - first)


def plan_chunks(total: int, wanted: int = 10_000_000) -> ChunkPlan:
    """The plan for a file of `total` bytes, in chunks of `wanted` bytes where the rules allow it.

    Raises `InvalidInputError` for a file that TikTok does not take, or a chunk size outside 5 to 64 MB.
    """
    if not 1 <= total <= MOST_BYTES:
        raise InvalidInputError("asset.bytes", f"{total} is out of range; TikTok takes 1 to {MOST_BYTES}")
    if not LEAST_CHUNK <= wanted <= MOST_CHUNK:
        raise InvalidInputError("tiktok_chunk_bytes", f"{wanted} is out of range: {LEAST_CHUNK} to {MOST_CHUNK}")
    chunk = min(total, wanted)
    return ChunkPlan(total, chunk, total // chunk)

"""A download held against what was announced, while it arrives: how many bytes, which, and whether they are a film."""

from __future__ import annotations

import hashlib

from shared.errors import ProviderDownError, ProviderRefusedError

HEAD_BYTES = 12


def looks_like_video(head: bytes) -> bool:
    """Whether a file that begins so may be MP4 or MOV (a box of type ftyp) or Matroska or WebM (EBML)."""
    return head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3"


class AnnouncedFile:
    """What should come: so many bytes with this sha-256. `take` and `finish` raise as soon as it is something else."""

    def __init__(self, sha256: str, size: int) -> None:
        self._sha256, self._size = sha256, size
        self._hash = hashlib.sha256()
        self._head = b""
        self._taken = 0

    def take(self, part: bytes) -> None:
        """The next bytes. `ProviderRefusedError`: more than announced, or no video."""
        self._hash.update(part)
        self._taken += len(part)
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + part)[:HEAD_BYTES]
            if len(self._head) == HEAD_BYTES and not looks_like_video(self._head):
                raise ProviderRefusedError("not_a_video", "the asset is no MP4, MOV, Matroska or WebM file")
        if self._taken > self._size:
            raise ProviderRefusedError(
                "too_large", f"the asset has more than the {self._size} bytes that were announced"
            )

    def finish(self) -> None:
        """All came. `ProviderDownError`: too little, or damaged on the way; another try may bring it whole."""
        if self._taken != self._size:
            raise ProviderDownError(f"the asset has {self._taken} bytes; announced: {self._size}")
        if self._hash.hexdigest() != self._sha256:
            raise ProviderDownError("the asset was damaged on its way: its sha-256 is not the one that was announced")

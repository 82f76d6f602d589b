"""The mirror in Firestore, through the library's generated client. Written by the server alone.

Each write names what it replaces: a document is read, and replaced only if it is older than ours and still the one that
was read. So a late or repeated write changes nothing, whatever the order in which writers arrive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from shared.config import Settings
from shared.google_api.calls import OWNER, PASSING, code_of, told, transport_to
from shared.mirror.documents import Document
from shared.mirror.values import as_fields

MOST_WRITES = 400  # of one commit; Firestore takes 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
# Somebody else wrote since we read: read again, and see whether ours is still the newer one.
OVERTAKEN = frozenset({"ALREADY_EXISTS", "FAILED_PRECONDITION", "NOT_FOUND"})


class MirrorRoom(Protocol):
    """What the engine needs of the mirror."""

    def write(self, documents: Sequence[Document]) -> int: ...


class Mirror:
    """The documents of one Firestore database. Safe for threads; nothing is opened before the first write."""

    def __init__(self, settings: Settings, *, patience_s: float = 10.0) -> None:
        """`patience_s`: how long one commit may take with all its tries."""
        self._settings, self._patience_s = settings, patience_s
        self._lock = threading.Lock()
        self._client: Any = None
        self._metadata = OWNER if settings.firestore_emulator_host else ()

    @property
    def root(self) -> str:
        return f"projects/{self._settings.mirror_project}/databases/{self._settings.firestore_database}"

    def write(self, documents: Sequence[Document]) -> int:
        """Writes each document whose version is newer than the one that is there; how many those were.

        ProviderDownError, ProviderRefusedError: some are not written. To write all again does no harm.
        """
        return sum(
            self._write_some(documents[start : start + MOST_WRITES]) for start in range(0, len(documents), MOST_WRITES)
        )

    def _write_some(self, documents: Sequence[Document]) -> int:
        from google.api_core.exceptions import GoogleAPICallError

        until, pause_s = time.monotonic() + self._patience_s, FIRST_PAUSE_S
        while True:
            try:
                return self._try(documents, max(0.1, until - time.monotonic()))
            except GoogleAPICallError as failed:
                is_over = time.monotonic() + pause_s >= until
                if is_over or code_of(failed) not in PASSING | OVERTAKEN:
                    raise told(f"mirror {self.root} took no write", failed) from failed
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _try(self, documents: Sequence[Document], timeout_s: float) -> int:
        there = self._read([document.path for document in documents], timeout_s)
        writes = [
            _write(self._name(document.path), document, found)
            for document in documents
            if (found := there.get(document.path)) is None or _version_of(found) < document.version
        ]
        if writes:
            self._call("commit", {"database": self.root, "writes": writes}, timeout_s)
        return len(writes)

    def _read(self, paths: Sequence[str], timeout_s: float) -> dict[str, Any]:
        """The documents that are there, by path: their versions and when they were written, no more."""
        request = {
            "database": self.root,
            "documents": [self._name(path) for path in paths],
            "mask": {"field_paths": ["version"]},
        }
        answers = self._call("batch_get_documents", request, timeout_s)
        start = len(self._name(""))
        return {answer.found.name[start:]: answer.found for answer in answers if "found" in answer}

    def _call(self, method: str, request: Mapping[str, Any], timeout_s: float) -> Any:
        call = getattr(self._opened(), method)
        return call(request=request, retry=None, timeout=timeout_s, metadata=self._metadata)

    def _name(self, path: str) -> str:
        return f"{self.root}/documents/{path}"

    def _opened(self) -> Any:
        with self._lock:
            if self._client is None:
                from google.cloud.firestore_v1.services.firestore import FirestoreClient
                from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

                transport = transport_to(FirestoreGrpcTransport, self._settings.firestore_emulator_host)
                self._client = FirestoreClient(transport=transport)
            return self._client

    def close(self) -> None:
        """Closes the channel. The next write opens another."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.transport.close()


def _version_of(found: Any) -> int:
    return int(found.fields["version"].integer_value) if "version" in found.fields else -1


def _write(name: str, document: Document, found: Any) -> dict[str, Any]:
    """Replaces the whole document, if it is still as it was read."""
    condition = {"exists": False} if found is None else {"update_time": found.update_time}
    fields = as_fields({**document.fields, "version": document.version})
    return {"update": {"name": name, "fields": fields}, "current_document": condition}

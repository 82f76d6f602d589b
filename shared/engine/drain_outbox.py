"""One telling of one subject: its events to the audit, then how it stands to the mirror.

    claim → publish a batch → wait for its message ids → note it → … → write the documents → note it → release

No transaction is open while the audit or the mirror answers. What was published and not noted, because this process
died in between, is published again: at least once, in order, with the same event ids.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.audit.event import OutboxEvent, chained
from shared.audit.topic import AuditRoom
from shared.core.ids import new_id
from shared.engine.rooms import Rooms
from shared.engine.tell import tell_at
from shared.errors import FenceLostError, ProviderDownError, ProviderRefusedError
from shared.mirror.documents import Document, gate_document, run_document, step_document
from shared.mirror.mirror import MirrorRoom
from shared.store.documents import as_jsonb
from shared.store.session import Step

log = logging.getLogger(__name__)

EVENTS_MIRRORED_AT_ONCE = 2000
RETRY_BASE_S = 1.0


class DrainOutcome(StrEnum):
    """What a telling came to. All are answered 200."""

    TOLD = "told"  # everything that there was
    MORE = "more"  # as much as there was time for; a task goes on
    HELD = "held"  # by another drain, or told of just now; a task is due when that ends
    FAILED = "failed"  # the audit or the mirror did not take it; a task is due later
    NOT_OURS = "not_ours"  # another drain has taken over
    UNKNOWN = "unknown"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class RelayTask:
    """Whose events to tell: those of a run, a brief, or a workspace."""

    workspace_id: UUID
    subject_id: UUID


@dataclass(frozen=True, slots=True)
class Drained:
    """`published`: events that the audit has acknowledged; `mirrored`: documents that were written."""

    outcome: DrainOutcome
    published: int = 0
    mirrored: int = 0


def drain_outbox(task: RelayTask, rooms: Rooms) -> Drained:
    """Tells the audit and the mirror what they do not know of this subject, as long as there is time."""
    if not (rooms.audit or rooms.mirror):
        return Drained(DrainOutcome.OFF)
    drain = _Drain(task, rooms)
    telling = drain.claimed()
    if telling is None:
        return Drained(DrainOutcome.UNKNOWN)
    if not telling.is_ours:
        tell_at(rooms.queue, task.workspace_id, task.subject_id, claims=telling.claims, due=telling.free_at)
        return Drained(DrainOutcome.HELD)
    try:
        return drain.told(telling)
    except FenceLostError:
        log.warning("drain.taken_over: %s", task.subject_id)
        return drain.ended(DrainOutcome.NOT_OURS)
    except (ProviderDownError, ProviderRefusedError) as failed:
        return drain.failed(failed)


class _Drain:
    """The telling of one subject, held by a claim of its own."""

    def __init__(self, task: RelayTask, rooms: Rooms) -> None:
        self._task, self._rooms = task, rooms
        self._until = time.monotonic() + rooms.settings.relay_within_s
        self._own = {"subject_id": task.subject_id, "claim": new_id()}
        self._window = {"window_s": rooms.settings.relay_window_s}
        self._grace = {"grace_s": rooms.settings.sweep_grace_s}
        self._holding = {"lease_s": rooms.settings.relay_lease_s, **self._grace}
        self._published = self._mirrored = 0

    def claimed(self) -> Any:
        """The telling, ours or not; None if there is no such subject."""
        claim = {"workspace_id": self._task.workspace_id, **self._own, **self._holding, **self._window}
        _, rows = self._move(("claim_telling", claim), ("telling", {**self._own, **self._window}))
        return rows[0] if rows else None

    def told(self, telling: Any) -> Drained:
        is_whole = self._publish_all(self._rooms.audit, telling) if self._rooms.audit else True
        if self._rooms.mirror:
            is_whole = self._mirror_all(self._rooms.mirror) and is_whole
        (rows,) = self._move(("end_telling", {**self._own, **self._window, **self._grace, "is_whole": is_whole}))
        self._expect(rows)
        if not is_whole:
            self._later(rows[0])
        return self.ended(DrainOutcome.TOLD if is_whole else DrainOutcome.MORE)

    def failed(self, why: Exception) -> Drained:
        """Gives the claim back, to try again later."""
        (rows,) = self._move(
            ("fail_telling", {**self._own, "base_s": RETRY_BASE_S, "grace_s": self._holding["grace_s"]})
        )
        if not rows:
            return self.ended(DrainOutcome.NOT_OURS)
        log.warning("drain.failed: %s, %d times in a row: %s", self._task.subject_id, rows[0].failures, why)
        self._later(rows[0])
        return self.ended(DrainOutcome.FAILED)

    def ended(self, outcome: DrainOutcome) -> Drained:
        return Drained(outcome, self._published, self._mirrored)

    def _later(self, row: Any) -> None:
        ids = (self._task.workspace_id, self._task.subject_id)
        tell_at(self._rooms.queue, *ids, claims=row.claims, due=row.free_at)

    def _publish_all(self, audit: AuditRoom, telling: Any) -> bool:
        """Publishes batch by batch. False if time was over before the end."""
        head, most = telling.chain_head, self._rooms.settings.relay_batch
        next_batch: Step = ("events_to_publish", {**self._own, "limit": most})
        (rows,) = self._move(next_batch)
        while rows:
            events = chained([self._event(row) for row in rows], head)
            audit.publish(events)
            head = events[-1]["hash"]
            links = as_jsonb([{"seq": event["seq"], "hash": event["hash"]} for event in events])
            noted = {"seq": rows[-1].seq, "chain_head": head, "links": links}
            ours, rows = self._move(("note_published", {**self._own, **self._holding, **noted}), next_batch)
            self._expect(ours)
            self._published += len(events)
            if rows and time.monotonic() > self._until:
                return False
        return True

    def _mirror_all(self, mirror: MirrorRoom) -> bool:
        """Writes what changed, and the run itself with the newest. False if time was over before the end."""
        while True:
            state = {**self._own, "limit": EVENTS_MIRRORED_AT_ONCE}
            (rows,) = self._move(("state_to_mirror", state))
            self._expect(rows)
            (now,) = rows
            if now.mirrored_to is None:
                return True
            is_whole = now.version is None or now.mirrored_to >= now.version
            self._mirrored += mirror.write(self._documents(now, is_whole=is_whole))
            (ours,) = self._move(("note_mirrored", {**self._own, **self._holding, "seq": now.mirrored_to}))
            self._expect(ours)
            if is_whole or time.monotonic() > self._until:
                return is_whole

    def _documents(self, now: Any, *, is_whole: bool) -> list[Document]:
        """A run's own document is written once a telling, last: whoever sees its version finds its steps there."""
        if now.run is None:
            return []
        workspace_id, run_id = self._task.workspace_id, self._task.subject_id
        documents = [step_document(workspace_id, run_id, step, now.version) for step in now.steps]
        documents += [gate_document(workspace_id, gate, now.version) for gate in now.gates]
        return [*documents, run_document(workspace_id, now.run, now.version)] if is_whole else documents

    def _event(self, row: Any) -> OutboxEvent:
        task = self._task
        return OutboxEvent(task.workspace_id, task.subject_id, row.seq, row.kind, row.created_at, row.payload)

    def _move(self, *steps: Step) -> list[list[Any]]:
        return self._rooms.store.move_all(self._task.workspace_id, steps)

    @staticmethod
    def _expect(rows: Sequence[Any]) -> None:
        if not rows:
            raise FenceLostError("another drain has taken over")

"""The people of a drill: they decide at gates, and send what steps wait for, through the engine's own use cases."""

from __future__ import annotations

from decimal import Decimal
from types import TracebackType
from typing import Any, Literal
from uuid import UUID

from shared.config import Settings
from shared.core.canonical import Json, JsonObject
from shared.core.gates import OWNER
from shared.engine.control import Ask, cancel_run
from shared.engine.decide import Decision, Revision, decide, revise
from shared.engine.rooms import Rooms
from shared.engine.waiting import Received, receive_signal
from shared.errors import EngineError
from shared.queue.tasks import StepQueue
from shared.store.session import Store

MANY = 500


class People:
    """Owners of one workspace. Safe for threads; `with` closes their connections."""

    def __init__(self, settings: Settings, workspace: UUID) -> None:
        self._workspace = workspace
        self._rooms = Rooms(settings, Store(settings), StepQueue(settings))

    def __enter__(self) -> People:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rooms.store.close()

    def open_gates(self) -> list[Any]:
        return self._rooms.store.move(
            self._workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=MANY
        )

    def decide(
        self,
        gate: Any,
        decision: Literal["approve", "reject"],
        by: str,
        *,
        digest: str | None = None,
        up_to_usd: Decimal | None = None,
    ) -> str:
        """What came of it: `decided`, or the code of the refusal."""
        asked = Decision(
            self._workspace, gate.step_id, by, (OWNER,), decision, digest or gate.digest, up_to_usd=up_to_usd
        )
        try:
            decide(asked, self._rooms)
        except EngineError as refused:
            return refused.code
        return "decided"

    def approve(self, gate: Any) -> list[str]:
        """As many people as it takes say yes; of a budget, to twice what it takes."""
        most = Decimal(gate.proposal["least_cap_usd"]) * 2 if gate.kind == "budget" else None
        return [self.decide(gate, "approve", f"owner-{number}", up_to_usd=most) for number in range(gate.quorum)]

    def revise(self, gate: Any, payloads: dict[str, JsonObject]) -> str:
        """Another wording for its effects; the digest that the gate has then."""
        asked = Revision(self._workspace, gate.step_id, "editor", (OWNER,), gate.digest, payloads)
        return str(revise(asked, self._rooms)["digest"])

    def cancel(self, run_id: UUID) -> str:
        try:
            cancel_run(Ask(self._workspace, run_id, "canceller"), self._rooms)
        except EngineError as refused:
            return refused.code
        return "cancelled"

    def send(self, key: str, payload: Json) -> Received:
        """A signal for whoever waits for the key."""
        return receive_signal(self._workspace, key, payload, "drill", self._rooms)

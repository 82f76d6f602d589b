"""Effects for tests of the engine, a vendor that counts what it did, and the agents that propose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.config import Settings
from shared.core.proposals import ProposedEffect
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.registry import EFFECTS
from shared.errors import EffectRefusedError, EffectUnknownError, ProviderDownError
from tests.support.agents import Anything


class Note(BaseModel):
    """`trouble` is what goes wrong, once for each word: refuse, busy, slow (begun, and not
    done), lost (done, and the answer is lost), unknown."""

    model_config = ConfigDict(extra="forbid")

    text: str
    trouble: list[str] = []


class Vendor:
    """Does what it is asked, once per key, and keeps its own record of what it did."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.done: dict[str, str] = {}
        self.released: dict[str, Decimal | None] = {}
        self.trouble: dict[str, list[str]] = {}


class PinNote:
    """An effect of the kind `pin_note`."""

    kind: ClassVar[str] = "pin_note"
    Payload: ClassVar[type[BaseModel]] = Note

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor

    async def act(self, order: EffectOrder) -> Receipt:
        note, key, vendor = Note.model_validate(order.payload), order.idempotency_key, self._vendor
        vendor.asked.append(key)
        left = vendor.trouble.setdefault(key, list(note.trouble))
        trouble = left.pop(0) if left else None
        if trouble == "refuse":
            raise EffectRefusedError("no_notes", "the wall is closed")
        if trouble == "busy":
            raise ProviderDownError("the wall is busy")
        await order.note({"begun": key})
        if trouble == "slow":
            raise ProviderDownError("the wall is not done with it")
        if trouble == "unknown":
            raise EffectUnknownError("the wall did not say")
        vendor.done[key] = note.text
        vendor.released[key] = order.released_usd
        if trouble == "lost":
            raise EffectUnknownError("the answer was lost")
        return self._receipt(key)

    async def find(self, order: EffectOrder) -> Receipt | None:
        if order.idempotency_key in self._vendor.done:
            return self._receipt(order.idempotency_key)
        if "unknown" in Note.model_validate(order.payload).trouble:
            raise EffectUnknownError("the wall cannot be read")
        return None

    def _receipt(self, key: str) -> Receipt:
        return Receipt(vendor="wall", reference=f"note-{key[:8]}")


class ProposingAgent(BaseAgent):
    """Proposes the notes of its input: {"notes": [{"text", "amount_usd"?, "trouble"?}]}."""

    name = "proposing"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        notes: list[dict[str, Any]] = ctx.input["notes"]
        for place, note in enumerate(notes):
            amount = note.get("amount_usd")
            payload = {"text": note["text"], "trouble": note.get("trouble", [])}
            ctx.propose(
                ProposedEffect(
                    kind="pin_note",
                    key=f"note:{place}",
                    title=f"Pin {note['text']!r}",
                    payload=payload,
                    amount_usd=None if amount is None else Decimal(amount),
                )
            )
        return AgentResult(output={"pinned": len(notes)})


class PatientAgent(BaseAgent):
    """Waits for the key of its input and puts out what was sent: {"key", "timeout_s"?}."""

    name = "patient"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        sent = await ctx.wait_for(ctx.input["key"], timeout_s=ctx.input.get("timeout_s"))
        return AgentResult(output={"sent": sent})


@contextmanager
def registered_effects() -> Iterator[Vendor]:
    """The kind `pin_note` and the agents `proposing` and `patient`, known for as long as the block lasts."""
    vendor = Vendor()

    def maker(settings: Settings) -> PinNote:
        return PinNote(vendor)

    agents: tuple[type[BaseAgent], ...] = (ProposingAgent, PatientAgent)
    EFFECTS["pin_note"] = maker
    for agent in agents:
        AGENT_REGISTRY[agent.name] = agent
    try:
        yield vendor
    finally:
        del EFFECTS["pin_note"]
        for agent in agents:
            del AGENT_REGISTRY[agent.name]

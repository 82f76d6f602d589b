"""What an agent would have done to the world, as data: kept with its output until a gate releases it (DESIGN 8)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.core.canonical import JsonObject, digest_of
from shared.core.money import usd


@dataclass(frozen=True, slots=True)
class ProposedEffect:
    """What an agent would have done. `key` tells it from the other effects of the same step and stays the same when the
    step is done again; `title` is one sentence for the person who decides; `amount_usd` is the most money it releases
    outside of the model bill (ad spend), None for none. `payload` is checked against the kind's `Payload`."""

    kind: str
    key: str
    title: str
    payload: JsonObject
    amount_usd: Decimal | None = None

    @property
    def digest(self) -> str:
        """What a release binds to: the sha-256 of the canonical JSON of kind, payload and amount."""
        amount = None if self.amount_usd is None else str(usd(self.amount_usd))
        return digest_of({"kind": self.kind, "payload": self.payload, "amount_usd": amount})

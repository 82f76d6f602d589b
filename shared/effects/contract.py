"""What acts on the world: an agent proposes an effect, a gate releases it, its own task does it once (DESIGN 8).

A proposal is data. Who carries it out is an `Effect` of its kind: it acts under an idempotency key, and it can look the
deed up at the vendor, so that a lost answer is never a reason to do it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Protocol
from uuid import UUID

from pydantic import BaseModel

from shared.core.canonical import JsonObject


@dataclass(frozen=True, slots=True)
class EffectOrder:
    """A released effect on its way to the world. `idempotency_key` is the same in every attempt; `released_usd` is the
    money that was released for it, which may be less than was proposed. `progress` is what `note` kept in earlier
    attempts; `note` commits before it returns, and replaces what it kept before. `asked_again` in it is a person's
    word, after the vendor could not tell: it did not happen, and shall be done."""

    id: UUID
    workspace_id: UUID
    run_id: UUID
    payload: JsonObject
    idempotency_key: str
    released_usd: Decimal | None
    note: Callable[[JsonObject], Awaitable[None]]
    progress: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    """A row that goes with a receipt, in the same transaction: the name of a statement, and its values. The engine
    adds `workspace_id`, `run_id` and `effect_id`."""

    statement: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the vendor gave back. `reference` is its own id of what was made; `details` is JSON to show; `event`, if
    any, is told with it (`tiktok.posted`)."""

    vendor: str
    reference: str
    url: str | None = None
    details: JsonObject = field(default_factory=dict)
    writes: tuple[Write, ...] = ()
    event: str | None = None

    def shown(self) -> JsonObject:
        """As it is kept with the effect."""
        return {"vendor": self.vendor, "reference": self.reference, "url": self.url, "details": self.details}


class Effect(Protocol):
    """One kind of effect.

    Both methods raise `EffectRefusedError` (the vendor said no: nothing happened, and asking again will not help),
    `EffectUnknownError` (nobody can tell whether it happened), `EffectPendingError` (it was begun, and later its end
    will be known) or another `TransientError` (nothing happened; later it may).
    """

    kind: ClassVar[str]
    Payload: ClassVar[type[BaseModel]]

    async def act(self, order: EffectOrder) -> Receipt:
        """Does it, or goes on with what `order.progress` says was begun."""
        ...

    async def find(self, order: EffectOrder) -> Receipt | None:
        """Looks at the vendor whether an earlier attempt did it: the receipt, or None if it surely did not."""
        ...

"""What callers may send to the approval door: one model per request body or query."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, model_validator

from shared.core.status import EffectStatus, GateStatus
from shared.engine.money import CapName
from shared.engine.resolve_effect import As
from shared.engine.waiting import MAX_KEY
from shared.errors import InvalidInputError
from shared.web.requests import Page, Request

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, Field(min_length=1, max_length=2000)]
Amount = Annotated[Decimal, Field(ge=0, lt=1_000_000, max_digits=14, decimal_places=8, allow_inf_nan=False)]


class ApprovalsPage(Page):
    status: GateStatus = GateStatus.OPEN
    run_id: UUID | None = None


class ApprovalSince(Request):
    """`?since=<digest>`: also what changed after the proposal of this digest."""

    since: Digest | None = None


class Approve(Request):
    """`POST …/approve`. `digest` is that of the proposal which was looked at. `up_to_usd`: release no more money than
    this; where a cap asks for more, the new cap."""

    digest: Digest
    note: Words | None = None
    up_to_usd: Amount | None = None


class Reject(Request):
    """`POST …/reject`."""

    digest: Digest
    feedback: Words | None = None


class NewProposal(Request):
    """`PUT …/proposal`: by the ids of effects, what each would do instead."""

    digest: Digest
    effects: Annotated[dict[UUID, dict[str, Any]], Field(min_length=1, max_length=200)]


class EffectsPage(Page):
    status: EffectStatus | None = None


class Resolve(Request):
    """`POST …/effects/{id}/resolve`: what became of it, and how that is known. What was done has the vendor's id, and
    what else its kind has (`receipt`)."""

    became: As = Field(alias="as")
    note: Words
    reference: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    receipt: Annotated[dict[str, Any], Field(default_factory=dict, max_length=20)]

    @model_validator(mode="after")
    def _done_has_a_reference(self) -> Resolve:
        if self.became == "done" and self.reference is None:
            raise InvalidInputError("reference", "is required for what was done: the vendor's own id of it")
        if self.became != "done" and self.reference is not None:
            raise InvalidInputError("reference", "belongs to what was done; leave it out")
        if self.became != "done" and self.receipt:
            raise InvalidInputError("receipt", "belongs to what was done; leave it out")
        return self


class Caps(Request):
    """`PUT /api/dashboard/caps`: US dollars a day (UTC), of model calls and of ads."""

    day: Amount | None = None
    ad_day: Amount | None = None

    @model_validator(mode="after")
    def _sets_something(self) -> Caps:
        if self.day is None and self.ad_day is None:
            raise InvalidInputError("day", "is required, or ad_day: an amount in US dollars")
        return self

    def named(self) -> Iterator[tuple[CapName, Decimal]]:
        if self.day is not None:
            yield "day", self.day
        if self.ad_day is not None:
            yield "ad_day", self.ad_day


class SentSignal(Request):
    """`POST /api/dashboard/signals`. `payload` is any JSON: what the step that waits is given."""

    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY)]
    payload: Any = None

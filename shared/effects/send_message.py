"""Writing to a creator: what an agent proposes (X26)."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.core.ids import new_id
from shared.effects.contract import Receipt, Write


class SendMessage(BaseModel):
    """One message to one creator, followed by a card for each product.

    `commission_percent` is what the message offers on each sale. It is kept with the receipt; the collaboration itself
    is made with a creator who answers, by a person.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    creator_open_id: str = Field(min_length=1, max_length=200, description="As the creator search gives it")
    creator_handle: str = Field(min_length=1, max_length=64)
    body: str = Field(min_length=1, max_length=2_000, description="The message as the creator reads it")
    product_ids: tuple[str, ...] = Field((), max_length=5)
    commission_percent: Decimal | None = Field(None, ge=1, le=80, decimal_places=2)

    @model_validator(mode="after")
    def _commission_is_of_products(self) -> SendMessage:
        if self.commission_percent is not None and not self.product_ids:
            raise ValueError("commission_percent needs product_ids: a commission is paid on the sales of products")
        return self


def receipt_of(
    payload: SendMessage, vendor: str, conversation_id: str, message_id: str, cards_refused: dict[str, str]
) -> Receipt:
    """The receipt of a sent message, with its row in `tiktok_messages`.

    `cards_refused` says of each product without a card why.
    """
    values = {
        "id": new_id(),
        "creator": payload.creator_handle,
        "conversation_id": conversation_id,
        "message_id": message_id,
        "body": payload.body,
    }
    commission = payload.commission_percent
    details = {
        "creator": payload.creator_handle,
        "conversation_id": conversation_id,
        "products": [product for product in payload.product_ids if product not in cards_refused],
        "cards_refused": cards_refused,
        "commission_percent": None if commission is None else str(commission),
    }
    return Receipt(vendor, message_id, details=details, writes=(Write("save_message", values),))

"""Writing to a creator: what an agent proposes (X26)."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SendMessage(BaseModel):
    """One message to one creator, and products offered with it. `commission_percent` is of each sale of them."""

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

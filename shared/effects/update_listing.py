"""Changing a shop listing: what an agent proposes (X26)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Hashtag = Annotated[str, StringConstraints(pattern=r"^\w{1,100}$", to_lower=True)]


class UpdateListing(BaseModel):
    """The new texts of one product; what is None stays as it is.

    `description` is plain text, a blank line between paragraphs. A shop product has no field for hashtags: they become
    the last paragraph of the description, in place of the hashtags that stand there now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    product_id: str = Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")
    title: str | None = Field(None, min_length=1, max_length=255)
    description: str | None = Field(None, min_length=1, max_length=8_000)
    hashtags: tuple[Hashtag, ...] | None = Field(None, max_length=30, description="Without #; empty: none any more")

    @model_validator(mode="after")
    def _changes_something(self) -> UpdateListing:
        if self.title is None and self.description is None and self.hashtags is None:
            raise ValueError("nothing to change: give title, description or hashtags")
        return self

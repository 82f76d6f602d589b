"""Changing a shop listing: what an agent proposes (X26)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.core.ids import new_id
from shared.effects.contract import Receipt, Write
from shared.providers.listing_html import hashtags_of, html_of_text, text_of_html, with_hashtags
from shared.store.documents import as_jsonb

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

    def applied_to(self, listing: Listing) -> Listing:
        """The texts as they shall be. Hashtags alone leave the rest of the description as it is, pictures included."""
        hashtags = hashtags_of(listing.html) if self.hashtags is None else " ".join(f"#{tag}" for tag in self.hashtags)
        if self.description is None and self.hashtags is None:
            return Listing(self.title or listing.title, listing.html)
        rest = listing.html if self.description is None else html_of_text(self.description)
        return Listing(self.title or listing.title, with_hashtags(rest, hashtags))


@dataclass(frozen=True, slots=True)
class Listing:
    """The texts of a product, the description in HTML as the shop keeps it."""

    title: str
    html: str

    @property
    def description(self) -> str:
        return text_of_html(self.html)


def receipt_of(product_id: str, vendor: str, before: Listing, after: Listing, audit: str | None) -> Receipt:
    """The receipt of a changed listing, with its row in `tiktok_products`: the old texts stay in `listing.previous`.

    `audit` is what the shop says of the new texts: AUDITING means that buyers see the old ones until they pass.
    """
    previous = {"title": before.title, "description": before.description, "html": before.html}
    values = {
        "id": new_id(),
        "product_id": product_id,
        "title": after.title,
        "description": after.description,
        "listing": as_jsonb({"previous": previous, "html": after.html, "audit_status": audit}),
    }
    details = {"title": after.title, "audit_status": audit, "previous": previous}
    return Receipt(vendor, product_id, details=details, writes=(Write("save_listing", values),))

"""What goes to Studio and comes from it, field by field: docs/studio.md is the page of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.core.canonical import JsonObject

FORBIDDEN: tuple[str, ...] = ("logo", "on_screen_text")
NO_LOGO_NO_TEXT = (
    "No logo, no brand mark and no watermark. No on-screen text of any kind: no captions, titles, labels or numbers."
)
LEAST_S, MOST_S = 3, 60
MOST_PROMPT = 6000


class Wire(BaseModel):
    """What Studio may add tomorrow is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GenerationStatus(StrEnum):
    RENDERING = "rendering"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REJECTED = "rejected"
    FAILED = "failed"  # Studio could not render it
    EXPIRED = "expired"  # nobody decided in Studio's own time, or the asset was removed

    @property
    def is_decided(self) -> bool:
        return self not in (GenerationStatus.RENDERING, GenerationStatus.AWAITING_APPROVAL)


class StudioBrief(BaseModel):
    """What is to be made. Whatever `prompt` says, every brief goes out with the words that forbid logos and on-screen
    text (A036): `body` adds them, and no caller can leave them out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["video"] = "video"
    prompt: str = Field(min_length=1, max_length=MOST_PROMPT)
    duration_s: int = Field(ge=LEAST_S, le=MOST_S)
    aspect_ratio: Literal["16:9", "9:16", "1:1"] = "16:9"

    def body(self) -> JsonObject:
        """As it goes out."""
        return {**self.model_dump(mode="json"), "instructions": NO_LOGO_NO_TEXT, "forbid": list(FORBIDDEN)}


class Quote(Wire):
    """What one generation of a brief costs, in US dollars. Studio charges no more than the quote an order names."""

    cost_usd: Decimal = Field(ge=0, allow_inf_nan=False)


class Decision(Wire):
    """Who decided about a rendered asset. `note` is what they said."""

    by: str = ""
    note: str = ""
    at: datetime | None = None


class AssetInfo(Wire):
    """The rendered file."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=1)
    content_type: str
    duration_s: float = Field(gt=0, allow_inf_nan=False)


class Generation(Wire):
    """One generation as Studio knows it. `asset` is there once it is rendered."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    status: GenerationStatus
    cost_usd: Decimal = Field(ge=0, allow_inf_nan=False)
    decision: Decision | None = None
    asset: AssetInfo | None = None


def wake_key(generation_id: str) -> str:
    """The key of the signal that a step waits for while a person looks at the render."""
    return f"studio:{generation_id}"

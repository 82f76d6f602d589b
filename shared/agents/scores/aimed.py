"""A segment as the agents of a campaign aim at it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class AimedSegment(BaseModel):
    """A segment as audience_mapper puts it out; what a campaign does not need of it is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    segment_id: str = Field(min_length=1, max_length=64)
    name: str = Field("", max_length=600)
    description: str = Field("", max_length=600)
    content_angle: str = Field("", max_length=600)
    hashtags: tuple[str, ...] = Field((), max_length=30)
    share_of_posts: float | None = Field(None, ge=0, le=1)
    share_of_engagement: float | None = Field(None, ge=0, le=1)
    score: int | None = Field(None, ge=0, le=100)

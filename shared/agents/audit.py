"""What the agents that look at one account share: their input, the head of their output, and reading the account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from shared.agents.base import AgentContext, AgentInput, AgentOutput, BaseAgent
from shared.agents.quoting import excerpt, lines
from shared.agents.records import STORED, Brand, Records
from shared.agents.scores.left_out import notes_on
from shared.core.canonical import JsonObject
from shared.errors import NotFoundError
from shared.llm.prompt import data_block
from shared.providers.records import AccountData, Post, SourceName
from shared.providers.tiktok import read_account

MAX_POSTS = 500
DataStatus = Literal["ok", "not_enough_data"]


class AuditInput(AgentInput):
    """The brief's fields that every audit takes, and the file to read from, if not the configured source."""

    handle: str
    target_type: Literal["own_brand", "third_party"] = "own_brand"
    notes: str = Field("", max_length=10_000)
    brand_id: UUID | None = None
    dataset: str | None = None

    @field_validator("handle")
    @classmethod
    def _is_given(cls, handle: str) -> str:
        if not handle.strip():
            raise PydanticCustomError("missing", "Field required")
        return handle

    @field_validator("notes", mode="before")
    @classmethod
    def _none_is_empty(cls, notes: object) -> object:
        return "" if notes is None else notes


class AuditOutput(AgentOutput):
    """The head of every audit: whose data it was, from where, of when, and whether there was enough of it."""

    handle: str
    source: SourceName
    source_name: str
    as_of: datetime
    posts_read: int
    source_notes: tuple[str, ...]
    status: DataStatus
    reason: str | None


class AuditAgent(BaseAgent):
    """An agent that reads one account. `records` is where it keeps rows: Postgres, unless a test says otherwise."""

    def __init__(self, records: Records = STORED) -> None:
        self._records = records

    async def _account(self, given: AuditInput) -> AccountData:
        return await read_account(given.handle, dataset=given.dataset, max_posts=MAX_POSTS)

    def _brand(self, ctx: AgentContext, given: AuditInput) -> Brand | None:
        return brand_of(self._records, ctx.workspace_id, given.brand_id or ctx.brand_id)


def brand_of(records: Records, workspace_id: UUID, brand_id: UUID | None) -> Brand | None:
    """The brand of the brief; None where it names none. A brand that is not there is an error, not a default."""
    if brand_id is None:
        return None
    brand = records.load_brand(workspace_id, brand_id)
    if brand is None:
        raise NotFoundError(f"there is no brand {brand_id} in this workspace", field="brand_id")
    return brand


def head_of(account: AccountData, reason: str | None) -> dict[str, Any]:
    """The fields of `AuditOutput`. A reason says that there was not enough data."""
    return {
        "handle": account.profile.handle,
        "source": account.source,
        "source_name": account.source_name,
        "as_of": account.as_of,
        "posts_read": len(account.posts),
        "source_notes": (*account.notes, *notes_on(account)),
        "status": "ok" if reason is None else "not_enough_data",
        "reason": reason,
    }


def account_blocks(account: AccountData, given: AuditInput) -> list[str]:
    """The blocks that every question about an account begins with: the request, the account, what it says of itself."""
    profile = account.profile
    facts = {
        "handle": profile.handle,
        "source": account.source,
        "source_name": account.source_name,
        "as_of": account.as_of.isoformat(),
        "source_notes": [*account.notes, *notes_on(account)],
        "posts_read": len(account.posts),
        "followers": profile.followers,
        "verified": profile.verified,
    }
    said = {"nickname": excerpt(profile.nickname or "", 200), "bio": excerpt(profile.bio or "", 500)}
    asked = {"target_type": given.target_type, "notes": lines(given.notes, 2000)}
    return [
        data_block("request", asked),
        data_block("account", facts),
        data_block("profile_text", said, untrusted=True),
    ]


def captions_block(name: str, posts: Mapping[str, Post], limit: int) -> str:
    """Captions by post id, the first `limit` of them, each cut at 400 characters: untrusted."""
    shown: JsonObject = {key: excerpt(post.caption, 400) for key, post in list(posts.items())[:limit]}
    return data_block(name, shown, untrusted=True)

"""What the agents of a campaign share: a brief of our own brand, the segments to aim at, and proposals as output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from shared.agents.audit import DataStatus
from shared.agents.base import AgentContext, AgentInput, AgentOutput, AgentResult
from shared.agents.quoting import excerpt, lines
from shared.agents.records import Brand
from shared.agents.scores.aimed import AimedSegment
from shared.core.canonical import JsonObject
from shared.core.money import ZERO
from shared.core.proposals import ProposedEffect
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult

TITLE_CHARACTERS = 200
AUDIT_CHARACTERS = 12_000


class CampaignInput(AgentInput):
    """The brief's fields that every campaign agent takes. A campaign is for our own brand (X23)."""

    handle: str
    target_type: Literal["own_brand", "third_party"] = "own_brand"
    notes: str = Field("", max_length=10_000)
    brand_id: UUID | None = None
    segments: tuple[AimedSegment, ...] = Field((), max_length=50)

    @field_validator("handle")
    @classmethod
    def _is_given(cls, handle: str) -> str:
        if not handle.strip():
            raise PydanticCustomError("missing", "Field required")
        return handle

    @field_validator("target_type")
    @classmethod
    def _is_ours(cls, target_type: str) -> str:
        if target_type != "own_brand":
            raise PydanticCustomError("own_brand", "a campaign is for our own brand: target_type must be own_brand")
        return target_type

    @field_validator("*", mode="before")
    @classmethod
    def _none_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        """A brief may say null for what it leaves open."""
        field = cls.model_fields[info.field_name or ""]
        return value if value is not None or field.is_required() else field.get_default()


class AuditedInput(CampaignInput):
    """With the report of the account's last Profile Audit, as Markdown (X24); empty where there was none."""

    audit: str = ""


class ProposalShown(BaseModel):
    """A proposal as the step's output lists it; its payload is kept with the effect, and shown at the gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    kind: str
    title: str
    amount_usd: Decimal | None = None


class CampaignOutput(AgentOutput):
    """The head of every campaign agent's output: from which source, and whether there was enough to go on."""

    source: str
    source_name: str
    source_notes: tuple[str, ...]
    status: DataStatus
    reason: str | None


def offered(ctx: AgentContext, effects: Iterable[ProposedEffect]) -> tuple[ProposalShown, ...]:
    """Proposes each effect, and gives them back as the output shows them."""
    shown = []
    for effect in effects:
        ctx.propose(effect)
        shown.append(ProposalShown(key=effect.key, kind=effect.kind, title=effect.title, amount_usd=effect.amount_usd))
    return tuple(shown)


def titled(text: str) -> str:
    """The one sentence that a person decides by."""
    return excerpt(text, TITLE_CHARACTERS)


def request_block(given: CampaignInput, **more: str) -> str:
    """What the brief asks for. The notes guide emphasis, not facts."""
    texts = {name: lines(text, 2000) for name, text in more.items()}
    return data_block("request", {"target_type": given.target_type, "notes": lines(given.notes, 2000), **texts})


def segments_block(segments: Sequence[AimedSegment]) -> str:
    """The segments to write for. Hashtags and names come from captions that strangers wrote."""
    kept = {"segment_id", "name", "description", "content_angle", "hashtags", "share_of_engagement", "score"}
    return data_block(
        "segments", [segment.model_dump(mode="json", include=kept) for segment in segments], untrusted=True
    )


def audit_blocks(given: AuditedInput) -> list[str]:
    """What the last Profile Audit found, if there was one. A model wrote it from what strangers wrote."""
    report = lines(given.audit, AUDIT_CHARACTERS)
    return [data_block("audit", report, untrusted=True)] if report.strip() else []


def brand_facts(brand: Brand | None) -> JsonObject:
    """What a text may say of the brand: its own profile, nothing else."""
    return {} if brand is None else {"name": brand.name, "voice": brand.voice, "guidelines": brand.guidelines}


def banned_of(brand: Brand | None) -> tuple[str, ...]:
    return brand.banned_terms if brand else ()


def result_of_all(output: JsonObject, answers: Sequence[ClaudeResult]) -> AgentResult:
    """An agent's result with what all its calls cost; the model is the last one's, whose words lead the output."""
    if not answers:
        return AgentResult(output)
    return AgentResult(output, cost_usd=sum((one.cost_usd for one in answers), ZERO), model_used=answers[-1].model)

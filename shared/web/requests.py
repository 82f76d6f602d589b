"""What callers may send: one model per request body or query. Unknown fields are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.agents.asking import MOST_BRAND_TERMS, MOST_BRAND_TEXT
from shared.core.definitions import WorkflowDef
from shared.core.inputs import BRIEF
from shared.core.priority import Priority
from shared.core.prompts import MOST_CHANGES, CallKey, PromptChange
from shared.core.status import RunStatus
from shared.errors import InvalidInputError
from shared.providers.handles import normal_handle
from shared.workflows.asset_brief import AssetBrief

TargetType = Literal["own_brand", "third_party"]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Usd = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6, allow_inf_nan=False)]
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_WAIT_S = 60.0
MAX_VERSION = 2_147_483_647  # what the column holds


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _handle(text: str) -> str:
    try:
        return normal_handle(text)
    except InvalidInputError as wrong:
        raise ValueError(wrong.problem) from None


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _checked_names(fields: dict[str, Any]) -> dict[str, Any]:
    for name in fields:
        if not FIELD_NAME.fullmatch(name):
            raise ValueError(f"{name[:64]!r} is not a field name: use lower case letters, digits and _")
        if name in RESERVED_FIELDS:
            raise ValueError(f"{name!r} is a field of the brief itself")
    return fields


class BriefFields(Request):
    """What a brief says (B055): the account, what it is to us, and what an agent may need besides."""

    handle: Annotated[str, Field(min_length=1, max_length=65)]
    target_type: TargetType = "third_party"
    notes: Annotated[str, Field(max_length=10_000)] | None = None
    brand_id: UUID | None = None
    dataset: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    budget_usd: Usd | None = None
    fields: Annotated[dict[str, Any], Field(max_length=50)] = {}

    @field_validator("handle")
    @classmethod
    def _normal(cls, handle: str) -> str:
        return _handle(handle)

    @field_validator("fields")
    @classmethod
    def _named_well(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return _checked_names(fields)

    def as_brief(self) -> dict[str, Any]:
        """What the steps of a run see as `brief.x`."""
        own = self.model_dump(mode="json", exclude={"fields"}, exclude_none=True)
        return {**self.fields, **own}


RESERVED_FIELDS = frozenset({*BriefFields.model_fields, "outcome", BRIEF, "workflow", "upstream"})


class NewBrief(BriefFields):
    """`POST /api/dashboard/briefs` (B010). `outcome` is the workflow it is for."""

    outcome: Slug = "profile_audit"


NotBlank = AfterValidator(_not_blank)
BrandText = Annotated[str, Field(max_length=MOST_BRAND_TEXT)]
BrandTerm = Annotated[str, Field(max_length=100), NotBlank]


class NewBrand(Request):
    """`POST /api/dashboard/brands`: how a brand speaks. The limits are what a prompt carries of it."""

    name: Annotated[str, Field(max_length=200), NotBlank]
    voice: BrandText = ""
    guidelines: BrandText = ""
    banned_terms: Annotated[tuple[BrandTerm, ...], Field(max_length=MOST_BRAND_TERMS)] = ()


class NewRun(Request):
    """`POST /api/dashboard/workflows/run` (B011): of a stored brief, or ad hoc with a handle (X14)."""

    workflow_slug: Slug
    brief_id: UUID | None = None
    handle: str | None = None
    target_type: TargetType = "third_party"
    notes: str | None = None
    brand_id: UUID | None = None
    dataset: str | None = None
    budget_usd: Usd | None = None
    fields: dict[str, Any] = {}
    priority: Priority = Priority.NORMAL

    @model_validator(mode="after")
    def _one_of_two(self) -> NewRun:
        if self.brief_id is None and self.handle is None:
            raise InvalidInputError("brief_id", "is required, or a handle for a run without a stored brief")
        besides = sorted(self.model_fields_set - {"workflow_slug", "brief_id", "priority"})
        if self.brief_id is not None and besides:
            raise InvalidInputError(besides[0], "comes from the brief: leave it out, or leave brief_id out")
        return self

    def brief_fields(self) -> dict[str, Any]:
        return self.model_dump(include=set(BriefFields.model_fields), exclude_none=True)


class NewAgentRun(Request):
    """`POST /api/dashboard/agents/{name}/run`: one agent, with the input its spec names."""

    input: Annotated[dict[str, Any], Field(max_length=100)] = {}
    priority: Priority = Priority.NORMAL


class NewAssetPlan(Request):
    """`POST /agents/plan-assets` (X48): a plan of a brand's assets. A brief that is plain text is its goal."""

    brand_id: UUID
    brief: AssetBrief


class NewWorkflow(WorkflowDef):
    """`POST /api/dashboard/workflows`: a definition to store."""

    version: Annotated[int, Field(ge=1, le=MAX_VERSION, strict=True)] = 1


class Reason(Request):
    """Cancel, pause and resume: why, in the person's words."""

    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None


StepKey = Annotated[str, Field(min_length=1, max_length=64)]
Options = Annotated[dict[str, Any], Field(max_length=50)]


class Redrive(Request):
    """`POST …/runs/{id}/redrive`: what did not succeed, again; if `fresh`, also the calls that were answered."""

    fresh: bool = False


class Restart(Redrive):
    """`POST …/runs/{id}/restart`: a step of the run, and all that comes after it, again."""

    from_step: StepKey


class RedriveEstimate(Redrive):
    """`GET …/runs/{id}/redrive-estimate`: of a redrive; with `from_step`, of a restart from there."""

    from_step: StepKey | None = None


class BriefChanges(Request):
    """Fields of a brief to change. An explicit null takes an optional one out."""

    handle: Annotated[str, Field(min_length=1, max_length=65)] | None = None
    target_type: TargetType | None = None
    notes: Annotated[str, Field(max_length=10_000)] | None = None
    brand_id: UUID | None = None
    dataset: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    fields: Annotated[dict[str, Any], Field(max_length=50)] = {}

    @field_validator("handle")
    @classmethod
    def _normal(cls, handle: str | None) -> str:
        if handle is None:
            raise ValueError("may be changed, but not taken out")
        return _handle(handle)

    @field_validator("fields")
    @classmethod
    def _named_well(cls, fields: dict[str, Any]) -> dict[str, Any]:
        return _checked_names(fields)

    def changes(self) -> dict[str, Any]:
        own = self.model_dump(mode="json", exclude={"fields"}, exclude_unset=True)
        return {**self.fields, **own}


Prompts = Annotated[dict[CallKey, PromptChange], Field(min_length=1, max_length=MOST_CHANGES)]


class NewFork(Request):
    """`POST …/runs/{id}/fork`: from a step or a call of it on, with another brief, other options of steps, or other
    prompts of their calls (by label, `label#2`, or `*`)."""

    from_step: StepKey
    from_call: CallKey | None = None
    brief: BriefChanges = BriefChanges()
    options: Annotated[dict[StepKey, Options], Field(max_length=100)] = {}
    prompts: Annotated[dict[StepKey, Prompts], Field(max_length=100)] = {}
    fresh: bool = False

    @model_validator(mode="after")
    def _changes_something(self) -> NewFork:
        changes = (self.brief.changes(), any(self.options.values()), self.prompts, self.from_call)
        if not any(changes):
            told = "must change something, or options or prompts must; to do the same again, restart"
            raise InvalidInputError("brief", told)
        return self


class FailedRuns(Request):
    """Which failed runs: of a workflow, of a class of errors, newest first."""

    workflow_slug: Slug | None = None
    error_class: Slug | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class RunsToRedrive(FailedRuns):
    """`POST …/workflows/redrive`: those, or of those no others than `run_ids`, whose cost was estimated before."""

    run_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=100)] | None = None


class StepWakeUp(Request):
    """`POST /tasks/step`: what the queue brings."""

    workspace_id: UUID
    run_id: UUID
    step_id: UUID


class StudioOrder(BaseModel):
    """What our order gave along, and Studio gives back."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    workspace_id: UUID


class StudioTold(BaseModel):
    """`POST /webhooks/studio`: a generation was decided. What Studio may add tomorrow is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["generation.decided"]
    generation_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    metadata: StudioOrder


class EffectToDo(Request):
    """`POST /tasks/effect`: what the queue brings."""

    workspace_id: UUID
    run_id: UUID
    effect_id: UUID


class SubjectToTell(Request):
    """Whose events to tell the audit and the mirror: a run's, a brief's or a workspace's."""

    workspace_id: UUID
    subject_id: UUID


class Page(Request):
    """A page of a list, newest first: `before` is the time of the last row seen."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    before: datetime | None = None

    @field_validator("before")
    @classmethod
    def _in_utc(cls, before: datetime | None) -> datetime | None:
        """A time without a zone is read as UTC."""
        if before is None or before.tzinfo is None:
            return before
        try:
            return before.astimezone(UTC)
        except OverflowError:
            raise ValueError("is no time between the years 1 and 9999 in UTC") from None


class RunsPage(Page):
    status: RunStatus | None = None
    workflow_slug: Slug | None = None


class Rows(Request):
    limit: Annotated[int, Field(ge=1, le=1000)] = 500
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class RunWait(Request):
    """`?wait=30s`: answer when the run has ended, or when the time is up. `steps`: how many steps to show."""

    wait: str | None = None
    steps: Annotated[int, Field(ge=0, le=1000)] = 1000

    @field_validator("wait")
    @classmethod
    def _a_time(cls, wait: str | None) -> str | None:
        if wait is not None and seconds(wait) is None:
            raise ValueError(f"must be a time such as 30s or 500ms, at most {MAX_WAIT_S:.0f}s")
        return wait

    @property
    def wait_s(self) -> float:
        return (seconds(self.wait) or 0.0) if self.wait else 0.0


def seconds(text: str) -> float | None:
    found = re.fullmatch(r"([0-9]{1,6})(ms|s)", text)
    if found is None:
        return None
    value = int(found.group(1)) / (1000 if found.group(2) == "ms" else 1)
    return value if value <= MAX_WAIT_S else None


class StreamFrom(Request):
    """`?after=N`: what `Last-Event-ID` says, for clients that cannot send the header."""

    after: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None

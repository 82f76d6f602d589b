"""A workflow as data: what runs, after what, with which inputs (X03, X04). Checked in `shared/workflows/check.py`."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.core.canonical import JsonObject, canonical_json, text_digest
from shared.core.conditions import Join
from shared.core.prompts import MOST_CHANGES, CallKey, PromptChange
from shared.core.wording import problems_of
from shared.errors import InvalidDefinitionError

APPROVAL_NODE = "approval_gate"
SYNTHESIS_NODE = "synthesis"
SENTINELS = frozenset({APPROVAL_NODE, SYNTHESIS_NODE})
WORKFLOW_NODE = "workflow"
FLOW_FIELDS = (
    *("when", "join", "on_failure", "for_each", "max_parallel", "workflow"),
    *("takes", "reuse_within_s", "retry", "timeout_s", "budget_usd", "model", "prompts"),
)
MOST_PARALLEL = 1000
LONGEST_TIMEOUT_S = 366 * 86_400.0

OnFailure = Literal["fail", "skip", "continue"]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class RetryPolicy(BaseModel):
    """When a failed step is tried again. What is left out is the engine's own setting; times are in seconds.

    The pause doubles from `backoff_s` to `backoff_max_s`, with up to `jitter` times itself more by chance; it is never
    shorter than the other side asked for. `on` names the classes of failure that are tried again; None: all that may
    pass by themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    backoff_s: Annotated[float, Field(ge=0, le=3600)] | None = None
    backoff_max_s: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.5
    on: tuple[str, ...] | None = None


class WorkflowStepDef(BaseModel):
    """One step. `agent_name` is a registered agent or a sentinel; `input_map` maps an input field to a path.

    `when` is a condition (`conditions.py`); `join` says which ends of the steps before it let it begin, `on_failure`
    what its own failure does to the run. `for_each` is a path to a list: the step is done once for each item,
    `max_parallel` at a time. `workflow` is the slug that a step of agent `workflow` runs, and `takes` names the steps
    of it whose outputs it puts out besides those of the last ones; a run of it that began no longer than
    `reuse_within_s` ago is taken instead of a new one. `timeout_s` counts from when the step first began, over all its
    attempts. `prompts` changes what its model calls are told: by label, `label#2` for the second of that label, or `*`
    for every call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    agent_name: Annotated[str, Field(min_length=1, max_length=64)]
    label: Annotated[str, Field(max_length=200)] = ""
    depends_on: tuple[Key, ...] = ()
    input_map: dict[str, str] = {}
    options: dict[str, Any] = {}
    target_output_field: str | None = None
    approval_required_by: str = "any_workspace_member"
    when: Annotated[str, Field(min_length=1)] | None = None
    join: Join = "all"
    on_failure: OnFailure = "fail"
    for_each: Annotated[str, Field(min_length=1)] | None = None
    max_parallel: Annotated[int, Field(ge=1, le=MOST_PARALLEL)] | None = None
    workflow: Slug | None = None
    takes: Annotated[tuple[Key, ...], Field(max_length=100)] = ()
    reuse_within_s: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT_S)] | None = None
    retry: RetryPolicy | None = None
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT_S)] | None = None
    budget_usd: Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=8)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    prompts: Annotated[dict[CallKey, PromptChange], Field(max_length=MOST_CHANGES)] = {}

    def to_jsonb(self) -> JsonObject:
        """The step as it is stored. A field of the flow that is left out is not written, so that a definition that does
        without it keeps the digest it had before the field existed."""
        left_out = {name for name in FLOW_FIELDS if getattr(self, name) == type(self).model_fields[name].default}
        return self.model_dump(mode="json", exclude=left_out)

    @property
    def flow(self) -> JsonObject:
        """The fields that say when and how often the step is done, as far as they are given."""
        stored = self.to_jsonb() if self.model_fields_set.intersection(FLOW_FIELDS) else {}
        return {name: stored[name] for name in FLOW_FIELDS if name in stored}

    @property
    def title(self) -> str:
        return self.label or self.key.replace("_", " ")


class WorkflowDef(BaseModel):
    """A workflow: a DAG of steps under a snake_case slug (X12). `description` is shown, and fed to synthesis (X17)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: Slug
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=4000)] = ""
    steps: Annotated[tuple[WorkflowStepDef, ...], Field(min_length=1, max_length=20_000)]
    version: Annotated[int, Field(ge=1)] = 1

    def to_dag_jsonb(self) -> JsonObject:
        """The definition as it is stored in `tiktok_workflows.dag_jsonb`."""
        return {**self.model_dump(mode="json", exclude={"steps"}), "steps": [step.to_jsonb() for step in self.steps]}

    @classmethod
    def from_dag_jsonb(cls, stored: JsonObject) -> WorkflowDef:
        """Raises `InvalidDefinitionError` for one that this version does not know: a newer one may have stored it."""
        try:
            return cls.model_validate(stored)
        except ValidationError as wrong:
            path, told = problems_of(wrong)[0]
            problem = f"{told}; it was stored by another version of the engine"
            raise InvalidDefinitionError(None, path or "definition", problem) from wrong

    @property
    def has_step_caps(self) -> bool:
        return any(step.budget_usd is not None for step in self.steps)

    @cached_property
    def canonical(self) -> str:
        """The definition as it is stored, as canonical JSON."""
        return canonical_json(self.to_dag_jsonb())

    @cached_property
    def digest(self) -> str:
        """What a run pins: the sha-256 of the definition's canonical JSON."""
        return text_digest(self.canonical)

    def step(self, key: str) -> WorkflowStepDef:
        return next(step for step in self.steps if step.key == key)

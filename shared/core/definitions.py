"""A workflow as data: what runs, after what, with which inputs (X03, X04). Checked in `shared/workflows/check.py`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from shared.core.canonical import JsonObject, digest_of

APPROVAL_NODE = "approval_gate"
SYNTHESIS_NODE = "synthesis"
SENTINELS = frozenset({APPROVAL_NODE, SYNTHESIS_NODE})

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class WorkflowStepDef(BaseModel):
    """One step. `agent_name` is a registered agent or a sentinel; `input_map` maps an input field to a path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    agent_name: Annotated[str, Field(min_length=1, max_length=64)]
    label: Annotated[str, Field(max_length=200)] = ""
    depends_on: tuple[Key, ...] = ()
    input_map: dict[str, str] = {}
    options: dict[str, Any] = {}
    target_output_field: str | None = None
    approval_required_by: str = "any_workspace_member"

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
        return self.model_dump(mode="json")

    @classmethod
    def from_dag_jsonb(cls, stored: JsonObject) -> WorkflowDef:
        return cls.model_validate(stored)

    @property
    def digest(self) -> str:
        """What a run pins: the sha-256 of the definition's canonical JSON."""
        return digest_of(self.to_dag_jsonb())

    def step(self, key: str) -> WorkflowStepDef:
        return next(step for step in self.steps if step.key == key)

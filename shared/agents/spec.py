"""What an agent is, as data: the catalog page and the brief form are drawn from it (A075-A083)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Pattern(StrEnum):
    STUDIO_CONSUMING = "studio_consuming"
    LLM_PURE = "llm_pure"
    DATA_MONITORING = "data_monitoring"


class FieldType(StrEnum):
    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY_USD = "money_usd"
    BOOLEAN = "boolean"
    ENUM = "enum"
    HANDLE = "handle"
    UUID = "uuid"
    DATE = "date"
    LIST = "list"
    OBJECT = "object"
    MARKDOWN = "markdown"


class AgentField(BaseModel):
    """One typed input, option or output. `unit` says what a number counts; `choices` what an enum allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: FieldType
    description: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    unit: str | None = None


class HumanTouchpoint(BaseModel):
    """Where a person decides something."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    decision: str
    required_by: str = "any_workspace_member"


class AgentSpec(BaseModel):
    """One agent's entry in the catalog. `typical_model` is an alias (`haiku`, `sonnet`) or None for no model.

    `proposes` lists the kinds of effects that it may propose: a step of such an agent needs a gate behind it (X15).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    display_name: str
    purpose: str
    pattern: Pattern
    typical_model: str | None
    inputs: tuple[AgentField, ...]
    options: tuple[AgentField, ...] = ()
    outputs: tuple[AgentField, ...]
    human_touchpoints: tuple[HumanTouchpoint, ...] = ()
    workflows: tuple[str, ...] = ()
    proposes: tuple[str, ...] = ()

"""What the mirror shows: one small document for a run, for each of its steps, and for each approval.

Whole states, never differences: the newest one is all a reader needs. No prompt, no input, no output, no proposal:
pages that show those ask the API, which knows who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from shared.core.canonical import JsonObject

ERROR_CHARACTERS = 500
RUN_FIELDS = (
    "id",
    "workflow_slug",
    "workflow_name",
    "handle",
    "brief_id",
    "parent_run_id",
    "status",
    "steps_total",
    "steps_open",
    "paused_at",
    "cancel_requested_at",
    "budget_usd",
    "total_cost_usd",
    "total_latency_ms",
    "has_report",
    "error_class",
    "error_message",
    "created_by",
    "started_at",
    "completed_at",
)
STEP_FIELDS = (
    "id",
    "idx",
    "key",
    "label",
    "agent_name",
    "status",
    "depends_on",
    "attempt",
    "failures",
    "agent_run_id",
    "cost_usd",
    "latency_ms",
    "error_class",
    "error_message",
    "not_before",
    "started_at",
    "completed_at",
)
GATE_FIELDS = (
    "id",
    "run_id",
    "step_id",
    "step_key",
    "kind",
    "status",
    "title",
    "digest",
    "revision",
    "amount_usd",
    "released_usd",
    "role",
    "quorum",
    "approvals",
    "requested_by",
    "expires_at",
    "created_at",
    "decided_at",
)


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the mirror. `path` begins below the database; `version` is that of its run when it was read."""

    path: str
    version: int
    fields: JsonObject


def run_document(workspace_id: UUID, run: Mapping[str, Any], version: int) -> Document:
    return Document(run_path(workspace_id, run["id"]), version, _shown(run, RUN_FIELDS))


def step_document(workspace_id: UUID, run_id: UUID | str, step: Mapping[str, Any], version: int) -> Document:
    path = f"{run_path(workspace_id, run_id)}/steps/{quote(step['key'], safe=' ')}"
    return Document(path, version, _shown(step, STEP_FIELDS))


def gate_document(workspace_id: UUID, gate: Mapping[str, Any], version: int) -> Document:
    return Document(f"workspaces/{workspace_id}/gates/{gate['id']}", version, _shown(gate, GATE_FIELDS))


def run_path(workspace_id: UUID, run_id: UUID | str) -> str:
    return f"workspaces/{workspace_id}/runs/{run_id}"


def _shown(row: Mapping[str, Any], names: tuple[str, ...]) -> JsonObject:
    """These fields and no other. Money is text: a document knows no decimal numbers."""
    found = {name: row[name] for name in names}
    if found.get("error_message"):
        found["error_message"] = found["error_message"][:ERROR_CHARACTERS]
    return found

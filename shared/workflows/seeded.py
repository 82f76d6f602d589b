"""The workflows that every workspace has (B027)."""

from __future__ import annotations

from shared.core.definitions import WorkflowDef
from shared.workflows.profile_audit import PROFILE_AUDIT

SEEDED_WORKFLOWS: dict[str, WorkflowDef] = {definition.slug: definition for definition in (PROFILE_AUDIT,)}

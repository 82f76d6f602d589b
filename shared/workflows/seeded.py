"""The workflows that every workspace has (B027)."""

from __future__ import annotations

from shared.core.definitions import WorkflowDef
from shared.workflows.campaign_launch import CAMPAIGN_LAUNCH
from shared.workflows.profile_audit import PROFILE_AUDIT

SEEDED_WORKFLOWS: dict[str, WorkflowDef] = {
    definition.slug: definition for definition in (PROFILE_AUDIT, CAMPAIGN_LAUNCH)
}

"""Profile Audit: reads an account, changes nothing, ends in a report. It has no gate (X15, X35)."""

from __future__ import annotations

from shared.core.definitions import SYNTHESIS_NODE, WorkflowDef, WorkflowStepDef

_READERS = (
    ("shadowban_sentinel", "Shadowban signals"),
    ("performance_feedback", "What works"),
    ("audience_mapper", "Audience segments"),
    ("trend_watcher", "Trends"),
    ("compliance", "Compliance"),
)

PROFILE_AUDIT = WorkflowDef(
    slug="profile_audit",
    name="Profile Audit",
    description=(
        "A read-only audit of one TikTok account: its health, signs of suppressed reach, what works, who watches, "
        "which trends fit, and which captions may break rules. Ends in a Markdown report. Publishes nothing."
    ),
    steps=(
        WorkflowStepDef(key="account_health", agent_name="account_health", label="Account health"),
        *(
            WorkflowStepDef(key=name, agent_name=name, label=label, depends_on=("account_health",))
            for name, label in _READERS
        ),
        WorkflowStepDef(
            key="synthesis",
            agent_name=SYNTHESIS_NODE,
            label="Report",
            depends_on=("account_health", *(name for name, _ in _READERS)),
        ),
    ),
)

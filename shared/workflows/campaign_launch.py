"""Campaign Launch: rewrites listings, makes and publishes a post, plans ads, writes to creators; four gates (X25, X35).

Nothing happens to the world before the gate behind the agent that proposed it. Gates never expire by default (X27).
It begins with a Profile Audit of the account, unless there is one of the last two weeks (X24).
"""

from __future__ import annotations

from shared.core.definitions import APPROVAL_NODE, SYNTHESIS_NODE, WORKFLOW_NODE, WorkflowDef, WorkflowStepDef

AUDIT_WITHIN_S = 14 * 86_400.0

_AUDIT = {"audit": "profile_audit.output.report_md"}
_HOLD = "profile_audit.output.outputs.account_health.hold_paid_amplification || `false`"  # an audit may lack that step
_SEGMENTS = {"segments": "audience_mapper.output.segments"}
_AUDIENCE = {**_SEGMENTS, "audience": "audience_mapper.output.audience"}


def _gate(key: str, label: str, behind: str, shows: str) -> WorkflowStepDef:
    """A gate right behind the step whose proposals it releases; `shows` is the field that the card leads with."""
    return WorkflowStepDef(
        key=key, agent_name=APPROVAL_NODE, label=label, depends_on=(behind,), target_output_field=shows
    )


_STEPS = (
    WorkflowStepDef(
        key="profile_audit",
        agent_name=WORKFLOW_NODE,
        label="Profile Audit",
        workflow="profile_audit",
        takes=("account_health",),
        reuse_within_s=AUDIT_WITHIN_S,
    ),
    WorkflowStepDef(
        key="audience_mapper",
        agent_name="audience_mapper",
        label="Audience segments",
        depends_on=("profile_audit",),
    ),
    WorkflowStepDef(
        key="listing_optimizer",
        agent_name="listing_optimizer",
        label="Listing rewrites",
        depends_on=("audience_mapper",),
        input_map=_SEGMENTS,
    ),
    _gate("approve_listings", "Approve listing rewrites", "listing_optimizer", "rewrites"),
    WorkflowStepDef(
        key="content_producer",
        agent_name="content_producer",
        label="Content",
        depends_on=("approve_listings",),
        input_map={**_SEGMENTS, **_AUDIT},
    ),
    _gate("approve_publish", "Approve TikTok publish", "content_producer", "plan"),
    WorkflowStepDef(
        key="ad_campaign_director",
        agent_name="ad_campaign_director",
        label="Ad campaign",
        depends_on=("approve_publish",),
        input_map={
            **_AUDIENCE,
            **_AUDIT,
            "hold_paid_amplification": _HOLD,
            "published": "approve_publish.output.effects",
            "assets": "content_producer.output.assets",
        },
    ),
    _gate("approve_ad_spend", "Approve ad spend", "ad_campaign_director", "plan"),
    WorkflowStepDef(
        key="creator_outreach",
        agent_name="creator_outreach",
        label="Creator outreach",
        depends_on=("approve_ad_spend",),
        input_map=_AUDIENCE,
    ),
    _gate("approve_outreach", "Approve outreach DMs", "creator_outreach", "messages"),
)

CAMPAIGN_LAUNCH = WorkflowDef(
    slug="campaign_launch",
    name="Campaign Launch",
    description=(
        "A campaign for our own brand: a Profile Audit if none was made in the last two weeks, who the audience is, "
        "better listings, a post made and published, ads, and messages to creators. Each of the four that act on the "
        "world waits for a person. Ends in a campaign plan."
    ),
    steps=(
        *_STEPS,
        WorkflowStepDef(
            key="synthesis",
            agent_name=SYNTHESIS_NODE,
            label="Campaign plan",
            depends_on=tuple(step.key for step in _STEPS),
        ),
    ),
)

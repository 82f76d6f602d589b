"""The agents that can run, by name (A071-A074). The catalog describes all; only these are implemented."""

from __future__ import annotations

from shared.agents.account_health import AccountHealthAgent
from shared.agents.ad_campaign_director import AdCampaignDirectorAgent
from shared.agents.audience_mapper import AudienceMapperAgent
from shared.agents.base import BaseAgent
from shared.agents.compliance import ComplianceAgent
from shared.agents.content_producer import ContentProducerAgent
from shared.agents.creator_outreach import CreatorOutreachAgent
from shared.agents.listing_optimizer import ListingOptimizerAgent
from shared.agents.performance_feedback import PerformanceFeedbackAgent
from shared.agents.shadowban_sentinel import ShadowbanSentinelAgent
from shared.agents.trend_watcher import TrendWatcherAgent

AGENT_REGISTRY: dict[str, type[BaseAgent]] = {
    agent.name: agent
    for agent in (
        AccountHealthAgent,
        ShadowbanSentinelAgent,
        PerformanceFeedbackAgent,
        AudienceMapperAgent,
        TrendWatcherAgent,
        ComplianceAgent,
        ListingOptimizerAgent,
        AdCampaignDirectorAgent,
        CreatorOutreachAgent,
        ContentProducerAgent,
    )
}

"""The agents that can run, by name (A071-A074). The catalog describes all; only these are implemented."""

from __future__ import annotations

from shared.agents.account_health import AccountHealthAgent
from shared.agents.audience_mapper import AudienceMapperAgent
from shared.agents.base import BaseAgent
from shared.agents.compliance import ComplianceAgent
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
    )
}

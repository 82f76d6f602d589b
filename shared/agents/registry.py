"""The agents that can run, by name (A071-A074). The catalog describes all; only these are implemented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module

from shared.agents.base import BaseAgent


class AgentRegistry(MutableMapping[str, type[BaseAgent]]):
    """Agents by name. Each is loaded when it is first asked for: a cold executor has one step to do, not ten."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        """`classes`: the class of each agent, in the module of its name."""
        self._classes = dict(classes)
        self._loaded: dict[str, type[BaseAgent]] = {}

    def __getitem__(self, name: str) -> type[BaseAgent]:
        named = self._classes[name]
        if name not in self._loaded:
            self._loaded[name] = getattr(import_module(f"shared.agents.{name}"), named)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __setitem__(self, name: str, agent: type[BaseAgent]) -> None:
        self._classes[name], self._loaded[name] = agent.__name__, agent

    def __delitem__(self, name: str) -> None:
        del self._classes[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


AGENT_REGISTRY = AgentRegistry(
    {
        "account_health": "AccountHealthAgent",
        "shadowban_sentinel": "ShadowbanSentinelAgent",
        "performance_feedback": "PerformanceFeedbackAgent",
        "audience_mapper": "AudienceMapperAgent",
        "trend_watcher": "TrendWatcherAgent",
        "compliance": "ComplianceAgent",
        "listing_optimizer": "ListingOptimizerAgent",
        "ad_campaign_director": "AdCampaignDirectorAgent",
        "creator_outreach": "CreatorOutreachAgent",
        "content_producer": "ContentProducerAgent",
    }
)

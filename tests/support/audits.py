"""Runs audit agents on mock or dataset data: the mock model, a journal in memory, and rows in a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from shared.agents.account_health import AccountHealthAgent
from shared.agents.audience_mapper import AudienceMapperAgent
from shared.agents.audit import AuditAgent
from shared.agents.base import AgentContext, AgentResult, AgentRunEnd, BaseAgent
from shared.agents.compliance import ComplianceAgent
from shared.agents.performance_feedback import PerformanceFeedbackAgent
from shared.agents.records import Brand
from shared.agents.shadowban_sentinel import ShadowbanSentinelAgent
from shared.agents.trend_watcher import TrendWatcherAgent
from shared.core.proposals import ProposedEffect
from shared.trace.journal import Journal
from tests.support.accounts import AS_OF
from tests.support.model_calls import MemoryJournalStore, mock_mode

WORKSPACE, RUN = UUID(int=7), UUID(int=8)
AUDIT: tuple[type[AuditAgent], ...] = (
    AccountHealthAgent,
    ShadowbanSentinelAgent,
    PerformanceFeedbackAgent,
    AudienceMapperAgent,
    TrendWatcherAgent,
    ComplianceAgent,
)


@dataclass
class MemoryRecords:
    """Rows in lists; alerts are deduplicated by their key as the table does it."""

    brands: dict[UUID, Brand] = field(default_factory=dict)
    written: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def load_brand(self, workspace_id: UUID, brand_id: UUID) -> Brand | None:
        return self.brands.get(brand_id)

    def write(self, workspace_id: UUID, query: str, values: Mapping[str, Any]) -> list[Any]:
        known = {row["dedupe_key"] for name, row in self.written if name == "insert_alert"}
        if query == "insert_alert" and values["dedupe_key"] in known:
            return []
        self.written.append((query, dict(values)))
        return [object()]

    def alerts(self) -> list[dict[str, Any]]:
        return [row | {"evidence": json.loads(row["evidence"])} for name, row in self.written if name == "insert_alert"]


@dataclass
class MemoryRunLog:
    """An agent run log that keeps how runs ended, and the journal rows and proposals of the last one."""

    rows: MemoryJournalStore = field(default_factory=MemoryJournalStore)
    before: MemoryJournalStore | None = None
    ends: list[AgentRunEnd] = field(default_factory=list)
    proposed: dict[str, ProposedEffect] = field(default_factory=dict)

    def open(self, agent_name: str, ctx: AgentContext) -> UUID:
        return uuid4()

    def journal(self, agent_run_id: UUID) -> Journal:
        journal = Journal(self.rows, self.before.remembered() if self.before else None)
        self.proposed = journal.proposed
        return journal

    def close(self, agent_run_id: UUID, agent_name: str, ctx: AgentContext, end: AgentRunEnd) -> None:
        self.ends.append(end)


def run_agent(agent: BaseAgent, given: dict[str, Any], log: MemoryRunLog | None = None) -> AgentResult:
    """One run of an agent with this input and the mock model, without its latency."""
    with mock_mode():
        return run_in_this_mode(agent, given, log)


def run_in_this_mode(agent: BaseAgent, given: dict[str, Any], log: MemoryRunLog | None = None) -> AgentResult:
    """One run of an agent with this input, in the mode that is set."""
    ctx = AgentContext(run_id=RUN, workspace_id=WORKSPACE, input=given)
    return asyncio.run(agent.run(ctx, log or MemoryRunLog()))


def scraped_items(handle: str, posts: int, **fields: Any) -> list[dict[str, Any]]:
    """Items of a scraper file: one post every second day back from the builders' date, other fields as given."""
    return [
        {
            "id": str(7_000_000_000_000_000_000 + place),
            "text": f"Post {place} #glow",
            "createTime": int((AS_OF - timedelta(days=2 * place)).timestamp()),
            "playCount": 1000 + place,
            "diggCount": 80,
            "commentCount": 10,
            "shareCount": 5,
            "hashtags": [{"name": "glow"}],
            "videoMeta": {"duration": 20},
            "authorMeta": {"name": handle, "fans": 500},
            **fields,
        }
        for place in range(posts)
    ]


@contextmanager
def a_file_of(content: Any, folder: Path, name: str = "account.json") -> Iterator[str]:
    """A dataset file with this content; its name is what an agent's input takes as `dataset`."""
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    with mock_mode(tiktok_dataset=folder):
        yield name

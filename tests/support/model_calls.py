"""An agent run around model calls, with a journal that lives in memory: for tests of the model room."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, SecretStr

from local.fakes.anthropic import FakeAnthropic
from shared.config import Settings, current_settings, use_settings
from shared.core.ids import new_id
from shared.core.status import CallOutcome
from shared.llm.attempts import RetryPolicy, current_retry_policy, use_retry_policy
from shared.trace.context import inside_agent_run
from shared.trace.journal import Journal, Remembered, Row, Signal, close_journal, open_journal

WORKSPACE = UUID("00000000-0000-7000-8000-0000000000aa")
STABLE = "You judge TikTok posts for a brand team, and you answer briefly and exactly. " * 60
T = TypeVar("T")


class Verdict(BaseModel):
    """What the model is asked for in these tests."""

    verdict: str
    score: int


@dataclass
class MemoryJournalStore:
    """A journal store that keeps the rows of one step, and can hand them to the next attempt."""

    rows: dict[UUID, Row] = field(default_factory=dict)
    in_doubt: set[UUID] = field(default_factory=set)
    spoiled: set[tuple[str, int]] = field(default_factory=set)
    signals: dict[str, Signal] = field(default_factory=dict)

    def begin(self, row: Row) -> None:
        self.rows[row.id] = row

    def hold_more(self, row: Row) -> bool:
        return True

    def finish(self, row: Row) -> None:
        self.rows[row.id] = row

    def cut_off(self, row: Row) -> None:
        self.rows[row.id] = row

    def record(self, row: Row) -> None:
        self.rows[row.id] = row

    def doubt(self, remembered: Remembered) -> None:
        self.in_doubt.add(remembered.id)

    def spoil(self, asked: tuple[str, int], why: str) -> None:
        self.spoiled.add(asked)

    def signal(self, wake_key: str) -> Signal | None:
        return self.signals.get(wake_key)

    def remembered(self) -> dict[tuple[str, int], Remembered]:
        """What a next attempt finds: answers, and calls that were begun and never finished."""
        kept = [row for row in self.rows.values() if row.outcome is not CallOutcome.FAILED]
        kept = [row for row in kept if (row.digest, row.occurrence) not in self.spoiled]
        return {(row.digest, row.occurrence): Remembered(row.id, row.agent_run_id, row.answer) for row in kept}

    def list_rows(self) -> list[Row]:
        return sorted(self.rows.values(), key=lambda row: row.idx)

    def one(self) -> Row:
        (row,) = self.rows.values()
        return row


def in_run(
    work: Callable[[], Awaitable[T]],
    store: MemoryJournalStore,
    *,
    agent: str = "tester",
    after: MemoryJournalStore | None = None,
    seconds: float | None = None,
) -> T:
    """Runs `work` as an agent run: an attempt after another one remembers its rows; `seconds` is its deadline."""

    async def run() -> T:
        agent_run_id = new_id()
        deadline = None if seconds is None else time.monotonic() + seconds
        open_journal(agent_run_id, Journal(store, after.remembered() if after else None, deadline))
        try:
            with inside_agent_run(agent_run_id, WORKSPACE, agent):
                return await work()
        finally:
            close_journal(agent_run_id)

    return asyncio.run(run())


@contextmanager
def settings_as(**fields: Any) -> Iterator[Settings]:
    """This process's settings with some changed, and a retry policy that does not wait; both are put back."""
    before, policy = current_settings(), current_retry_policy()
    changed = Settings.model_validate({**before.model_dump(), **fields})
    use_settings(changed)
    use_retry_policy(replace(RetryPolicy(), base_s=0.001, margin_s=0.05, least_s=0.01))
    try:
        yield changed
    finally:
        use_settings(before)
        use_retry_policy(policy)


@contextmanager
def mock_mode(**fields: Any) -> Iterator[Settings]:
    """Mock mode without its latency."""
    with settings_as(claude_mode="mock", mock_latency_scale=0, **fields) as settings:
        yield settings


@contextmanager
def real_mode(**fields: Any) -> Iterator[FakeAnthropic]:
    """Real mode against a fake API of its own."""
    with FakeAnthropic() as fake:
        given = {"anthropic_api_key": SecretStr("test-key"), "anthropic_base_url": fake.base_url, **fields}
        with settings_as(claude_mode="real", **given):
            yield fake

"""An agent run inside a step: its row goes in with the claim and is updated with the settle.

`BaseAgent.run()` opens and closes its row through an `AgentRunLog`. Here the row is already in, written by the same
statement that claimed the step, and its end is held until the statement that settles the step: so the two can never
disagree, and neither costs a transaction of its own.
"""

from __future__ import annotations

from uuid import UUID

from shared.agents.base import AgentContext, AgentRunEnd
from shared.core.proposals import ProposedEffect
from shared.trace.journal import Journal


class StepLog:
    """The `AgentRunLog` of one attempt at one step."""

    def __init__(self, agent_run_id: UUID, journal: Journal) -> None:
        self._agent_run_id, self._journal = agent_run_id, journal
        self.end: AgentRunEnd | None = None

    @property
    def proposed(self) -> tuple[ProposedEffect, ...]:
        """What the agent would have done to the world, in the order of its keys' first mention."""
        return tuple(self._journal.proposed.values())

    def open(self, agent_name: str, ctx: AgentContext) -> UUID:
        """The row that the claim inserted."""
        return self._agent_run_id

    def journal(self, agent_run_id: UUID) -> Journal:
        return self._journal

    def close(self, agent_run_id: UUID, agent_name: str, ctx: AgentContext, end: AgentRunEnd) -> None:
        """Held for the settle."""
        self.end = end

"""Whose call this is: exactly four context variables (A025). Set by `BaseAgent.run()`, reset by token.

Wrappers around models, providers and tools read them, so that no run id is ever threaded through an agent's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

current_agent_run_id: ContextVar[UUID | None] = ContextVar("current_agent_run_id", default=None)
current_workspace_id: ContextVar[UUID | None] = ContextVar("current_workspace_id", default=None)
current_agent_name: ContextVar[str | None] = ContextVar("current_agent_name", default=None)
_step_counter: ContextVar[list[int] | None] = ContextVar("_step_counter", default=None)


@contextmanager
def inside_agent_run(agent_run_id: UUID, workspace_id: UUID, agent_name: str) -> Iterator[None]:
    """Everything called below belongs to this agent run. Siblings and parents in the same task never see it."""
    tokens = (
        current_agent_run_id.set(agent_run_id),
        current_workspace_id.set(workspace_id),
        current_agent_name.set(agent_name),
        _step_counter.set([0]),  # a box: tasks started by gather() copy the context but must share the count
    )
    try:
        yield
    finally:
        current_agent_run_id.reset(tokens[0])
        current_workspace_id.reset(tokens[1])
        current_agent_name.reset(tokens[2])
        _step_counter.reset(tokens[3])


def next_step_idx() -> int:
    """The next 0-based index of a trace row in this agent run (A030). Outside a run: LookupError."""
    box = _step_counter.get()
    if box is None:
        raise LookupError("next_step_idx() outside an agent run")
    box[0] += 1
    return box[0] - 1

"""Runs whose definition another version of the engine wrote: they stop in a named state, and nothing goes round."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.agents.registry import AGENT_REGISTRY
from shared.engine.earlier_run import Again, estimate
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller, definition_of
from shared.errors import InvalidDefinitionError
from shared.store.connection import connect_url
from shared.store.documents import as_jsonb
from shared.store.sql import parsed
from tests.support.agents import EchoAgent
from tests.support.inner import ended, runs, stored
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow

STATEMENTS = parsed((Path(__file__).parent.parent / "support" / "newer.sql").read_text())


def rewritten(rooms: Rooms, name: str, **values: Any) -> None:
    url = rooms.settings.database_owner_url
    assert url is not None
    connection = connect_url(url, "DATABASE_OWNER_URL")
    try:
        connection.exchange([STATEMENTS[name].with_values(values)])
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("agent", "more", "told"),
    [
        ("echo", {"retry": {"max_attempts": 2, "moon": 1}}, "retry.moon"),
        ("echo", {"prompts": {"*": {"instead": "x"}}}, "prompts"),
        ("approval_gate", {"options": {"witness": True}}, "options.witness"),
    ],
)
def test_a_field_that_nobody_here_knows(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, agent: str, more: dict[str, Any], told: str
) -> None:
    """The step fails at its first wake-up, by step and field; it is not claimed again and again."""
    run = started(workflow(step("a"), step("s", "a", agent=agent)), workspace, rooms).run_id
    rewritten(rooms, "newer_step", run_id=run, key="s", more=as_jsonb(more))

    queue.deliver_all(rooms)

    found = steps_of(run, workspace, rooms)["s"]
    assert (found["status"], found["error_class"], found["attempt"]) == ("failed", "definition_unknown", 1)
    assert f"step 's', {told}" in found["error_message"]
    assert ended(run, workspace, rooms)["error_class"] == "definition_unknown"


def test_an_agent_that_is_not_here_any_more(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A deploy took it away: the run stops by that name. With the agent back, a redrive goes on where it stopped."""
    run = started(workflow(step("a"), step("s", "a", agent="passing")), workspace, rooms).run_id
    queue.deliver_all(rooms)
    assert ended(run, workspace, rooms)["error_class"] == "definition_unknown"

    AGENT_REGISTRY["passing"] = EchoAgent
    try:
        again = repeat_run(Again("redrive", run), Caller(workspace, "ada"), rooms).run_id
        queue.deliver_all(rooms)
    finally:
        del AGENT_REGISTRY["passing"]

    assert ended(again, workspace, rooms)["status"] == "succeeded"
    assert steps_of(again, workspace, rooms)["a"]["taken_from"]


def test_a_stored_workflow_of_another_version(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It is not started, nor done again, nor run inside of another one: each says what it is that is not known."""
    stored(workspace, rooms, workflow(step("a"), slug="newer"), workflow(step("a"), slug="newest"))
    run = started(definition_of("newer", workspace, rooms), workspace, rooms).run_id
    queue.deliver_all(rooms)
    outer = started(workflow(runs("newest")), workspace, rooms).run_id
    for slug in ("newer", "newest"):
        rewritten(rooms, "newer_definition", workspace_id=workspace, slug=slug, more='{"moon": 1}')

    queue.deliver_all(rooms)

    asked = Again("restart", run, "a")
    with pytest.raises(InvalidDefinitionError, match="stored by another version"):
        repeat_run(asked, Caller(workspace, "ada"), rooms)
    with pytest.raises(InvalidDefinitionError, match="stored by another version"):
        estimate(workspace, asked, rooms)
    found = ended(outer, workspace, rooms)
    assert (found["status"], found["error_class"]) == ("failed", "invalid_definition")
    assert read_run(workspace, run, rooms)["status"] == "succeeded"

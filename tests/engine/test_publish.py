"""Publishing as the engine does it: approved at a gate, done by its own task, kept with its row and its event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.fakes.tiktok_content import FakeTikTokContent
from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.config import use_settings
from shared.core.proposals import ProposedEffect
from shared.engine.decide import Decision, decide
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from tests.support.agents import Anything
from tests.support.effects import as_owner
from tests.support.publishing import HANDLE, a_post, kept_film, real_settings
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow


class PublishingAgent(BaseAgent):
    """Proposes the post of its input."""

    name = "publishing"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        ctx.propose(ProposedEffect(kind="publish_video", key="post", title="Publish it", payload=ctx.input["post"]))
        return AgentResult(output={})


@pytest.fixture
def fake() -> Iterator[FakeTikTokContent]:
    with FakeTikTokContent() as one:
        yield one


@pytest.fixture
def real(rooms: Rooms, fake: FakeTikTokContent, tmp_path: Path, workspace: UUID) -> Iterator[Rooms]:
    """The rooms in real mode against the fake."""
    wanted = real_settings(fake.base_url, tmp_path, army_workspace_id=workspace)
    changed = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    settings = rooms.settings.model_copy(update={**changed, "max_effect_attempts": 3})
    AGENT_REGISTRY[PublishingAgent.name] = PublishingAgent
    try:
        yield replace(rooms, settings=settings)
    finally:
        del AGENT_REGISTRY[PublishingAgent.name]
        use_settings(rooms.settings)


def approved(rooms: Rooms, queue: HeldQueue, workspace: UUID, **changes: Any) -> UUID:
    """A run whose one post was approved; its effect waits for its task."""
    file = kept_film(rooms.settings, workspace_id=workspace)
    made = workflow(
        step("make", agent="publishing", input_map={"post": "brief.post"}),
        step("ask", "make", agent="approval_gate", label="Publish"),
    )
    run_id = started(made, workspace, rooms, brief={"post": a_post(file, **changes)}).run_id
    queue.deliver_all(rooms)
    (gate,) = rooms.store.move(workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=50)
    decide(Decision(workspace, gate.step_id, "ada", decision="approve", roles=(), digest=gate.digest), rooms)
    return run_id


def delivered(rooms: Rooms, queue: HeldQueue) -> None:
    while queue.held:
        queue.deliver_when_due(queue.held.pop(0), rooms)


def posts(rooms: Rooms, run_id: UUID) -> list[Any]:
    return as_owner(rooms, "posts_of_run", run_id=run_id)


def effect_of_run(rooms: Rooms, workspace: UUID, run_id: UUID) -> Any:
    (effect,) = rooms.store.move(workspace, "effects_of_run", run_id=run_id)
    return effect


def test_an_approved_post_is_published(real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent) -> None:
    """The run ends with the receipt; the row (A041) and the event (A042) are there with it."""
    run_id = approved(real, queue, workspace)
    assert sum(fake.counts.values()) == 0, "nothing is asked before the approval"
    delivered(real, queue)

    (post,) = posts(real, run_id)
    (row,) = fake.desk.books()
    assert read_run(workspace, run_id, real)["status"] == "succeeded"
    assert (post.post_id, post.publish_id, post.account_handle) == (row["post_id"], row["publish_id"], HANDLE)
    events = events_of(run_id, workspace, real)
    (told,) = [event for event in events if event.kind == "tiktok.posted"]
    assert told.payload["receipt"]["url"] == post.url
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_what_tiktok_still_works_on_is_never_called_undone(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent
) -> None:
    """All attempts end while TikTok is at it: it may yet come out, so a person decides; it was sent once."""
    hurried = replace(real, settings=real.settings.model_copy(update={"publish_within_s": 0.1, "publish_pace": 0.01}))
    fake.faults({"on": "post", "what": "processing", "value": 1000})
    run_id = approved(hurried, queue, workspace)
    delivered(hurried, queue)

    assert effect_of_run(hurried, workspace, run_id).status == "unknown"
    assert (fake.counts["init"], fake.counts["upload"]) == (1, 1)
    assert steps_of(run_id, workspace, hurried)["ask"]["status"] == "waiting"


def test_an_upload_that_never_succeeds_is_given_up(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent
) -> None:
    """It could not even be opened: that surely did not happen, and the run says so."""
    fake.faults({"on": "init", "what": "status", "times": 3})
    run_id = approved(real, queue, workspace)
    delivered(real, queue)

    effect = effect_of_run(real, workspace, run_id)
    assert (effect.status, posts(real, run_id)) == ("refused", [])
    assert "given up after 3 tries" in effect.error_message


def test_a_lost_answer_costs_no_second_post(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent
) -> None:
    """Each kind of call is cut once after TikTok has acted: one post."""
    patient = replace(real, settings=real.settings.model_copy(update={"max_effect_attempts": 8}))
    for call in ("creator_info", "init", "upload", "status"):
        fake.faults({"on": call, "what": "cut", "after": True})
    run_id = approved(patient, queue, workspace)
    delivered(patient, queue)

    assert [row["is_accepted"] for row in fake.desk.books()].count(True) == 1
    assert len(posts(real, run_id)) == 1


def test_a_no_fails_the_run_with_what_to_do(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokContent
) -> None:
    """The vendor's reason and the advice stand in the run's error."""
    fake.faults({"on": "creator_info", "what": "code", "code": "spam_risk_too_many_posts"})
    run_id = approved(real, queue, workspace)
    delivered(real, queue)

    run = read_run(workspace, run_id, real)
    assert run["status"] == "failed"
    assert "propose it again tomorrow" in run["error_message"]

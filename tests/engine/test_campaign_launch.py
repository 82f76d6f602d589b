"""Campaign Launch in the real engine: four gates, each of which lets go what stands before it and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import APPROVAL_NODE, WorkflowDef
from shared.engine.decide import Decision, decide
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.workflows.campaign_launch import CAMPAIGN_LAUNCH
from shared.workflows.check import check_brief, check_definition
from tests.support.model_calls import mock_mode
from tests.support.queues import HeldQueue
from tests.support.runs import started, steps_of

GATES = ("approve_listings", "approve_publish", "approve_ad_spend", "approve_outreach")
FILM: dict[str, Any] = {"assets": [{"sha256": "a" * 64}], "film_variants": 0}
BRIEF = {
    "handle": "@lakucosmetics",
    "target_type": "own_brand",
    "ad_budget_usd": "300",
    "duration_s": 5,
    "max_listings": 2,
    "max_creators": 2,
}


def without_a_film() -> WorkflowDef:
    """The same workflow over a video that is there already: for what happens behind the second gate."""
    changed: dict[str, dict[str, Any]] = {
        "content_producer": {"agent_name": "echo", "input_map": {}},
        "ad_campaign_director": {"input_map": {"segments": "audience_mapper.output.segments"}, "options": FILM},
    }
    steps = tuple(step.model_copy(update=changed.get(step.key, {})) for step in CAMPAIGN_LAUNCH.steps)
    return CAMPAIGN_LAUNCH.model_copy(update={"slug": "no_film", "steps": steps})


DEFINITIONS = (CAMPAIGN_LAUNCH, CAMPAIGN_LAUNCH, without_a_film(), without_a_film())


@pytest.fixture(autouse=True)
def _mock_mode(rooms: Rooms, tmp_path: Path) -> Iterator[None]:
    """Set after the rooms, whose settings would win else: films are kept in a folder of the test."""
    with mock_mode(asset_dir=tmp_path / "assets"):
        yield


def open_gate(rooms: Rooms, workspace: UUID) -> Any:
    (gate,) = rooms.store.move(workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=50)
    return gate


def decided(rooms: Rooms, queue: HeldQueue, workspace: UUID, decision: Any, note: str | None = None) -> Any:
    """Decides at the open gate, and lets all happen that follows. The gate as it was."""
    gate = open_gate(rooms, workspace)
    decide(Decision(workspace, gate.step_id, "mia", (), decision, gate.digest, note=note), rooms)
    queue.deliver_all(rooms)
    return gate


def effects_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "effects_of_run", run_id=run_id)


def test_the_definition() -> None:
    """Its order is that of the specification, each gate right behind what it releases, no option set; the checks that a
    user's definition must pass hold, and so does the brief."""
    check_definition(CAMPAIGN_LAUNCH)
    check_brief(CAMPAIGN_LAUNCH, BRIEF, ("ad_budget_usd", "duration_s", "max_listings", "max_creators"))

    assert [step.key for step in CAMPAIGN_LAUNCH.steps] == [
        "profile_audit",
        "audience_mapper",
        "listing_optimizer",
        "approve_listings",
        "content_producer",
        "approve_publish",
        "ad_campaign_director",
        "approve_ad_spend",
        "creator_outreach",
        "approve_outreach",
        "synthesis",
    ]
    gates = [step for step in CAMPAIGN_LAUNCH.steps if step.agent_name == APPROVAL_NODE]
    assert [(gate.key, gate.options) for gate in gates] == [(key, {}) for key in GATES]


def test_from_brief_to_plan(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Four approvals, and everything that was shown is done, once; the ads show the post, and a film that Studio made
    for them; the plan tells all of it."""
    run_id = started(CAMPAIGN_LAUNCH, workspace, rooms, brief=BRIEF).run_id
    queue.deliver_all(rooms)
    seen = [decided(rooms, queue, workspace, "approve", f"gate {place}") for place in range(4)]
    run, steps = read_run(workspace, run_id, rooms), steps_of(run_id, workspace, rooms)
    effects = effects_of(run_id, workspace, rooms)

    assert run["status"] == "succeeded", run
    assert [gate.title for gate in seen] == [steps[key]["label"] for key in GATES]
    assert [gate.amount_usd is None for gate in seen] == [True, True, False, True]
    assert {effect.status for effect in effects} == {"done"}
    kinds = Counter(effect.kind for effect in effects)
    assert kinds == {"update_listing": 2, "publish_video": 1, "launch_campaign": 1, "send_message": 2}
    (post,) = [effect for effect in effects if effect.kind == "publish_video"]
    (launch,) = seen[2].proposal["effects"]
    (film,) = steps["ad_campaign_director"]["output_jsonb"]["assets"]
    shown = {ad["post_id"] or ad["asset"]["sha256"] for ad in launch["payload"]["ads"]}
    assert shown == {post.receipt["details"]["post_id"], film["sha256"]}
    report = run["report_md"]
    assert "| Approve ad spend | approved | mia | gate 2 |" in report
    assert report.count("| done |") == 6
    assert "| renders by Studio | $1.00 |" in report
    assert "| what ads may spend: a bound, not what they spent | $300.00 |" in report
    assert "numbers above occur in the request or in the steps' outputs" in report


@pytest.mark.parametrize("place", range(4), ids=GATES)
def test_a_rejection_stops_what_stands_behind_it(place: int, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Whatever gate says no: what stands before it was done, nothing of its own is, and nothing behind it runs."""
    run_id = started(DEFINITIONS[place], workspace, rooms, brief={**BRIEF, "film_variants": 1}).run_id
    queue.deliver_all(rooms)
    for _ in range(place):
        decided(rooms, queue, workspace, "approve")
    gate = decided(rooms, queue, workspace, "reject", "not like this")
    run, steps = read_run(workspace, run_id, rooms), steps_of(run_id, workspace, rooms)
    stopped = {effect["id"] for effect in gate.proposal["effects"]}

    assert (run["status"], run["error_message"]) == ("failed", run["error_message"])
    assert "not like this" in run["error_message"]
    assert {effect.status for effect in effects_of(run_id, workspace, rooms) if str(effect.id) in stopped} == {
        "refused"
    }
    assert {e.status for e in effects_of(run_id, workspace, rooms) if str(e.id) not in stopped} <= {"done"}
    behind = [step.key for step in CAMPAIGN_LAUNCH.steps]
    assert {steps[key]["status"] for key in behind[behind.index(GATES[place]) + 1 :]} == {"skipped"}

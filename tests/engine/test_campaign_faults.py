"""Campaign Launch when the queue repeats and mixes up, and when a process dies between an act and its receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.fakes.tiktok_content import FakeTikTokContent
from shared.engine.decide import Decision, decide
from shared.engine.read_run import read_run
from shared.engine.relay import EFFECT_PATH
from shared.engine.rooms import Rooms
from shared.errors import StoreBusyError
from shared.workflows.campaign_launch import CAMPAIGN_LAUNCH
from tests.engine.test_campaign_launch import BRIEF
from tests.support.dying import DyingStore
from tests.support.effects import as_owner
from tests.support.model_calls import mock_mode
from tests.support.publishing import real_settings
from tests.support.queues import HeldQueue
from tests.support.runs import started

KINDS = {"update_listing": 2, "publish_video": 1, "launch_campaign": 1, "send_message": 2}


@pytest.fixture(autouse=True)
def assets(rooms: Rooms, tmp_path: Path) -> Iterator[Path]:
    """Agents are in mock mode, and keep their files here: set after the rooms, whose settings would win else."""
    with mock_mode(asset_dir=tmp_path / "assets"):
        yield tmp_path / "assets"


def approve(rooms: Rooms, workspace: UUID) -> str:
    """Approves what waits, and says which gate it was."""
    (gate,) = rooms.store.move(workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=50)
    decide(Decision(workspace, gate.step_id, "mia", (), "approve", gate.digest), rooms)
    return str(gate.title)


def effects_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "effects_of_run", run_id=run_id)


def test_duplicates_and_disorder_do_nothing_twice(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Each wake-up arrives two or three times, in any order: one attempt at each act, one row of each, one plan."""
    run_id = started(CAMPAIGN_LAUNCH, workspace, rooms, brief={**BRIEF, "film_variants": 1}).run_id
    queue.deliver_shuffled(rooms, seed=0)
    for seed in range(1, 5):
        approve(rooms, workspace)
        queue.deliver_shuffled(rooms, seed)
    run, effects = read_run(workspace, run_id, rooms), effects_of(run_id, workspace, rooms)

    assert run["status"] == "succeeded", run["error_message"]
    assert Counter(effect.kind for effect in effects) == KINDS
    assert {(effect.status, effect.attempt) for effect in effects} == {("done", 1)}
    assert len(as_owner(rooms, "posts_of_run", run_id=run_id)) == 1
    assert {cost["key"]: cost["llm_calls"] for cost in run["costs"] if cost["llm_calls"]}["content_producer"] == 1


def test_a_death_before_the_receipt_leaves_one_post(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, tmp_path: Path, assets: Path
) -> None:
    """TikTok has published, and the process dies before it can say so: when its lease is over the next attempt finds
    the post there, and the campaign goes on with it."""
    run_id = started(CAMPAIGN_LAUNCH, workspace, rooms, brief={**BRIEF, "film_variants": 1}).run_id
    queue.deliver_all(rooms)
    approve(rooms, workspace)
    queue.deliver_all(rooms)
    assert approve(rooms, workspace) == "Approve TikTok publish"
    (post,) = [wake for wake in queue.held if wake.url_path == EFFECT_PATH]
    with FakeTikTokContent() as tiktok:
        own = {"asset_dir": assets, "army_workspace_id": workspace}
        wanted = real_settings(tiktok.base_url, tmp_path, step_lease_s=0.3, **own)
        changed = {name: getattr(wanted, name) for name in wanted.model_fields_set - {"army_home"}}
        real = replace(rooms, settings=rooms.settings.model_copy(update=changed))
        with pytest.raises(StoreBusyError):
            queue.deliver(post, replace(real, store=DyingStore(real.store, "settle_effect", after=0)))
        published = [row for row in tiktok.desk.books() if row["is_accepted"]]
        queue.deliver_when_due(post, real)
        again = [row for row in tiktok.desk.books() if row["is_accepted"]]
    queue.deliver_all(rooms)
    (effect,) = [one for one in effects_of(run_id, workspace, rooms) if one.kind == "publish_video"]

    assert [row["publish_id"] for row in again] == [row["publish_id"] for row in published]
    assert len(published) == 1
    assert (effect.status, effect.attempt) == ("done", 2)
    assert effect.receipt["details"]["publish_id"] == published[0]["publish_id"]
    assert len(as_owner(rooms, "posts_of_run", run_id=run_id)) == 1
    assert approve(rooms, workspace) == "Approve ad spend"

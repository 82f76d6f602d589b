"""content_producer in the real engine: ordered, suspended, woken by Studio, and its proposal held at a gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.fakes.studio import FakeStudio
from shared.core.canonical import JsonObject
from shared.effects.publish_video import PublishVideo
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.waiting import Received, receive_signal
from shared.providers.studio_wire import wake_key
from shared.web.requests import StudioTold
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow
from tests.support.studio import Heard, decide, listening, mock_studio, real_studio

BRIEF: JsonObject = {"handle": "@laku", "target_type": "own_brand", "duration_s": 5}
LAUNCH = workflow(step("film", agent="content_producer"), step("gate", "film", agent="approval_gate"))


@dataclass
class Scene:
    """A fake Studio, and what it posted to the address of its callbacks."""

    studio: FakeStudio
    heard: Heard

    def told(self, rooms: Rooms) -> Received:
        """Hands the last callback to the engine, as the door of webhooks does."""
        _, body = self.heard.posts[-1]
        told = StudioTold.model_validate(body)
        return receive_signal(told.metadata.workspace_id, wake_key(told.generation_id), body, "studio", rooms)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """The mock model over a fake Studio whose callbacks are listened for."""
    with (
        listening() as heard,
        real_studio(tmp_path, mock_latency_scale=0, studio_callback_url=heard.url) as fake,
    ):
        yield Scene(fake, heard)


def proposals(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "effects_of_run", run_id=run_id)


def test_studio_wakes_the_step(workspace: UUID, rooms: Rooms, queue: HeldQueue, scene: Scene) -> None:
    """Ordered once, the step waits without a task; Studio's word wakes it; the proposed post is held by a gate. What
    Studio charged is part of what the run cost, once."""
    run_id = started(LAUNCH, workspace, rooms, brief=BRIEF).run_id
    queue.deliver_all(rooms)
    assert steps_of(run_id, workspace, rooms)["film"]["status"] == "waiting"
    assert (queue.held, proposals(run_id, workspace, rooms)) == ([], [])

    decide(scene.studio, "gen_000001")
    assert scene.told(rooms) == Received(is_new=True, woken=1)
    queue.deliver_all(rooms)
    steps = steps_of(run_id, workspace, rooms)
    (effect,) = proposals(run_id, workspace, rooms)

    assert [steps[key]["status"] for key in ("film", "gate")] == ["succeeded", "pending_approval"]
    assert (effect.kind, effect.status) == ("publish_video", "proposed")
    assert PublishVideo.model_validate(effect.payload).asset.height == 1920
    assert scene.studio.desk.bill()["counts"]["generations"] == 1
    costs = read_run(workspace, run_id, rooms)["costs"]
    assert 0.65 < sum(float(cost["cost_usd"]) for cost in costs) < 0.80


def test_a_callback_twice_wakes_once(workspace: UUID, rooms: Rooms, queue: HeldQueue, scene: Scene) -> None:
    """A callback that is delivered again, or before the step waits, changes nothing."""
    run_id = started(LAUNCH, workspace, rooms, brief=BRIEF).run_id
    queue.deliver_all(rooms)
    decide(scene.studio, "gen_000001")

    assert [scene.told(rooms).woken for _ in range(3)] == [1, 0, 0]
    queue.deliver_all(rooms)
    assert len(proposals(run_id, workspace, rooms)) == 1


def test_a_rejected_render_fails_the_step(workspace: UUID, rooms: Rooms, queue: HeldQueue, scene: Scene) -> None:
    """Where the render is rejected nothing is proposed, and no gate opens: the run says who said no, and why."""
    run_id = started(LAUNCH, workspace, rooms, brief=BRIEF).run_id
    queue.deliver_all(rooms)
    decide(scene.studio, "gen_000001", "rejected", note="too dark")
    scene.told(rooms)
    queue.deliver_all(rooms)
    film = steps_of(run_id, workspace, rooms)["film"]

    assert film["status"] == "failed"
    assert "rejected by Kim: too dark" in film["error_message"]
    assert proposals(run_id, workspace, rooms) == []


def test_mock_mode_goes_through_to_the_gate(workspace: UUID, rooms: Rooms, queue: HeldQueue, tmp_path: Path) -> None:
    """In mock mode nobody is waited for but the one at the gate."""
    with mock_studio(tmp_path):
        run_id = started(LAUNCH, workspace, rooms, brief=BRIEF).run_id
        queue.deliver_all(rooms)

    assert steps_of(run_id, workspace, rooms)["gate"]["status"] == "pending_approval"
    assert [effect.status for effect in proposals(run_id, workspace, rooms)] == ["proposed"]

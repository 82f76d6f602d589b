"""A post from brief to receipt on the whole stack in real provider mode: doors, queue, fake Studio, fake TikTok."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import Api
from cli.reach import taken_in
from local.drill.until import until
from local.signer import Signer
from local.stack import Stack
from shared.config import process_environ
from shared.media.boxes import starts_fast
from shared.media.folder_films import FolderFilms
from tests.support.audits import scraped_items
from tests.support.studio import posted

WORKFLOW: dict[str, Any] = {
    "slug": "one_film",
    "name": "One film",
    "steps": [
        {"key": "film", "agent_name": "content_producer", "options": {"duration_s": 5}},
        {"key": "gate", "agent_name": "approval_gate", "depends_on": ["film"]},
    ],
}
BRIEF: dict[str, Any] = {
    "handle": "@lakucosmetics",
    "target_type": "own_brand",
    "notes": "A calm evening with one jar.",
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="army-film-", dir="/var/tmp"))
    folder.chmod(0o755)
    environ = {**process_environ(), "TIKTOK_PROVIDER_MODE": "real", "MOCK_LATENCY_SCALE": "0", "PUBLISH_PACE": "0.01"}
    with Stack(folder / "stack", environ, sweep_every_s=0.5, fsync=False, fakes=["studio", "tiktok"]) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def api(stack: Stack) -> Api:
    settings = stack.settings
    token = Signer(stack.folder / "signer").user_token(settings.army_workspace_id, "ada", settings=settings)
    return Api(stack.url, token)


def test_a_film_is_made_approved_twice_and_posted_once(stack: Stack, api: Api, tmp_path: Path) -> None:
    """Studio's person approves the render, whose callback wakes the step; ours approves the post; one post is there,
    and its file is upright."""
    api.post("/api/dashboard/workflows", WORKFLOW)
    known = tmp_path / "laku.json"
    known.write_text(json.dumps(scraped_items("lakucosmetics", 5)))
    brief = {**BRIEF, "dataset": taken_in(known, stack.settings)}
    started = api.post("/api/dashboard/workflows/run", {"workflow_slug": "one_film", **brief})
    run = f"/api/dashboard/workflows/runs/{started['workflow_run_id']}"

    def statuses() -> dict[str, str]:
        return {step["key"]: step["status"] for step in api.get(run)["steps"]}

    until(lambda: statuses()["film"] == "waiting", what="the step waits for Studio", seconds=60)
    told = posted(
        f"{stack.fakes['studio']}/_decide", {"generation_id": "gen_000001", "status": "approved", "by": "Kim"}
    )
    assert told["told"] == 200
    until(lambda: statuses()["gate"] == "pending_approval", what="the gate is open", seconds=60)
    (gate,) = api.get("/api/dashboard/approvals")["approvals"]
    api.post(f"/api/dashboard/approvals/{gate['step_id']}/approve", {"digest": gate["digest"]})
    until(lambda: api.get(run)["status"] == "succeeded", what="the post is published", seconds=60)
    (effect,) = api.get(f"{run}/effects")["effects"]

    assert effect["status"] == "done"
    assert effect["receipt"]["reference"]
    films = FolderFilms(stack.settings.assets_folder)
    kept = films.find(stack.settings.army_workspace_id, effect["payload"]["asset"]["sha256"])
    assert starts_fast(films.path(kept))

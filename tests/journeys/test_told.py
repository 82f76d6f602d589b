"""A whole stack with its audit and its mirror: a run is told of to its end, in order."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import urllib3

from local.beside import EMULATORS, audit_file, lines_about, startable
from local.drill.doors import Doors
from local.signer import Signer
from local.stack import Stack
from shared.audit.event import FIRST_LINK
from shared.audit.table import WRITTEN_BY_SUBSCRIPTION, misfits
from shared.config import Settings, process_environ
from tests.support.tasks import eventually


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    for name, emulator in EMULATORS.items():
        if (missing := emulator.missing()) is not None:
            pytest.skip(f"{name}: {missing}")
    folder = Path(tempfile.mkdtemp(prefix="army-told-", dir="/var/tmp"))
    folder.chmod(0o755)
    environ = {**process_environ(), "MOCK_LATENCY_SCALE": "0", "RELAY_WINDOW_S": "0.2"}
    with Stack(folder / "stack", environ, sweep_every_s=0.5, fsync=False, fakes=["audit", "mirror"]) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def ended_run(stack: Stack, workspace: UUID) -> str:
    signer = Signer(stack.folder / "signer")
    doors = Doors(stack.url, signer.user_token(workspace, "ada", settings=stack.settings))
    asked = {"workflow_slug": "profile_audit", "handle": "@lakucosmetics"}
    run_id = str(doors.post("/api/dashboard/workflows/run", asked)["workflow_run_id"])
    ended = doors.get(f"/api/dashboard/workflows/runs/{run_id}?wait=30s")
    assert ended["status"] == "succeeded"
    return run_id


def stored(stack: Stack, run_id: str) -> list[dict[str, Any]]:
    file = audit_file(stack.folder)
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [row for row in rows if row["subject_id"] == run_id]


def document(stack: Stack, path: str) -> dict[str, Any]:
    """A document's fields, past the rules; empty where there is none."""
    settings = stack.settings
    root = f"http://{settings.firestore_emulator_host}/v1/projects/{settings.mirror_project}/databases/(default)"
    url, own = f"{root}/documents/{path}", {"Authorization": "Bearer owner"}
    answer = urllib3.request("GET", url, headers=own, retries=False, timeout=10)
    fields: dict[str, Any] = json.loads(answer.data).get("fields", {})
    return fields


def test_a_run_is_told_of_to_its_end(stack: Stack) -> None:
    """Every event is stored, chained without a gap, and the mirror stands where the run does."""
    workspace = uuid4()
    run_id = ended_run(stack, workspace)

    eventually(lambda: [row for row in stored(stack, run_id) if row["kind"] == "workflow_run.completed"], 30)
    eventually(lambda: shown(stack, workspace, run_id).get("status") == "succeeded", 30)

    rows, run = stored(stack, run_id), shown(stack, workspace, run_id)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["prev_hash"] for row in rows] == [FIRST_LINK, *(row["hash"] for row in rows[:-1])]
    events = [{name: row[name] for name in row.keys() - WRITTEN_BY_SUBSCRIPTION} for row in rows]
    assert [wrong for event in events for wrong in misfits(event)] == []
    assert run["version"] == str(len(rows)) and run["steps_open"] == "0"


def shown(stack: Stack, workspace: UUID, run_id: str) -> dict[str, Any]:
    fields = document(stack, f"workspaces/{workspace}/runs/{run_id}")
    return {name: next(iter(value.values())) for name, value in fields.items()}


def test_the_stack_says_what_is_on(stack: Stack) -> None:
    """`army up` names the topic, the file and the address; without them it says that they are off."""
    on, off = lines_about(stack.settings, stack.folder), lines_about(Settings(), stack.folder)

    assert on[0].startswith("the audit is on: topic audit-event at 127.0.0.1:") and "events.jsonl" in on[0]
    assert on[1].startswith("the mirror is on: Firestore at 127.0.0.1:")
    assert [line.split(" (")[0] for line in off] == ["the audit is off", "the mirror is off"]


def test_without_java_it_is_off_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can start them, they stay off with the reason, and the stack starts all the same."""
    told: list[str] = []
    monkeypatch.setenv("PATH", "/nowhere")

    assert startable(["audit", "mirror"], told.append) == ()
    assert told == [f"the {name} is off: there is no java on PATH" for name in ("audit", "mirror")]

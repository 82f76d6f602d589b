"""A whole stack with its audit and its mirror: a run is told of to its end, in order."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from local.beside import EMULATORS, lines_about, startable
from local.drill.doors import Doors
from local.drill.telling import mirrored, stored_events
from local.signer import Signer
from local.stack import Stack
from shared.audit.event import FIRST_LINK
from shared.audit.table import WRITTEN_BY_SUBSCRIPTION, misfits
from shared.audit.verify import first_break
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


def doors_of(stack: Stack, workspace: UUID) -> Doors:
    signer = Signer(stack.folder / "signer")
    return Doors(stack.url, signer.user_token(workspace, "ada", settings=stack.settings))


def ended_run(doors: Doors) -> str:
    asked = {"workflow_slug": "profile_audit", "handle": "@lakucosmetics"}
    run_id = str(doors.post("/api/dashboard/workflows/run", asked)["workflow_run_id"])
    ended = doors.get(f"/api/dashboard/workflows/runs/{run_id}?wait=30s")
    assert ended["status"] == "succeeded"
    return run_id


def stored(stack: Stack, workspace: UUID, run_id: str) -> list[dict[str, Any]]:
    """The run's events in the sink's file, each once, in order."""
    rows = {row["event_id"]: row for row in stored_events(stack.folder, str(workspace)) if row["subject_id"] == run_id}
    return sorted(rows.values(), key=lambda row: int(row["seq"]))


def test_a_run_is_told_of_to_its_end(stack: Stack) -> None:
    """Every event is stored, chained without a gap, and the mirror stands where the run does."""
    workspace = uuid4()
    doors = doors_of(stack, workspace)
    run_id = ended_run(doors)
    path = f"workspaces/{workspace}/runs/{run_id}"

    eventually(lambda: "workflow_run.completed" in {row["kind"] for row in stored(stack, workspace, run_id)}, 30)
    eventually(lambda: mirrored(stack.settings, path).get("status") == "succeeded", 30)

    rows, run = stored(stack, workspace, run_id), mirrored(stack.settings, path)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["prev_hash"] for row in rows] == [FIRST_LINK, *(row["hash"] for row in rows[:-1])]
    events = [{name: row[name] for name in row.keys() - WRITTEN_BY_SUBSCRIPTION} for row in rows]
    assert [wrong for event in events for wrong in misfits(event)] == []
    assert run["version"] == str(len(rows)) and run["steps_open"] == "0"
    verified = doors.get(f"/api/dashboard/workflows/runs/{run_id}/audit")
    assert (verified["verdict"], verified["head"]) == ("intact", rows[-1]["hash"])
    assert first_break(rows) is None


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

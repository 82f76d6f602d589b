"""What loading a door does: no thread, no socket, no heavy client. The server forks afterwards, and starts cold."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shared.agents.registry import AGENT_REGISTRY

ROOT = Path(__file__).parent.parent.parent
LOOK = """
import json, os, sys, threading
import {module}
paths = [f"/proc/self/fd/{{fd}}" for fd in os.listdir("/proc/self/fd")]
fds = [os.readlink(path) for path in paths if os.path.lexists(path)]
print(json.dumps({{
    "modules": sorted(sys.modules),
    "threads": [thread.name for thread in threading.enumerate()],
    "sockets": [fd for fd in fds if fd.startswith("socket:")],
}}))
"""
HEAVY = {
    "anthropic",
    "grpc",
    "google.cloud.tasks_v2",
    "google.cloud.sql.connector",
    "google.cloud.firestore_v1",
    "google.cloud.pubsub_v1",
    "google.cloud.secretmanager_v1",
    "google.cloud.storage",
    "sqlalchemy",
    "alembic",
    "openpyxl",
}
DOORS = [f"functions.{name}.main" for name in ("brief_intake", "step_executor", "approval", "webhooks", "dashboard")]


@cache
def loaded(module: str) -> Any:
    command = [sys.executable, "-W", "ignore", "-c", LOOK.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout)


@pytest.mark.parametrize("door", DOORS)
def test_loading_a_door_starts_nothing(door: str) -> None:
    """One thread, no socket: what is made at import does not survive the server's fork."""
    found = loaded(door)

    assert found["threads"] == ["MainThread"]
    assert found["sockets"] == []


@pytest.mark.parametrize("door", DOORS)
def test_loading_a_door_loads_no_heavy_client(door: str) -> None:
    """Models, queue, connector, migrations and spreadsheets are loaded where they are first used."""
    assert HEAVY & set(loaded(door)["modules"]) == set()


def test_an_executor_starts_without_agents() -> None:
    """Each agent is loaded with the first step that needs it."""
    agents = {f"shared.agents.{name}" for name in (*AGENT_REGISTRY, "synthesis")}

    assert agents & set(loaded("functions.step_executor.main")["modules"]) == set()


@pytest.mark.parametrize("name", sorted(AGENT_REGISTRY))
def test_an_agent_is_found_by_its_name(name: str) -> None:
    """The class that the registry names for it, with that name of its own."""
    assert AGENT_REGISTRY[name].name == name


@pytest.mark.parametrize("name", ["base", "workflow", "approval_gate"])
def test_an_unknown_agent_is_not_there(name: str) -> None:
    """Whether or not there is a module of that name, none is ever loaded for it."""
    assert name not in AGENT_REGISTRY
    assert AGENT_REGISTRY.get(name) is None
    with pytest.raises(KeyError):
        AGENT_REGISTRY[name]

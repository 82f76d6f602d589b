"""One machine for the commands: `army up` once, in a folder of its own, ended by its pid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.machines import Machine
from tests.support.terminal import Terminal


@pytest.fixture(scope="session")
def stack() -> Iterator[Machine]:
    made = Machine(MOCK_LATENCY_SCALE="0")
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def terminal(stack: Machine, tmp_path: Path) -> Terminal:
    """A terminal in a workspace that no other test uses."""
    return Terminal(stack, tmp_path)


@pytest.fixture(scope="session")
def busy(stack: Machine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Terminal, dict[str, Any]]:
    """A terminal in a workspace where one audit has ended, and its run."""
    terminal = Terminal(stack, tmp_path_factory.mktemp("busy"))
    run = terminal.army_json("run", "profile_audit", "--handle", "@lakucosmetics", "--notes", "mind the [bold] claims")
    return terminal, run

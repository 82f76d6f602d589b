"""Google's emulators as processes of the test run: started once, ended by pid. Each test takes a project of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3

from local.emulators import Emulator
from local.processes import free_port
from shared.config import Settings
from tests.support.tasks import eventually


def own_project() -> str:
    """A project that no other test uses: emulators keep them apart."""
    return f"demo-{uuid4().hex[:12]}"


def emulator_settings(**given: str) -> Settings:
    return Settings.model_validate({"gcp_project": own_project(), **given})


@contextmanager
def running_emulator(emulator: Emulator, folder: Path) -> Iterator[str]:
    """The emulator's host:port. Skips the test, with the reason, where it cannot be started."""
    missing = emulator.missing()
    if missing is not None:
        pytest.skip(f"{emulator.name}: {missing}")
    host = f"127.0.0.1:{(port := free_port())}"
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(emulator.argv(port), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: is_healthy(host), patience_s=60)
        yield host
    finally:
        process.kill()  # it holds nothing that is worth its two seconds of shutting down
        process.wait(10)


def is_healthy(host: str) -> bool:
    try:
        with urllib3.PoolManager(retries=False, timeout=2) as http:
            return http.request("GET", f"http://{host}/").status == 200
    except urllib3.exceptions.HTTPError:
        return False

"""One machine as a person has it: `army up` in a folder of its own, and what can be done to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cli.client import Api, ApiError
from cli.reach import SUBJECT
from local.drill.until import until
from local.processes import end_left_behind, left_behind
from local.signer import Signer
from local.stack import running
from shared.config import Settings, process_environ

ROOT = Path(__file__).parent.parent.parent
RUNS = "/api/dashboard/workflows/runs"


class Machine:
    """A stack in a temporary folder, as separate processes. `kill_all` is the power cut."""

    def __init__(self, **environ: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="army-machine-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.environ = {
            **process_environ(),
            "ARMY_HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "STEP_LEASE_S": "1.5",
            "SWEEP_GRACE_S": "0.5",
            **environ,
        }
        self.settings = Settings()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Machine:
        log = (self.folder / "up.log").open("ab")
        command = [sys.executable, "-W", "ignore", "-m", "cli.main", "up", "--sweep-every", "0.5"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environ, cwd=self.folder)
        log.close()
        until(self._is_up, what="army up")
        return self

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "up.log").read_text()[-3000:])
        found = running(self.folder)
        return found is not None and found.pid == self.process.pid

    @property
    def api(self) -> Api:
        found = running(self.folder)
        assert found is not None
        signer = Signer(self.folder / "signer")
        token = signer.user_token(self.settings.army_workspace_id, SUBJECT, settings=self.settings)
        return Api(found.url, token)

    def pids(self, word: str) -> list[int]:
        """The pids of the stack's processes whose command line holds the word."""
        found = []
        for pid in left_behind(self.folder):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in command:
                found.append(pid)
        return found

    def kill(self, word: str) -> int:
        """SIGKILL for every process of the stack with this word in its command line. How many there were."""
        pids = self.pids(word)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return len(pids)

    def kill_all(self) -> None:
        """SIGKILL for the supervisor and for everything it started."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        for pid in left_behind(self.folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        until(lambda: not left_behind(self.folder), what="the end of every process")

    def run_ended(self, run_id: str) -> dict[str, Any]:
        """The run after its end, however often the doors are away meanwhile."""

        def ended() -> dict[str, Any] | None:
            try:
                run: dict[str, Any] = self.api.get(f"{RUNS}/{run_id}", wait="2s")
            except (ApiError, AssertionError):
                return None
            return run if run["status"] != "running" else None

        found: dict[str, Any] = until(ended, what=f"the end of run {run_id}")
        return found

    def calls_of(self, run_id: str) -> list[dict[str, Any]]:
        """Every trace row of a run, of every attempt."""
        attempts = self.api.get(f"{RUNS}/{run_id}/agent-runs")["agent_runs"]
        return [
            call | {"key": attempt["key"]}
            for attempt in attempts
            for call in self.api.get(f"/api/dashboard/agent-runs/{attempt['id']}/steps", limit=1000)["steps"]
        ]

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        end_left_behind(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

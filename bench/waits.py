"""What people and platforms wait for: a cold executor's first answer, and an event on its way to whoever listens.

    python -m bench --waits

A cold start is that of the executor's door by itself, as the cloud starts it: from the start of the process to its
first 200. An event's time is from the moment of its row, by the database's clock, to its arrival at the client over the
run's stream; both clocks are this machine's. Audits with mock models at their natural pace, several at once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import urllib3

from cli.client import Api
from cli.reach import SUBJECT
from local.processes import free_port
from local.signer import Signer
from local.stack import ROOT, Stack
from shared.config import process_environ

COLD_STARTS, RUNS_AT_ONCE, ROUNDS = 7, 4, 3
START_S, LOOK_S = 30.0, 0.002
AUDIT = {"workflow_slug": "profile_audit", "handle": "lakucosmetics"}


@dataclass(frozen=True)
class Wait:
    """One figure: how often it was measured, and how long it took."""

    what: str
    times_s: list[float]

    def at(self, share: float) -> float:
        """Milliseconds; `share` of the times were shorter."""
        ordered = sorted(self.times_s)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def waits() -> list[Wait]:
    folder = Path(tempfile.mkdtemp(prefix="army-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        with Stack(folder, process_environ()) as stack:
            signer = Signer(stack.folder / "signer")
            api = Api(stack.url, signer.user_token(stack.settings.army_workspace_id, SUBJECT, settings=stack.settings))
            return [
                Wait("cold start of an executor, to its first 200", _cold_starts(stack, signer)),
                Wait("an event, from its row to the listener", _events(api)),
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cold_starts(stack: Stack, signer: Signer) -> list[float]:
    token = signer.task_token(stack.settings.task_token_email, stack.settings.executor_audience)
    return [_cold_start(stack.door_environ, token) for _ in range(COLD_STARTS)]


def _cold_start(environ: dict[str, str], token: str) -> float:
    port, http = free_port(), urllib3.PoolManager(retries=False)
    source = ROOT / "functions" / "step_executor" / "main.py"
    argv = ["-m", "functions_framework", "--target", "step_executor", "--source", str(source), "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-W", "ignore", *argv], env=environ) as process:
        try:
            while time.perf_counter() - began < START_S:
                try:
                    url = f"http://127.0.0.1:{port}/tasks/sweep"
                    if http.request("POST", url, headers={"Authorization": f"Bearer {token}"}).status == 200:
                        return time.perf_counter() - began
                except urllib3.exceptions.HTTPError:
                    time.sleep(LOOK_S)
            raise RuntimeError(f"the executor did not answer in {START_S:.0f} s")
        finally:
            process.terminate()


def _events(api: Api) -> list[float]:
    found: list[float] = []
    for _ in range(ROUNDS):
        listeners = [threading.Thread(target=_listen, args=(api, found)) for _ in range(RUNS_AT_ONCE)]
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join()
    return found


def _listen(api: Api, found: list[float]) -> None:
    run = api.post("/api/dashboard/workflows/run", AUDIT)
    listens_since: datetime | None = None
    for event in api.events(run["stream_url"]):
        now, written = datetime.now(UTC), datetime.fromisoformat(event["at"])
        listens_since = listens_since or now  # what was written before somebody listened waited for the listener
        if written > listens_since:
            found.append((now - written).total_seconds())


def show_waits() -> None:
    print("| what | times | p50 ms | p95 ms |\n|---|---|---|---|", flush=True)
    for wait in waits():
        print(f"| {wait.what} | {len(wait.times_s)} | {wait.at(0.5):.0f} | {wait.at(0.95):.0f} |", flush=True)

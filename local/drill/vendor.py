"""The fake of the model vendor as a process of its own. No drill ever hurts it: its bill is the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import urllib3

from local.drill.until import until
from local.processes import answers, free_port
from local.stack import ROOT
from shared.config import process_environ
from shared.core.canonical import JsonObject


class Vendor:
    """The messages API on a free port. `bill()` gives what was charged since the last `reset()`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        argv = [sys.executable, "-W", "ignore", "-m", "local.fakes.anthropic", "--port", str(self.port)]
        environ = {**process_environ(), "PYTHONPATH": str(ROOT)}
        with (folder / "vendor.log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, env=environ, process_group=0)
        self._http = urllib3.PoolManager(retries=False, timeout=30)
        until(lambda: answers(self.port), what="the fake vendor")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self, *, pace_s: float) -> None:
        """A new bill, and from now on every answer takes so long."""
        self._http.request("POST", f"{self.url}/_reset", body=b"{}")
        self._http.request("POST", f"{self.url}/_pace", body=json.dumps({"seconds": pace_s}).encode())

    def bill(self) -> JsonObject:
        found: JsonObject = json.loads(self._http.request("GET", f"{self.url}/_bill").data)
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

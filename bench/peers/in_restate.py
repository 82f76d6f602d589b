"""Restate: its server as one node with its defaults, the service under hypercorn, runs through its HTTP ingress."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.dag import Document, Shape, text_of

START_S, AT_ONCE = 60.0, 64
CONFIG = """
node-name = "bench"
base-dir = "{folder}/restate"
bind-address = "127.0.0.1:{node}"
advertised-address = "http://127.0.0.1:{node}/"
listen-mode = "tcp"
disable-telemetry = true
log-filter = "warn"
[ingress]
bind-address = "127.0.0.1:{ingress}"
[admin]
bind-address = "127.0.0.1:{admin}"
"""


def server() -> Path:
    """The server's program, from its npm package in this environment."""
    found = sorted(Path(sys.prefix).glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not found:
        raise FileNotFoundError("restate-server is not installed: `make bench-peers` does it, and needs npm")
    return found[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _until_answered(url: str, body: Document | None = None) -> None:
    """Asks again and again until there is an answer. Raises TimeoutError."""
    end = time.monotonic() + START_S
    data = None if body is None else json.dumps(body).encode()
    while time.monotonic() < end:
        try:
            request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer in {START_S:.0f} s")


class Restate:
    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._of_thread = threading.local()

    async def start(self, folder: Path, url: str) -> None:
        """Postgres is not used: the server keeps everything in its own files."""
        node, admin, service, self._ingress = (_free_port() for _ in range(4))
        config = folder / "restate.toml"
        config.write_text(CONFIG.format(folder=folder, node=node, ingress=self._ingress, admin=admin))
        self._spawn(str(server()), "--no-logo", "--config-file", str(config))
        bind = f"127.0.0.1:{service}"
        self._spawn(sys.executable, "-m", "hypercorn", "--bind", bind, "bench.peers.restate_service:app")
        _until_answered(f"http://127.0.0.1:{admin}/health")
        _until_answered(f"http://127.0.0.1:{self._ingress}/restate/health")
        _until_answered(f"http://127.0.0.1:{admin}/deployments", {"uri": f"http://{bind}"})

    def _spawn(self, *command: str) -> None:
        self._processes.append(subprocess.Popen(command, stdout=2, stdin=subprocess.DEVNULL))

    async def prepare(self, of: Shape) -> None:
        """A service is code: there is nothing to store."""

    async def run(self, of: Shape, number: int) -> int:
        asked = {"shape": of.name, "run": number, "text": text_of(number)}
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._call, asked)

    def _call(self, asked: Document) -> int:
        if not hasattr(self._of_thread, "connection"):
            self._of_thread.connection = http.client.HTTPConnection("127.0.0.1", self._ingress, timeout=300)
        connection: http.client.HTTPConnection = self._of_thread.connection
        connection.request("POST", "/Runs/run", json.dumps(asked), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"Restate answered {answer.status}: {body[:300]!r}")
        return int(body)

    async def stop(self) -> None:
        self._threads.shutdown()
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def make() -> Restate:
    return Restate()

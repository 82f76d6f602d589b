"""The processes of a stack: started, watched, and ended by pid. What a killed stack left behind is found again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "ARMY_STACK"  # in the environment of every process of a stack: which folder it belongs to
STOP_S = 8.0


class StackError(RuntimeError):
    """The stack of this machine cannot be started. The message says why, and where the log is."""


@dataclass(frozen=True, slots=True)
class Command:
    """How one part is started. `is_ready` says whether it answers."""

    name: str
    argv: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    is_ready: Callable[[], bool]


class Part:
    """One running process of the stack."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.command.log.open("ab") as log:
            return subprocess.Popen(
                list(self.command.argv),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=dict(self.command.environ),
                process_group=0,  # a Ctrl-C in the terminal is ours to hand on
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def restart(self) -> None:
        self.process = self._spawn()

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self.has_ended():
                raise StackError(f"{self.command.name} ended at once; see {self.command.log}\n{self._last_lines()}")
            if self.command.is_ready():
                return
            time.sleep(0.02)
        raise StackError(f"{self.command.name} did not answer in {timeout_s:.0f} s; see {self.command.log}")

    def stop(self) -> None:
        if self.has_ended():
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def _last_lines(self) -> str:
        return self.command.log.read_text(errors="replace")[-1500:]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def answers(port: int) -> bool:
    """True if something accepts connections on this port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def left_behind(folder: Path) -> list[int]:
    """The pids of processes that belong to a stack in this folder, without our own."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        if mark in environ.split(b"\0"):
            found.append(int(entry.name))
    return found


def end_left_behind(folder: Path) -> None:
    """Ends what a killed stack left running in this folder, so that a new one can take over."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = left_behind(folder)
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        until = time.monotonic() + STOP_S
        while pids and time.monotonic() < until:
            if not left_behind(folder):
                return
            time.sleep(0.05)

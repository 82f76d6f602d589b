"""The command line as a person has it: a process in a terminal, its exit code, and what it printed."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cli.client import Api
from cli.reach import SUBJECT
from local.signer import Signer
from shared.core.canonical import JsonObject
from tests.support.machines import Machine

PATIENCE_S = 60.0
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BROKEN = {  # a workflow whose second step cannot find its input
    "slug": "broken",
    "name": "Broken",
    "steps": [
        {"key": "read", "agent_name": "account_health"},
        {"key": "judge", "agent_name": "compliance", "depends_on": ["read"], "input_map": {"notes": "brief.missing"}},
    ],
}


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """Commands against one machine's stack, in a workspace of their own."""

    def __init__(self, machine: Machine, folder: Path, workspace: UUID | None = None) -> None:
        self.machine, self.folder, self.workspace = machine, folder, workspace or uuid4()
        self.environ = {**machine.environ, "ARMY_WORKSPACE_ID": str(self.workspace)}

    def army(self, *words: str, **environ: str) -> Said:
        """Runs one command to its end, with standard output and error into pipes."""
        return self.army_given(None, *words, **environ)

    def army_given(self, text: str | None, *words: str, **environ: str) -> Said:
        """The same with this text on its standard input."""
        done = subprocess.run(
            self._command(words),
            env={**self.environ, **environ},
            cwd=self.folder,
            input=(text or "").encode(),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def army_json(self, *words: str) -> Any:
        """The JSON of a command that succeeds."""
        said = self.army(*words, "--json")
        assert said.code == 0, said.err
        return said.json

    def army_in_a_window(self, columns: int, *words: str) -> list[str]:
        """The lines that a command shows in a terminal of this width."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environ = {name: value for name, value in self.environ.items() if name not in ("COLUMNS", "LINES")}
        process = subprocess.Popen(
            self._command(words), env={**environ, "TERM": "dumb"}, cwd=self.folder, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        shown = _read_all(ours)
        os.close(ours)
        assert process.wait(PATIENCE_S) == 0, shown
        return shown.replace("\r\n", "\n").splitlines()

    def army_answering(self, answer: str, *words: str) -> Said:
        """A command in a terminal, where somebody types this answer and a line break. What it showed, echo included."""
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            self._command(words),
            env={**self.environ, "TERM": "dumb"},
            cwd=self.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        shown = _read_all(ours)
        os.close(ours)
        return Said(process.wait(PATIENCE_S), shown, "")

    def army_unread(self, *words: str) -> Said:
        """A command whose output nobody reads: the pipe is closed before it prints."""
        ours, theirs = os.pipe()
        os.close(ours)
        process = subprocess.Popen(
            self._command(words), env=self.environ, cwd=self.folder, stdout=theirs, stderr=subprocess.PIPE
        )
        os.close(theirs)
        _, err = process.communicate(timeout=PATIENCE_S)
        return Said(process.returncode, "", err.decode())

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "cli.main", *words]

    @property
    def token(self) -> str:
        signer = Signer(self.machine.folder / "signer")
        return signer.user_token(self.workspace, SUBJECT, settings=self.machine.settings)

    @property
    def url(self) -> str:
        return self.machine.api.url

    @property
    def api(self) -> Api:
        """The API as this workspace's user has it, without a process for each question."""
        return Api(self.url, self.token)

    def store(self, definition: JsonObject) -> None:
        """Stores a workflow in this workspace."""
        self.api.post("/api/dashboard/workflows", definition)


def _read_all(descriptor: int) -> str:
    """What arrives until the other side is closed, which a pseudo-terminal tells by an error."""
    found = b""
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:
            return found.decode()
        if not part:
            return found.decode()
        found += part


def one_sentence(said: Said, code: int = 1) -> str:
    """What a refused command says: one line on standard error, nothing else anywhere."""
    assert said.code == code, (said.code, said.out, said.err)
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    return said.err.removeprefix("Error: ").strip()


def usage(said: Said) -> str:
    """What a command says that was asked wrongly: how it is used, and what was wrong."""
    assert said.code == 2, (said.code, said.err)
    assert said.out == ""
    assert said.err.startswith("Usage: army ")
    return said.err


def all_of(terminal: Terminal, commands: list[list[str]]) -> list[Said]:
    """What each command says, three at a time: most of a short command is the start of Python."""
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(lambda words: terminal.army(*words), commands))

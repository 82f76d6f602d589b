"""The world of a drill: real processes on this machine, a vendor with its own bill, and hands to hurt them with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import urllib3
from pg8000.exceptions import DatabaseError

from cli.client import Api
from local.processes import answers, end_left_behind, free_port
from local.signer import Signer
from local.stack import ROOT, Stack
from shared.config import process_environ
from shared.core.canonical import JsonObject
from shared.store.connection import LOST, connect_url
from shared.store.sql import parsed
from shared.store.wire import Statement
from tests.drills.app import DRILL_FOLDER
from tests.drills.faults import Faults
from tests.support.machines import until

APP = "tests.drills.app:make_app()"
LEASE_S = 2.0
SUBJECT = "drill"
FACTS = parsed((Path(__file__).parent / "facts.sql").read_text())
Told = Callable[[str], None]


class Vendor:
    """The fake messages API as a process of its own. No drill ever hurts it: its bill is the truth."""

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


class World:
    """A stack with the drill's app, its vendor, and a look into its database past the wall."""

    def __init__(self, told: Told, **environ: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="army-drill-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.vendor = Vendor(self.folder)
        self.told = told
        given = {
            **process_environ(),
            "CLAUDE_MODE": "real",
            "ANTHROPIC_API_KEY": "sk-drill",
            "ANTHROPIC_BASE_URL": self.vendor.url,
            "MOCK_LATENCY_SCALE": "0",
            "STEP_LEASE_S": str(LEASE_S),
            "SWEEP_GRACE_S": "0.5",
            "STEP_RETRY_BASE_S": "0.2",
            **environ,
        }
        self.stack = Stack(self.folder / "stack", given, told=told, app=APP, sweep_every_s=0.5)
        self.faults = Faults(self.folder / "stack" / DRILL_FOLDER)

    def start(self) -> World:
        self.stack.start()
        return self

    def stop(self, *, keep: bool = False) -> None:
        """Ends every process. `keep`: leaves the folder with the logs."""
        for pid in self.workers():
            _send(pid, signal.SIGCONT)
        self.stack.stop()
        end_left_behind(self.stack.folder)
        self.vendor.stop()
        if keep:
            self.told(f"logs are in {self.folder}/stack/logs")
            return
        shutil.rmtree(self.folder, ignore_errors=True)

    def api(self, workspace: UUID) -> Api:
        signer = Signer(self.stack.folder / "signer")
        return Api(self.stack.url, signer.user_token(workspace, SUBJECT, settings=self.stack.settings, ttl_s=6 * 3600))

    def sweep(self) -> None:
        """One sweep over a connection of its own: the scheduler's may hang on a worker that is stopped."""
        settings = self.stack.settings
        token = Signer(self.stack.folder / "signer").task_token(settings.task_token_email, settings.executor_audience)
        headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        with suppress(urllib3.exceptions.HTTPError), urllib3.PoolManager(retries=False, timeout=2) as http:
            http.request("POST", f"{self.stack.url}/tasks/sweep", headers=headers)

    def look(self, name: str, **values: Any) -> list[Any]:
        """The rows of a query of facts.sql, as the owner. Waits while the database is away."""
        return self.ask(FACTS[name].with_values(values))

    def ask(self, statement: Statement) -> list[Any]:
        rows: list[list[Any]] = until(lambda: self._try(statement), seconds=60, what="an answer of Postgres")
        return rows[0]

    def _try(self, statement: Statement) -> list[list[Any]] | None:
        url = self.stack.settings.database_owner_url
        assert url is not None
        try:
            connection = connect_url(url, "DATABASE_OWNER_URL")
        except (*LOST, DatabaseError):
            return None
        try:
            return [connection.exchange([statement])[0]]
        except LOST:
            return None
        except DatabaseError as error:
            if str(error.args[0].get("C", ""))[:2] in ("57", "53", "08"):  # going down, or full
                return None
            raise
        finally:
            _close(connection)

    def workers(self) -> list[int]:
        """The pids of gunicorn's workers: the processes that execute steps."""
        doors = self.stack.parts.get("doors")
        if doors is None:
            return []
        try:
            children = Path(f"/proc/{doors.pid}/task/{doors.pid}/children").read_text().split()
        except OSError:
            return []
        return [int(pid) for pid in children]

    def kill(self, pid: int) -> bool:
        return _send(pid, signal.SIGKILL)

    def stop_process(self, pid: int) -> bool:
        return _send(pid, signal.SIGSTOP)

    def continue_process(self, pid: int) -> bool:
        return _send(pid, signal.SIGCONT)

    def end_postgres(self, number: signal.Signals) -> None:
        """SIGINT: clients are disconnected; SIGQUIT: as after a crash. The stack starts it again."""
        pid = self.stack.postgres.pid
        assert pid is not None
        _send(pid, number)

    def end_doors(self) -> None:
        """SIGTERM for gunicorn, as a new revision would bring it; the stack starts the new one."""
        _send(self.stack.parts["doors"].pid, signal.SIGTERM)

    def log_lines(self, part: str, word: str) -> int:
        return (self.stack.folder / "logs" / f"{part}.log").read_text(errors="replace").count(word)


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _close(connection: Any) -> None:
    try:
        connection.close()
    except (*LOST, DatabaseError):
        return


@dataclass(slots=True)
class Pace:
    """Says how far a drill is, at most every five seconds."""

    told: Told
    last: float = 0.0

    def tell(self, line: str) -> None:
        if time.monotonic() - self.last > 5:
            self.last = time.monotonic()
            self.told(line)

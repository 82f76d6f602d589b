"""The world of a drill: real processes on this machine, a vendor with its own bill, and hands to hurt them with."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import urllib3
from pg8000.exceptions import DatabaseError

from local.drill.doors import Doors
from local.drill.faults import DRILL_FOLDER, Faults
from local.drill.until import Told, until
from local.drill.vendor import Vendor
from local.processes import end_left_behind
from local.signer import Signer
from local.stack import Executors, Stack
from shared.config import process_environ
from shared.store.connection import LOST, connect_url
from shared.store.sql import parsed
from shared.store.wire import Statement

APP = "local.drill.app:make_app()"
LEASE_S = 2.0
LOADED = ("--config", "python:local.drill.loaded")  # for gunicorn
SUBJECT = "drill"
FACTS = parsed((Path(__file__).parent / "facts.sql").read_text())


@dataclass(frozen=True)
class Layout:
    """The stack that a drill needs. `environ`: settings of the doors; `beside`: of `audit` and `mirror`, what is on."""

    environ: Mapping[str, str] = field(default_factory=dict)
    executors: Executors = field(default_factory=Executors)
    beside: tuple[str, ...] = ()


class World:
    """A stack with the drill's app, its vendor, and a look into its database past the wall."""

    def __init__(self, told: Told, *, app: str = APP, layout: Layout | None = None) -> None:
        layout = layout or Layout()
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
            **layout.environ,
        }
        self.stack = Stack(
            self.folder / "stack",
            given,
            told=told,
            executors=replace(layout.executors, options=(*LOADED, *layout.executors.options)),
            app=app,
            sweep_every_s=0.5,
            fakes=layout.beside,
        )
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

    def doors(self, workspace: UUID, *, age_s: float = 0.0) -> Doors:
        """`age_s`: how long ago the token was signed."""
        signer, settings = Signer(self.stack.folder / "signer"), self.stack.settings
        token = signer.user_token(workspace, SUBJECT, settings=settings, ttl_s=6 * 3600, age_s=age_s)
        return Doors(self.stack.url, token)

    def sweep(self) -> None:
        """One sweep over a connection of its own: the scheduler's may hang on a worker that is stopped."""
        settings = self.stack.settings
        token = Signer(self.stack.folder / "signer").task_token(settings.task_token_email, settings.executor_audience)
        headers = {"Authorization": f"Bearer {token}", "Connection": "close"}
        with suppress(urllib3.exceptions.HTTPError), urllib3.PoolManager(retries=False, timeout=2) as http:
            http.request("POST", f"{self.stack.url}/tasks/sweep", headers=headers)

    def tasks_waiting(self) -> int:
        """How many tasks stand in the queue, due or not."""
        import grpc
        from google.cloud import tasks_v2
        from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

        own = self.stack.settings
        with grpc.insecure_channel(str(own.cloud_tasks_emulator_host)) as channel:
            client = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
            queue = client.queue_path(own.gcp_project, own.gcp_location, own.step_queue)
            return sum(1 for _ in client.list_tasks(parent=queue))

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

    def end_postgres(self, number: signal.Signals) -> bool:
        """SIGINT: clients are disconnected; SIGQUIT: as after a crash. The stack starts it again."""
        pid = self.stack.postgres.pid
        return pid is not None and not self.stack.postgres.has_ended() and _send(pid, number)

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

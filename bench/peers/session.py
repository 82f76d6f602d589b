"""A peer as an engine of the bench: its own process in its own environment, on an empty database of a new cluster."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from bench.cells import Driven
from bench.dag import Document, Shape
from bench.peers.catalog import ROOT, Peer
from local.postgres import Postgres
from shared.config import process_environ

DATABASE = "peer"
START_S, STOP_S, SLACK_S = 90.0, 30.0, 120.0
RUNS_A_DRIVE = 10_000_000


class PeerError(RuntimeError):
    """The peer's process did not do what it was told. Ends with the last lines of its log."""


class PeerProcess:
    """Orders go in as lines of JSON, answers come out the same way."""

    def __init__(self, peer: Peer, folder: Path, url: str) -> None:
        self.peer, self._log = peer, folder / "peer.log"
        argv = [str(peer.python), "-m", "bench.peers.driving", peer.module, "--folder", str(folder), "--url", url]
        environ = {**process_environ(), "PYTHONPATH": str(ROOT)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=folder, env=environ, text=True
            )

    def answer(self, seconds: float) -> Document:
        """The next line. Raises PeerError if it does not come in time, or the process has ended."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.stop()  # what it has to say is in its log when it has ended
            why = "has ended" if ready else f"did not answer in {seconds:.0f} s"
            raise PeerError(f"{self.peer.name} {why}; its log ends with:\n{self._log.read_text()[-3000:]}")
        found: Document = json.loads(line)
        return found

    def ask(self, within_s: float, **order: object) -> Document:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self.answer(within_s)

    def stop(self) -> None:
        """The end of the orders lets it end what it has started; a process that does not is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(STOP_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait(5)
        self._process.stdout.close()


class PeerEngine:
    """A peer, driven from here."""

    def __init__(self, process: PeerProcess) -> None:
        self.name = process.peer.name
        self._process = process
        self._numbers = count(1, RUNS_A_DRIVE)

    def prepare(self, of: Shape) -> None:
        self._process.ask(SLACK_S, do="prepare", shape=of.name)

    def drive(self, of: Shape, at_once: int, seconds: float, least_runs: int) -> Driven:
        found = self._process.ask(
            seconds + SLACK_S,
            do="drive",
            shape=of.name,
            at_once=at_once,
            seconds=seconds,
            least_runs=least_runs,
            first_run=next(self._numbers),
        )
        return Driven(found["wall_s"], found["latencies_s"])

    def check(self) -> None:
        if self._process.ask(SLACK_S, do="check")["checked"] < 1:
            raise AssertionError(f"{self.name}: there was no run to check")


@contextmanager
def peer_beside(peer: Peer, folder: Path) -> Iterator[tuple[PeerEngine, Postgres]]:
    """The peer on a cluster as ours has it: the same programs, the same settings, the same socket."""
    postgres = Postgres(folder / "postgres")
    postgres.start()
    try:
        process = PeerProcess(peer, folder, libpq_url(postgres.create_database(DATABASE).owner))
        try:
            process.answer(START_S)
            yield PeerEngine(process), postgres
        finally:
            process.stop()
    finally:
        postgres.stop()


def libpq_url(url: str) -> str:
    """Our address of a database over a socket in the form that other libraries read."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username}@{parts.path}?{parts.query}"

"""Our engine, measured from outside: its API is asked to start a run, and to say when it has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.cells import Driven
from bench.dag import Shape, expected
from bench.work import brief, definition
from cli.client import Api
from cli.reach import SUBJECT
from local.postgres import Postgres
from local.signer import Signer
from local.stack import Executors, Stack
from shared.config import process_environ

NAME = "army"
RUNS = "/api/dashboard/workflows/runs"


class Load:
    """A closed loop: `at_once` clients, each starts a run, waits for its end, and starts the next."""

    def __init__(self, api: Api, of: Shape, at_once: int, numbers: Iterator[int]) -> None:
        self._api, self._shape, self._at_once, self._numbers = api, of, at_once, numbers
        self._lock = threading.Lock()
        self.latencies_s: list[float] = []
        self.ended: list[tuple[int, str]] = []
        self.errors: list[str] = []

    def drive(self, seconds: float, least_runs: int) -> float:
        """Runs for this long, and at least this many runs. Returns the seconds it took."""
        began = time.perf_counter()
        threads = [
            threading.Thread(target=self._client, args=(began + seconds, least_runs)) for _ in range(self._at_once)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.errors:
            raise RuntimeError(self.errors[0])
        return time.perf_counter() - began

    def _client(self, until: float, least_runs: int) -> None:
        while not self.errors:
            with self._lock:
                if time.perf_counter() > until and len(self.latencies_s) >= least_runs:
                    return
                number = next(self._numbers)
            try:
                self._one(number)
            except Exception as failed:  # whatever it is, it ends the cell and is shown
                self.errors.append(f"run {number} of {self._shape.name}: {type(failed).__name__}: {failed}")

    def _one(self, number: int) -> None:
        began = time.perf_counter()
        asked = {"workflow_slug": self._shape.slug, **brief(number)}
        started = self._api.post("/api/dashboard/workflows/run?wait=60s&steps=0", asked)
        run_id, run = started["workflow_run_id"], started["run"]
        while run["status"] == "running":
            run = self._api.get(f"{RUNS}/{run_id}", wait="60s", steps=0)
        took = time.perf_counter() - began
        with self._lock:
            self.latencies_s.append(took)
            self.ended.append((number, run_id))


class Army:
    """Our engine behind its API."""

    name = NAME

    def __init__(self, api: Api) -> None:
        self._api = api
        self._numbers = count(1)
        self._ended: list[tuple[Shape, int, str]] = []

    def prepare(self, of: Shape) -> None:
        self._api.post("/api/dashboard/workflows", definition(of).to_dag_jsonb())

    def drive(self, of: Shape, at_once: int, seconds: float, least_runs: int) -> Driven:
        load = Load(self._api, of, at_once, self._numbers)
        wall_s = load.drive(seconds, least_runs)
        self._ended += [(of, number, run_id) for number, run_id in load.ended]
        return Driven(wall_s, load.latencies_s)

    def check(self) -> None:
        """Each run has succeeded, and its last step's output says that every step was done once."""
        ended, self._ended = self._ended, []
        for of, number, run_id in ended:
            (last,) = self._api.get(f"{RUNS}/{run_id}/steps", limit=1, offset=of.size - 1)["steps"]
            if (last["output_jsonb"] or {}).get("digest") != expected(of, number):
                raise AssertionError(f"run {run_id}: {last['status']}: {last['error_message']}; {last['output_jsonb']}")


@contextmanager
def army(folder: Path, workers: int) -> Iterator[tuple[Army, Postgres]]:
    """A whole stack of ours, with the no-op agent, and its cluster."""
    with Stack(folder, process_environ(), app="bench.app:make_app()", executors=Executors(workers)) as stack:
        signer = Signer(stack.folder / "signer")
        token = signer.user_token(stack.settings.army_workspace_id, SUBJECT, settings=stack.settings)
        yield Army(Api(stack.url, token)), stack.postgres

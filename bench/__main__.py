"""Measures the engine: the whole path from the API through the queue to the executor, beside a pgbench floor.

    python -m bench                          the standard cells
    python -m bench --cells audit@8,chain:100@1 --seconds 10 --json

A cell is a shape and how many runs are in flight. Everything runs on this machine: the client, the doors under
gunicorn, Cloud Tasks and Postgres share its cores, so the CPU column counts all of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.floor import Floor
from bench.measure import Meter, Reading
from bench.work import Shape, brief, expected, shape
from cli.client import Api
from cli.reach import SUBJECT
from local.signer import Signer
from local.stack import Executors, Stack
from shared.config import process_environ

CELLS = "audit@1,audit@8,audit@32,chain:10@1,chain:100@1,chain:1000@1,fan:10@1,fan:100@1,fan:1000@1"
RUNS = "/api/dashboard/workflows/runs"


@dataclass(frozen=True)
class Cell:
    """One result. `ms_per_step` is wall time; CPU is of all processes, Postgres and the client included."""

    cell: str
    runs: int
    steps_s: float
    ms_per_step: float
    run_p50_ms: float
    run_p95_ms: float
    cpu_ms_per_step: float
    of_it_postgres: float
    write_xacts_per_step: float
    wal_bytes_per_step: float
    floor_steps_s: float
    x_floor: float


class Load:
    """A closed loop: `at_once` clients, each starts a run, waits for its end, checks it, and starts the next."""

    def __init__(self, api: Api, of: Shape, at_once: int, first_run: int) -> None:
        self._api, self._shape, self._at_once = api, of, at_once
        self._numbers = iter(range(first_run, first_run + 10_000_000))
        self._lock = threading.Lock()
        self.latencies_s: list[float] = []
        self._ended: list[tuple[int, str]] = []
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
            self._ended.append((number, run_id))

    def check(self) -> None:
        """Each run has succeeded, and its last step's output says that every step was done once. Not measured."""
        for number, run_id in self._ended:
            (last,) = self._api.get(f"{RUNS}/{run_id}/steps", limit=1, offset=self._shape.size - 1)["steps"]
            if (last["output_jsonb"] or {}).get("digest") != expected(self._shape, number):
                raise AssertionError(f"run {run_id}: {last['status']}: {last['error_message']}; {last['output_jsonb']}")


def measured(stack: Stack, api: Api, meter: Meter, floor: Floor, cell: str, seconds: float, number: int) -> Cell:
    name, _, at_once = cell.partition("@")
    of, clients = shape(name), int(at_once or "1")
    api.post("/api/dashboard/workflows", of.definition.to_dag_jsonb())
    floor_steps_s = floor.steps_a_second(clients, 2)
    Load(api, of, clients, number).drive(min(seconds / 4, 2.0) if of.size < 100 else 0, clients)
    before = meter.read()
    load = Load(api, of, clients, number + 1_000_000)
    wall_s = load.drive(seconds, max(clients, 3))
    after = meter.read()
    load.check()
    return _cell(cell, of, load.latencies_s, wall_s, before, after, floor_steps_s)


def _cell(
    name: str, of: Shape, latencies_s: list[float], wall_s: float, before: Reading, after: Reading, floor_steps_s: float
) -> Cell:
    steps = len(latencies_s) * of.size
    ordered = sorted(latencies_s)
    postgres_cpu_s = after.postgres_cpu_s - before.postgres_cpu_s
    return Cell(
        cell=name,
        runs=len(latencies_s),
        steps_s=round(steps / wall_s, 1),
        ms_per_step=round(wall_s * 1000 / steps, 3),
        run_p50_ms=round(ordered[len(ordered) // 2] * 1000, 1),
        run_p95_ms=round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
        cpu_ms_per_step=round((after.app_cpu_s - before.app_cpu_s + postgres_cpu_s) * 1000 / steps, 3),
        of_it_postgres=round(postgres_cpu_s * 1000 / steps, 3),
        write_xacts_per_step=round((after.write_xacts - before.write_xacts) / steps, 2),
        wal_bytes_per_step=round((after.wal_bytes - before.wal_bytes) / steps),
        floor_steps_s=round(floor_steps_s),
        x_floor=round(steps / wall_s / floor_steps_s, 3),
    )


def results(given: argparse.Namespace) -> Iterator[Cell]:
    folder = Path(tempfile.mkdtemp(prefix="army-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        with Stack(folder, process_environ(), app="bench.app:make_app()", executors=Executors(given.workers)) as stack:
            signer = Signer(stack.folder / "signer")
            token = signer.user_token(stack.settings.army_workspace_id, SUBJECT, settings=stack.settings)
            pid = stack.postgres.pid
            assert pid is not None
            meter = Meter(stack.postgres.addresses(), pid)
            floor = Floor(stack.postgres)
            for at, cell in enumerate(given.cells.split(",")):
                yield measured(stack, Api(stack.url, token), meter, floor, cell, given.seconds, at * 10_000_000)
            meter.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


HEADS = {
    "cell": "cell",
    "runs": "runs",
    "steps_s": "steps/s",
    "ms_per_step": "ms/step",
    "run_p50_ms": "run p50 ms",
    "run_p95_ms": "p95 ms",
    "cpu_ms_per_step": "CPU ms/step",
    "of_it_postgres": "of it Postgres",
    "write_xacts_per_step": "write tx/step",
    "wal_bytes_per_step": "WAL B/step",
    "floor_steps_s": "floor steps/s",
    "x_floor": "x floor",
}


def show(cells: Iterator[Cell]) -> None:
    print("| " + " | ".join(HEADS.values()) + " |\n|" + "---|" * len(HEADS), flush=True)
    for cell in cells:
        values = asdict(cell)
        print("| " + " | ".join(_shown(values[name]) for name in HEADS) + " |", flush=True)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, float | int) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default=CELLS, help="shape@runs in flight, with commas (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each cell (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="door processes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each cell")
    given = parser.parse_args()
    try:
        for cell in given.cells.split(","):
            shape(cell.partition("@")[0])
    except ValueError as wrong:
        parser.error(str(wrong))
    if given.json:
        for cell in results(given):
            print(json.dumps(asdict(cell)), flush=True)
    else:
        show(results(given))


if __name__ == "__main__":
    main()

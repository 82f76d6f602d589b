"""A cell of the table: one engine, one shape, so many runs in flight; and how it is measured."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from bench.dag import Shape, shape
from bench.floor import Floor
from bench.measure import Meter, Reading

FLOOR_S = 2
WARM_UP_S = 2.0
LARGE = 100  # steps: a shape of so many needs one run to be warm


@dataclass(frozen=True)
class Cell:
    """One result. `ms_per_step` is wall time; CPU is of all processes, Postgres and the client included."""

    engine: str
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


HEADS = {
    "engine": "engine",
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


@dataclass(frozen=True)
class Driven:
    """What a closed loop came to."""

    wall_s: float
    latencies_s: list[float]


class Engine(Protocol):
    """Something that runs shapes."""

    name: str

    def prepare(self, of: Shape) -> None:
        """What is done once for a shape, before it is measured."""

    def drive(self, of: Shape, at_once: int, seconds: float, least_runs: int) -> Driven:
        """So many runs in flight for so long, and at least so many runs in all."""

    def check(self) -> None:
        """Raises AssertionError if a run since the last check did not put out the right digest. Not measured."""


def parse_cell(cell: str) -> tuple[Shape, int]:
    """The shape and the runs in flight of `shape@number`. Raises ValueError with what is allowed."""
    name, mark, at_once = cell.partition("@")
    if mark and not (at_once.isdigit() and 1 <= int(at_once) <= 1000):
        raise ValueError(f"{cell!r} is no cell: after the @ stands how many runs are in flight, 1 to 1000")
    return shape(name), int(at_once or "1")


def measured(engine: Engine, meter: Meter, floor: Floor, cell: str, seconds: float) -> Cell:
    """The floor, a warm-up that is not counted, and the cell itself, on one cluster."""
    of, at_once = parse_cell(cell)
    engine.prepare(of)
    floor_steps_s = floor.steps_a_second(at_once, FLOOR_S)
    engine.drive(of, at_once, min(seconds / 4, WARM_UP_S) if of.size < LARGE else 0, at_once)
    before = meter.read()
    driven = engine.drive(of, at_once, seconds, max(at_once, 3))
    after = meter.read()
    engine.check()
    return _cell(engine.name, cell, of, driven, (before, after), floor_steps_s)


def _cell(
    engine: str, name: str, of: Shape, driven: Driven, readings: tuple[Reading, Reading], floor_steps_s: float
) -> Cell:
    before, after = readings
    steps = len(driven.latencies_s) * of.size
    ordered = sorted(driven.latencies_s)
    postgres_cpu_s = after.postgres_cpu_s - before.postgres_cpu_s
    return Cell(
        engine=engine,
        cell=name,
        runs=len(driven.latencies_s),
        steps_s=round(steps / driven.wall_s, 1),
        ms_per_step=round(driven.wall_s * 1000 / steps, 3),
        run_p50_ms=round(ordered[len(ordered) // 2] * 1000, 1),
        run_p95_ms=round(ordered[int(len(ordered) * 0.95)] * 1000, 1),
        cpu_ms_per_step=round((after.app_cpu_s - before.app_cpu_s + postgres_cpu_s) * 1000 / steps, 3),
        of_it_postgres=round(postgres_cpu_s * 1000 / steps, 3),
        write_xacts_per_step=round((after.write_xacts - before.write_xacts) / steps, 2),
        wal_bytes_per_step=round((after.wal_bytes - before.wal_bytes) / steps),
        floor_steps_s=round(floor_steps_s),
        x_floor=round(steps / driven.wall_s / floor_steps_s, 3),
    )


def show(cells: Iterable[Cell]) -> None:
    """A Markdown table, a row as soon as it is there."""
    print("| " + " | ".join(HEADS.values()) + " |\n|" + "---|" * len(HEADS), flush=True)
    for cell in cells:
        values = asdict(cell)
        print("| " + " | ".join(_shown(values[name]) for name in HEADS) + " |", flush=True)


def show_lines(cells: Iterable[Cell]) -> None:
    """A line of JSON for each cell."""
    for cell in cells:
        print(json.dumps(asdict(cell)), flush=True)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, float | int) else str(value)

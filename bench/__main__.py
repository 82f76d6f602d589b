"""Measures the engine: the whole path from the API through the queue to the executor, beside a pgbench floor.

    python -m bench                          the standard cells
    python -m bench --cells audit@8,chain:100@1 --seconds 10 --json
    python -m bench --peers langgraph,dbos --cells audit@8 --rounds 3
    python -m bench --waits                  a cold start, and an event's way to its listener

A cell is a shape and how many runs are in flight. Everything runs on this machine: the client, the doors under
gunicorn, Cloud Tasks and Postgres share its cores, so the CPU column counts all of them. Peers are other engines that
do the same work in the same hour: in each round everyone has a turn, on a new cluster of Postgres with the same
settings, and each round begins with another one.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TypeVar

from bench.cells import Cell, Engine, measured, parse_cell, show, show_lines
from bench.floor import Floor
from bench.measure import Meter
from bench.ours import army
from bench.peers.catalog import PEERS, peers_named
from bench.peers.session import peer_beside
from bench.waits import show_waits
from local.postgres import Postgres

CELLS = "audit@1,audit@8,audit@32,chain:10@1,chain:100@1,chain:1000@1,fan:10@1,fan:100@1,fan:1000@1"
CELLS_WITH_PEERS = "audit@1,audit@8"

Turn = Callable[[Path], AbstractContextManager[tuple[Engine, Postgres]]]


Who = TypeVar("Who")


def in_turn(everyone: list[Who], number: int) -> list[Who]:
    """The order of a round: whoever was first in the one before is last."""
    first = number % len(everyone)
    return everyone[first:] + everyone[:first]


def results(given: argparse.Namespace) -> Iterator[Cell]:
    everyone: list[Turn] = [partial(army, workers=given.workers), *[partial(peer_beside, peer) for peer in given.peers]]
    for number in range(given.rounds):
        for turn in in_turn(everyone, number):
            folder = Path(tempfile.mkdtemp(prefix="army-bench-", dir="/var/tmp"))
            folder.chmod(0o755)
            try:
                yield from _of_one(turn, folder, given.cells, given.seconds)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _of_one(turn: Turn, folder: Path, cells: list[str], seconds: float) -> Iterator[Cell]:
    with turn(folder) as (engine, postgres):
        pid = postgres.pid
        assert pid is not None
        meter, floor = Meter(postgres.addresses(), pid), Floor(postgres)
        try:
            for cell in cells:
                yield measured(engine, meter, floor, cell, seconds)
        finally:
            meter.close()


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """What was asked for, checked: `cells` and `peers` are lists."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default="", help=f"shape@runs in flight, with commas (default: {CELLS})")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each cell (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="door processes (default: %(default)s)")
    parser.add_argument("--peers", default="", help=f"other engines beside ours, of: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=1, help="how often everyone has a turn (default: %(default)s)")
    parser.add_argument("--waits", action="store_true", help="measure a cold start and the live stream instead")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each cell")
    given = parser.parse_args(argv)
    try:
        given.peers = peers_named(given.peers)
        given.cells = (given.cells or (CELLS_WITH_PEERS if given.peers else CELLS)).split(",")
        for cell in given.cells:
            parse_cell(cell)
    except ValueError as wrong:
        parser.error(str(wrong))
    for name in ("seconds", "workers", "rounds"):
        if not getattr(given, name) > 0:
            parser.error(f"--{name} must be more than 0")
    return given


def main() -> None:
    given = arguments()
    if given.waits:
        show_waits()
        return
    if given.json:
        show_lines(results(given))
        return
    show(results(given))
    for peer in given.peers:
        print(f"\n{peer.name} keeps: {peer.durable}.")


if __name__ == "__main__":
    main()

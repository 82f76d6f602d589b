"""Drives one peer, in the peer's own environment: `python -m bench.peers.driving MODULE --folder F --url U`.

Orders come as lines of JSON on the standard input, answers go out as lines of JSON; the input's end is the end. Only
the standard library and bench.dag are imported here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import IO, Protocol

from bench.dag import Document, Shape, expected, shape

SHOWN = 3


class Driven(Protocol):
    """An engine that can be driven. `folder` is its own to write in, `url` an empty Postgres database."""

    async def start(self, folder: Path, url: str) -> None: ...

    async def prepare(self, of: Shape) -> None:
        """What is done once for a shape, before it is measured."""

    async def run(self, of: Shape, number: int) -> int:
        """One run from its brief to its end. Returns the digest that its last step put out."""

    async def stop(self) -> None: ...


class Loop:
    """A closed loop: so many clients, each starts a run, waits for its end, and starts the next."""

    def __init__(self, peer: Driven) -> None:
        self._peer = peer
        self._found: list[tuple[Shape, int, int]] = []

    async def drive(self, of: Shape, at_once: int, seconds: float, least_runs: int, first_run: int) -> Document:
        """Begins no run after so many seconds, unless there were too few."""
        latencies_s: list[float] = []
        numbers = count(first_run)
        began = time.perf_counter()

        async def client() -> None:
            while time.perf_counter() < began + seconds or len(latencies_s) < least_runs:
                number, since = next(numbers), time.perf_counter()
                found = await self._peer.run(of, number)
                latencies_s.append(time.perf_counter() - since)
                self._found.append((of, number, found))

        await asyncio.gather(*(client() for _ in range(at_once)))
        return {"wall_s": time.perf_counter() - began, "latencies_s": latencies_s}

    def check(self) -> Document:
        """How many runs there were since the last check. Raises AssertionError if one put out a wrong digest."""
        found, self._found = self._found, []
        wrong = [f"run {number} of {of.name}: {told}" for of, number, told in found if told != expected(of, number)]
        if wrong:
            raise AssertionError(f"{len(wrong)} wrong digests, such as {'; '.join(wrong[:SHOWN])}")
        return {"checked": len(found)}


async def obey(peer: Driven, order: Document, loop: Loop) -> Document:
    """One order: `prepare`, `drive` or `check`."""
    if order["do"] == "check":
        return loop.check()
    of = shape(order["shape"])
    if order["do"] == "prepare":
        await peer.prepare(of)
        return {}
    return await loop.drive(of, order["at_once"], order["seconds"], order["least_runs"], order["first_run"])


async def serve(peer: Driven, folder: Path, url: str, orders: IO[str], answers: IO[str]) -> None:
    """From the start of the engine to the end of the orders."""
    await peer.start(folder, url)
    loop = Loop(peer)
    try:
        _tell(answers, {})
        while line := await asyncio.to_thread(orders.readline):
            _tell(answers, await obey(peer, json.loads(line), loop))
    finally:
        await peer.stop()


def _tell(answers: IO[str], document: Document) -> None:
    answers.write(json.dumps(document) + "\n")
    answers.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.driving")
    parser.add_argument("module")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", required=True)
    given = parser.parse_args()
    # What an engine prints must not stand between the answers.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        peer: Driven = import_module(f"bench.peers.{given.module}").make()
        asyncio.run(serve(peer, given.folder, given.url, sys.stdin, answers))


if __name__ == "__main__":
    main()

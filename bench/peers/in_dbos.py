"""DBOS as its quick start has it: a workflow of steps in the process that calls it.

It keeps what a step returns, not what it was given: so a step returns both.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from dbos import DBOS, DBOSConfig

from bench.dag import Document, Shape, given_to, shape, text_of, worked


@DBOS.step()
async def step(given: Document) -> Document:
    return {"input": given, "output": worked(given)}


@DBOS.workflow()
async def run_shape(name: str, number: int, text: str) -> int:
    """The steps of a level run side by side. `text` makes the run's own input as long as everyone's."""
    of, digests = shape(name), dict[str, int]()
    for level in of.levels:
        inputs = [given_to(key, number, [digests[before] for before in of.depends_on[key]]) for key in level]
        done = await asyncio.gather(*(step(given) for given in inputs))
        digests |= {key: one["output"]["digest"] for key, one in zip(level, done, strict=True)}
    return digests[of.last]


class InProcess:
    async def start(self, folder: Path, url: str) -> None:
        DBOS(config=DBOSConfig(name="bench", system_database_url=url, log_level="WARNING"))
        DBOS.launch()

    async def prepare(self, of: Shape) -> None:
        """A workflow is code: there is nothing to store."""

    async def run(self, of: Shape, number: int) -> int:
        return int(await run_shape(of.name, number, text_of(number)))

    async def stop(self) -> None:
        DBOS.destroy()


def make() -> InProcess:
    return InProcess()

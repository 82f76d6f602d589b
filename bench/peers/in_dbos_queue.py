"""DBOS with each step a workflow on a queue, which any process might take: nearer to one task a step.

Both of its times between two looks, at the queue and at a result, are a second by default. A run of three levels would
idle for seconds; they are lowered to what an idle machine bears.
"""

from __future__ import annotations

from pathlib import Path

from dbos import DBOS

from bench.dag import Document, Shape, given_to, shape, text_of, worked
from bench.peers.in_dbos import InProcess

QUEUE, LOOK_EVERY_S = "bench_steps", 0.02


@DBOS.workflow()
async def queued_step(given: Document) -> Document:
    return worked(given)


@DBOS.workflow()
async def run_queued(name: str, number: int, text: str) -> int:
    """As `run_shape`, through the queue."""
    of, digests = shape(name), dict[str, int]()
    for level in of.levels:
        asked = {}
        for key in level:
            given = given_to(key, number, [digests[before] for before in of.depends_on[key]])
            asked[key] = await DBOS.enqueue_workflow_async(QUEUE, queued_step, given)
        for key, handle in asked.items():
            digests[key] = (await handle.get_result(polling_interval_sec=LOOK_EVERY_S))["digest"]
    return digests[of.last]


class Queued(InProcess):
    async def start(self, folder: Path, url: str) -> None:
        await super().start(folder, url)
        await DBOS.register_queue_async(QUEUE, polling_interval_sec=LOOK_EVERY_S)

    async def run(self, of: Shape, number: int) -> int:
        return int(await run_queued(of.name, number, text_of(number)))


def make() -> Queued:
    return Queued()

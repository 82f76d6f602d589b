"""The service that Restate calls: a run that calls its steps, and the step. Each call is an HTTP request of its own."""

from __future__ import annotations

import restate

from bench.dag import Document, given_to, shape, worked

runs = restate.Service("Runs")
steps = restate.Service("Steps")


@steps.handler("work")
async def work(ctx: restate.Context, given: Document) -> Document:
    return worked(given)


@runs.handler("run")
async def run(ctx: restate.Context, asked: Document) -> int:
    """`asked`: the shape's name, the run's number, and a text that makes it as long as everyone's."""
    of, digests = shape(asked["shape"]), dict[str, int]()
    for level in of.levels:
        inputs = [given_to(key, asked["run"], [digests[before] for before in of.depends_on[key]]) for key in level]
        called = [ctx.service_call(work, arg=given) for given in inputs]
        done = [await one for one in await restate.gather(*called)]
        digests |= {key: one["digest"] for key, one in zip(level, done, strict=True)}
    return digests[of.last]


app = restate.app([runs, steps])

"""The work that is measured: shapes of workflows with no-op agents, about 1 KB in and 1 KB out a step.

The last step's output holds a digest that depends on every step, so that a skipped or doubled one shows.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef, WorkflowStepDef

PAD_HEX = 900  # with its keys, each document is about 1 KB of JSON
MASK = 0xFFFFFFFF
AGENT = "noop"


@dataclass(frozen=True)
class Shape:
    """`audit` is a root, four in parallel and a join; `chain:N` is N in a row; `fan:N` a root, N, and a join."""

    name: str
    depends_on: dict[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        return len(self.depends_on)

    @property
    def slug(self) -> str:
        return "bench_" + self.name.replace(":", "_")

    @property
    def definition(self) -> WorkflowDef:
        steps = (
            WorkflowStepDef(
                key=key,
                agent_name=AGENT,
                depends_on=before,
                input_map={f"up_{name}": f"{name}.output.digest" for name in before},
                options={"step": key},
            )
            for key, before in self.depends_on.items()
        )
        return WorkflowDef(slug=self.slug, name=f"Bench {self.name}", steps=tuple(steps))


def shape(name: str) -> Shape:
    """The shape of this name. Raises ValueError with what is allowed."""
    kind, _, number = "fan:4".partition(":") if name == "audit" else name.partition(":")
    if not number.isdigit() or not 1 <= int(number) <= 10_000 or kind not in ("chain", "fan"):
        raise ValueError(f"{name!r} is no shape: use audit, chain:N or fan:N with N from 1 to 10000")
    count = int(number)
    if kind == "chain":
        return Shape(name, {f"s{at}": (f"s{at - 1}",) if at else () for at in range(count)})
    middle = {f"s{at}": ("s0",) for at in range(1, count + 1)}
    return Shape(name, {"s0": (), **middle, f"s{count + 1}": tuple(middle)})


def digest(step: str, run: int, upstream: list[int]) -> int:
    return zlib.crc32(f"{step}|{run}|{len(upstream)}|{sum(upstream) & MASK}".encode())


def brief(run: int) -> JsonObject:
    return {"handle": "bench", "fields": {"run": run, "text": hashlib.shake_128(b"%d" % run).hexdigest(PAD_HEX // 2)}}


def expected(of: Shape, run: int) -> int:
    """The digest that the last step of this run must put out."""
    known: dict[str, int] = {}
    for key, before in of.depends_on.items():
        known[key] = digest(key, run, [known[name] for name in before])
    return known[list(of.depends_on)[-1]]

"""The work that is measured, as plain data: which steps there are, what goes into each, and what must come out.

Only the standard library is imported here: other engines read this from environments of their own.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PAD_HEX = 900  # with its keys, each document is about 1 KB of JSON
MASK = 0xFFFFFFFF

Document = dict[str, Any]


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
    def last(self) -> str:
        return list(self.depends_on)[-1]

    @property
    def levels(self) -> list[list[str]]:
        """The steps that may run side by side, level after level."""
        depth: dict[str, int] = {}
        found: list[list[str]] = []
        for key, before in self.depends_on.items():
            depth[key] = max((depth[name] + 1 for name in before), default=0)
            if depth[key] == len(found):
                found.append([])
            found[depth[key]].append(key)
        return found


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
    """What a step makes of the digests before it: a skipped or doubled one shows in the last."""
    return _folded(step, run, len(upstream), sum(upstream) & MASK)


def _folded(step: str, run: int, count: int, total: int) -> int:
    return zlib.crc32(f"{step}|{run}|{count}|{total}".encode())


def text_of(run: int) -> str:
    """What a run is given beside its number: noise, so that nothing compresses it away."""
    return hashlib.shake_128(b"%d" % run).hexdigest(PAD_HEX // 2)


def given_to(key: str, run: int, upstream: list[int]) -> Document:
    """The input of a step, about 1 KB. However many came before it, it holds only what they add up to."""
    return {"step": key, "run": run, "count": len(upstream), "sum": sum(upstream) & MASK, "text": text_of(run)}


def put_out(step: str, found: int) -> Document:
    """The output of a step, about 1 KB."""
    return {"step": step, "digest": found, "text": hashlib.shake_128(b"out%d" % found).hexdigest(PAD_HEX // 2)}


def worked(given: Mapping[str, Any]) -> Document:
    """The whole work of a step: from its input to its output."""
    return put_out(given["step"], _folded(given["step"], given["run"], given["count"], given["sum"]))


def expected(of: Shape, run: int) -> int:
    """The digest that the last step of this run must put out."""
    known: dict[str, int] = {}
    for key, before in of.depends_on.items():
        known[key] = digest(key, run, [known[name] for name in before])
    return known[of.last]

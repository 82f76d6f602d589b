"""Chance that falls the same in every process, on every day: each throw is a sha-256 of the purpose and a count.

Never from `hash()`, which differs between processes, nor from `random`, whose methods may change with Python.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Dice:
    """A source of chance for one purpose: `Dice("lakucosmetics", "posts")`."""

    def __init__(self, *purpose: str) -> None:
        self._purpose = "\n".join(purpose).encode("utf-8", "replace")
        self._throws = 0

    def share(self) -> float:
        """0 up to, not including, 1."""
        self._throws += 1
        throw = hashlib.sha256(b"%d\n%b" % (self._throws, self._purpose)).digest()
        return int.from_bytes(throw[:6], "big") / 2**48

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.share()

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.share() * (high - low + 1))

    def log_between(self, low: float, high: float) -> float:
        """Between two positive numbers, each order of size as likely as the next."""
        return math.exp(self.between(math.log(low), math.log(high)))

    def spread(self, sigma: float) -> float:
        """A factor around 1 (log-normal, median 1), by Box and Muller's method."""
        size = math.sqrt(-2.0 * math.log(1.0 - self.share()))
        return math.exp(sigma * size * math.cos(2.0 * math.pi * self.share()))

    def even_spread(self, position: int, sigma: float) -> float:
        """As `spread`, but positions in a row are spread evenly, so that the median of any few of them is near 1."""
        even = (self.share() + position * _GOLDEN) % 1.0
        return math.exp(sigma * NormalDist().inv_cdf(min(max(even, 0.001), 0.999)))

    def yes(self, chance: float) -> bool:
        return self.share() < chance

    def one_of(self, things: Sequence[T]) -> T:
        return things[int(self.share() * len(things))]

    def some_of(self, things: Sequence[T], count: int) -> list[T]:
        """`count` different things (or all, if there are fewer), in a random order."""
        left = list(things)
        return [left.pop(int(self.share() * len(left))) for _ in range(min(count, len(left)))]

    def shares(self, weights: dict[str, float]) -> dict[str, float]:
        """The weights, shaken a little, as shares of four digits that add up to exactly 1."""
        shaken = {name: weight * self.spread(0.2) for name, weight in weights.items()}
        total = sum(shaken.values())
        tens = {name: round(10_000 * value / total) for name, value in shaken.items()}
        largest = max(tens, key=lambda name: tens[name])
        tens[largest] += 10_000 - sum(tens.values())
        return {name: value / 10_000 for name, value in tens.items()}

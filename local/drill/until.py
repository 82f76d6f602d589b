"""Waiting in a drill: for a condition, with a bound, and with a word now and then about how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Told = Callable[[str], None]
LOOK_AGAIN_S = 0.02


class DrillError(RuntimeError):
    """What a drill waited for did not come true, or it was asked for what cannot be."""


def until(true: Callable[[], Any], *, seconds: float = 60.0, what: str = "it") -> Any:
    """Waits for a condition, and gives its value back. Looks again every few milliseconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(LOOK_AGAIN_S)
    raise DrillError(f"{what} did not come true in {seconds:.0f} s")


@dataclass(slots=True)
class Pace:
    """Says how far a drill is, at most every five seconds."""

    told: Told
    last: float = 0.0

    def tell(self, line: str) -> None:
        if time.monotonic() - self.last > 5:
            self.last = time.monotonic()
            self.told(line)

"""Executors with wrong clocks: libfaketime shifts the time of day of a process; each executor gets a habit of its own.

Only the time of day is shifted (`CLOCK_REALTIME`): no machine's monotonic clock jumps. Postgres, the queue, the signer
and the drill itself keep the right time, so that a shifted one that reached the database would show.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from local.doors import Wsgi
from local.drill.faults import Faults

SHIFT_S = 600.0
SWINGS_AFTER = 3  # requests
# The library is loaded into every process of the stack, and does nothing in those that never set FAKETIME.
QUIET = {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0", "NO_FAKE_STAT": "1"}


def library() -> Path | None:
    """Where libfaketime is; None: it is not installed."""
    found = find_spec("libfaketime")
    folders = (found.submodule_search_locations or []) if found else []
    files = (Path(folder) / "vendor" / "libfaketime" / "src" / "libfaketime.so.1" for folder in folders)
    return next((file for file in files if file.exists()), None)


def preloaded() -> dict[str, str]:
    """The environment of processes whose clocks can be shifted; empty without the library."""
    found = library()
    return {} if found is None else {"LD_PRELOAD": str(found), **QUIET}


def ahead(seen: int, taken: int) -> float:
    """Ten minutes ahead, from the beginning."""
    return SHIFT_S


def behind(seen: int, taken: int) -> float:
    """Ten minutes behind, from the beginning: it takes every fresh token for one of the future."""
    return -SHIFT_S


def falls_behind(seen: int, taken: int) -> float:
    """Right until it has taken a delivery, then ten minutes behind: it works in the past, on tokens it knows."""
    return -SHIFT_S if taken else 0.0


def swings(seen: int, taken: int) -> float:
    """Right until it has taken a delivery, then from ahead to behind and back, under the steps that it is at."""
    return (SHIFT_S if seen // SWINGS_AFTER % 2 else -SHIFT_S) if taken else 0.0


AT_WORK = (ahead, falls_behind, swings)
HABITS = (behind, *AT_WORK)


def habit_of(number: int) -> Callable[[int, int], float]:
    """One executor of each habit; those that come after a kill work, or in the end none would."""
    return HABITS[number] if number < len(HABITS) else AT_WORK[number % len(AT_WORK)]


class WrongClocks:
    """Before the doors: sets the clock of its process at each request, as the habit of this executor wants it."""

    def __init__(self, doors: Wsgi, faults: Faults) -> None:
        self._doors, self._faults = doors, faults
        self._habit: Callable[[int, int], float] | None = None
        self._shift_s = 0.0
        self._seen = self._taken = 0
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not self._faults.plan().has_wrong_clocks:
            return self._doors(environ, start_response)
        with self._lock:
            self._set()
        is_delivery = environ.get("PATH_INFO") == "/tasks/step"

        def start(status: str, *more: Any) -> Any:
            if is_delivery:
                with self._lock:
                    self._taken += status.startswith("200")
                self._faults.note("answers_by_habit", f"{self._habit_name} {status[:3]}")
            return start_response(status, *more)

        return self._doors(environ, start)

    @property
    def _habit_name(self) -> str:
        return self._habit.__name__ if self._habit else ""

    def _set(self) -> None:
        self._seen += 1
        if self._habit is None:
            number = next(number for number in count() if self._faults.is_first(f"clock {number}"))
            self._habit = habit_of(number)
            self._faults.note("habits", f"{os.getpid()} {self._habit_name}")
        shift_s = self._habit(self._seen, self._taken)
        if shift_s != self._shift_s:
            os.environ["FAKETIME"] = f"{shift_s:+.0f}s"
            self._shift_s = shift_s
            self._faults.note("shifts", f"{self._habit_name} {shift_s:.0f} {time.time() - time.monotonic():.3f}")

"""The fault plan of a drill: what the processes under test are to suffer, and what they did suffer.

Both are files in the stack's folder, so that the plan can change while the doors run, and what was noted survives a
kill. Every decision is drawn from the seed and from what it is about (a task, a delivery), never from the clock.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from pydantic import BaseModel, ConfigDict

DRILL_FOLDER = "drill"  # in the stack's folder
ACTS = "acts"  # the notes of what was done to the world, a line an act


class Death(BaseModel):
    """Die, once, right before or right after the statement `query`; with a `label`, only if it is about that call."""

    model_config = ConfigDict(frozen=True)

    query: str
    is_before: bool
    label: str | None = None

    @property
    def name(self) -> str:
        about = f" of {self.label}" if self.label else ""
        return f"{'before' if self.is_before else 'after'} {self.query}{about}"


class Plan(BaseModel):
    """What happens from now on. Shares are between 0 and 1."""

    model_config = ConfigDict(frozen=True)

    seed: int = 0
    deaths: tuple[Death, ...] = ()
    refused_share: float = 0.0  # of deliveries: answered 503 before the executor sees them
    unmade_share: float = 0.0  # of wake-ups: an error, and no task was made
    unsure_share: float = 0.0  # of wake-ups: an error, although the task was made
    most_copies: int = 1  # each wake-up becomes 2 to so many tasks; 1: it stays one
    drain_death_each: int = 0  # a drain dies after so many events that the topic took; 0: none does
    mirror_aborted_share: float = 0.0  # of commits to the mirror: half before, half after they took effect
    mirror_delay_s: float = 0.0  # a commit is held back by up to this, most of them by little
    act_troubles: dict[str, float] = {}  # of effects, by what happens in their first attempt
    has_wrong_clocks: bool = False  # for doors that can shift their clocks


def share(seed: int, *about: object) -> float:
    """A number from 0 up to 1 that only the seed and what it is about decide."""
    digest = hashlib.sha256(repr((seed, *about)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


class Faults:
    """The plan and the notes, in one folder. Used by the drill and, at the same time, by the doors' processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._read_at, self._plan = -1, Plan()

    def set(self, plan: Plan) -> None:
        draft = self._folder / "plan.draft"
        draft.write_text(plan.model_dump_json())
        draft.rename(self._folder / "plan.json")

    def plan(self) -> Plan:
        """The plan as it stands; read again only when its file has changed."""
        try:
            changed = (self._folder / "plan.json").stat().st_mtime_ns
        except FileNotFoundError:
            return Plan()
        with self._lock:
            if changed != self._read_at:
                self._plan = Plan.model_validate_json((self._folder / "plan.json").read_text())
                self._read_at = changed
            return self._plan

    def note(self, name: str, line: str = "") -> None:
        """Adds a line to the notes of this name. Short lines of several processes never mix."""
        file = os.open(self._folder / f"{name}.notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, (line + "\n").encode())
        finally:
            os.close(file)

    def notes(self, name: str) -> list[str]:
        try:
            return (self._folder / f"{name}.notes").read_text().splitlines()
        except FileNotFoundError:
            return []

    def is_first(self, name: str) -> bool:
        """True for the first caller with this name in any process, and never again."""
        mark = hashlib.sha256(name.encode()).hexdigest()[:24]
        try:
            os.close(os.open(self._folder / f"{mark}.once", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def forget(self) -> None:
        """All is well again, and nothing is noted."""
        self.set(Plan())
        for left in (*self._folder.glob("*.notes"), *self._folder.glob("*.once")):
            left.unlink()

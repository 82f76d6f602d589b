"""How urgent a run is, among the runs of its workspace that wait."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def level(self) -> int:
        """As the rows have it: the higher is let in first."""
        return LEVELS[self]


LEVELS = {Priority.LOW: -10, Priority.NORMAL: 0, Priority.HIGH: 10, Priority.URGENT: 20}
NAMES = {level: priority.value for priority, level in LEVELS.items()}

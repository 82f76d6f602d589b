"""How long an attempt may take: in this request, and until its step times out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.config import Settings
from shared.errors import EngineError, OutOfTimeError, StepTimedOutError

LONGEST_MARGIN_S = 60.0  # before the end of a request's time, in which no further call is begun


@dataclass(frozen=True, slots=True)
class Times:
    """How long an attempt may take, in seconds: `slice_s` in this request, `left_s` until the step times out."""

    slice_s: float
    left_s: float | None
    timeout_s: float | None

    @classmethod
    def of(cls, step: Any, settings: Settings) -> Times:
        timeout_s = step.definition.get("timeout_s")
        left_s = None if timeout_s is None else max(timeout_s - (step.age_s or 0.0), 0.0)
        return cls(settings.step_timeout_s, left_s, timeout_s)

    @property
    def is_over(self) -> bool:
        """Whether the step has timed out before this attempt: while it waited, or between two tries."""
        return self.left_s == 0

    @property
    def is_last(self) -> bool:
        """Whether the step times out before the request's time is over."""
        return self.left_s is not None and self.left_s <= self.slice_s

    @property
    def limit_s(self) -> float:
        return self.slice_s if self.left_s is None else min(self.slice_s, self.left_s)

    @property
    def yield_after_s(self) -> float | None:
        """When to begin no further call, so that none is cut off; None if there is no later request to make it in."""
        return None if self.is_last else self.slice_s - min(LONGEST_MARGIN_S, self.slice_s / 4)

    def error(self, name: str) -> EngineError:
        """What it means that the time is over."""
        if self.is_last:
            return StepTimedOutError(f"{name}: was not done {self.timeout_s:g} s after it first began")
        return OutOfTimeError(f"{name}: took longer than {self.slice_s:g} s")

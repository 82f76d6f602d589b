"""The time of one attempt at publishing: pauses between looks, and the moment at which the next attempt takes over."""

from __future__ import annotations

import asyncio
import time

from shared.config import Settings
from shared.errors import EffectPendingError, ProviderDownError, TransientError

STEPS_S = (5.0, 10.0, 20.0)
AFTER_S = 20.0  # before the next attempt looks
OVER = "; the time of this attempt is over"


class Pace:
    """An attempt's clock. `PUBLISH_PACE` scales the pauses, `PUBLISH_WITHIN_S` bounds them all together."""

    def __init__(self, settings: Settings) -> None:
        self._scale = settings.publish_pace
        self._until = time.monotonic() + settings.publish_within_s

    @property
    def left_s(self) -> float:
        """Seconds, below zero when the time is over."""
        return self._until - time.monotonic()

    def check(self, told: str) -> None:
        """Raises `ProviderDownError` when the time is over: of what is not begun for good, such as half an upload."""
        if self.left_s <= 0:
            raise ProviderDownError(f"{told}{OVER}", retry_after_s=self._after_s)

    async def wait(self, looks: int, told: str) -> None:
        """The pause after that many looks at what was begun. Raises `EffectPendingError` if there is no time for it."""
        if not self.has_time(looks):
            raise EffectPendingError(f"{told}{OVER}", retry_after_s=self._after_s)
        await asyncio.sleep(self._pause_s(looks))

    def has_time(self, looks: int) -> bool:
        """Whether there is time for the pause after that many looks."""
        return self._pause_s(looks) <= self.left_s

    def _pause_s(self, looks: int) -> float:
        return STEPS_S[min(looks, len(STEPS_S)) - 1] * self._scale

    async def sleep(self, failures: int) -> None:
        """A short pause before a request is tried again: 1, 2, 4 s."""
        await asyncio.sleep(min(2.0 ** (failures - 1) * self._scale, max(0.0, self.left_s)))

    async def sleep_for(self, seconds: float, why: TransientError) -> None:
        """The pause that the other side asked for. Raises `why` if there is no time for it."""
        if seconds * self._scale > self.left_s:
            raise why
        await asyncio.sleep(seconds * self._scale)

    @property
    def _after_s(self) -> float:
        return AFTER_S * self._scale

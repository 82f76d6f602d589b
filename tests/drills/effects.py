"""An effect of the drills, at a vendor that does what it is asked each time: twice, if it is asked twice.

What it did is written down where no kill reaches it (the notes of the faults), and can be looked up by the key.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from local.drill.faults import ACTS, DRILL_FOLDER, Faults, share
from shared.config import Settings
from shared.effects.contract import EffectOrder, Receipt
from shared.errors import EffectUnknownError

KIND = "drill_pin"
HANG_S = 60.0


class Pin(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str


class PinEffect:
    """Pins a text. In the first attempt the plan may kill the executor before or after the deed, or lose the answer."""

    kind: ClassVar[str] = KIND
    Payload: ClassVar[type[BaseModel]] = Pin

    def __init__(self, settings: Settings) -> None:
        self._faults = Faults(settings.army_home / DRILL_FOLDER)

    async def act(self, order: EffectOrder) -> Receipt:
        trouble = self._trouble(order.idempotency_key)
        if trouble == "killed_before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._faults.note(ACTS, order.idempotency_key)
        if trouble == "killed_after":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "unsure":
            raise EffectUnknownError("the vendor did not answer in time (drill)")
        if trouble == "hung":
            await asyncio.sleep(HANG_S)
        return _receipt(order)

    async def find(self, order: EffectOrder) -> Receipt | None:
        return _receipt(order) if order.idempotency_key in self._faults.notes(ACTS) else None

    def _trouble(self, key: str) -> str | None:
        plan = self._faults.plan()
        drawn, upto = share(plan.seed, "act", key), 0.0
        for name, wanted in plan.act_troubles.items():
            upto += wanted
            if drawn < upto and self._faults.is_first(f"act {key}"):
                self._faults.note("act_troubles", name)
                return name
        return None


def _receipt(order: EffectOrder) -> Receipt:
    return Receipt("drill", f"pin-{order.idempotency_key[:24]}", details={"text": order.payload["text"]})

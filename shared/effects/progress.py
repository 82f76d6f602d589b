"""What an effect has begun, kept after each step: the next attempt goes on from there and does nothing twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder
from shared.errors import EffectPendingError, EffectUnknownError

LOOK_AGAIN_S = 10.0  # a create whose answer was lost may still be on its way


class Progress:
    """The kept ids of one order. Each `keep` is committed before it returns."""

    def __init__(self, order: EffectOrder) -> None:
        self._order = order
        self._kept: JsonObject = dict(order.progress)

    def get(self, name: str) -> Any:
        return self._kept.get(name)

    async def keep(self, **more: Any) -> None:
        self._kept = {**self._kept, **more}
        await self._order.note(self._kept)

    async def made(
        self, name: str, look: Callable[[], Awaitable[str | None]], make: Callable[[], Awaitable[str]]
    ) -> str:
        """The vendor's id of one thing: the one that is kept, else the one that is found there, else a new one.

        Raises `EffectPendingError` if the answer to its making was lost and it is not there: look again later.
        """
        if (known := self.get(name)) is not None:
            return str(known)
        found = await look()
        if found is None:
            try:
                found = await make()
            except EffectUnknownError as lost:
                found = await look()
                if found is None:
                    told = f"{lost.message}; it is not there yet, and is looked for again"
                    raise EffectPendingError(told, retry_after_s=LOOK_AGAIN_S) from lost
        await self.keep(**{name: found})
        return found

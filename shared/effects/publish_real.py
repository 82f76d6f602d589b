"""Publishing in real mode: by the back end that the proposal names."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from shared.config import Settings
from shared.effects.contract import Effect, EffectOrder, Receipt
from shared.effects.publish_business import BusinessPublish
from shared.effects.publish_content import ContentPublish
from shared.effects.publish_video import PublishVideo
from shared.effects.whose import doubt_kept


class RealPublish:
    """The effect `publish_video` at TikTok."""

    kind: ClassVar[str] = "publish_video"
    Payload: ClassVar[type[BaseModel]] = PublishVideo

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def act(self, order: EffectOrder) -> Receipt:
        with doubt_kept(order):
            return await self._back_end(order).act(order)

    async def find(self, order: EffectOrder) -> Receipt | None:
        with doubt_kept(order):
            return await self._back_end(order).find(order)

    def _back_end(self, order: EffectOrder) -> Effect:
        is_business = PublishVideo.model_validate(order.payload).back_end == "business"
        return BusinessPublish(self._settings) if is_business else ContentPublish(self._settings)

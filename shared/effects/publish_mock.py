"""Publishing in mock mode: no network, and the same receipt for the same order in every process."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from shared.core.canonical import text_digest
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.publish_video import PublishVideo, receipt_of


class MockPublish:
    """Publishes nothing. Ids come from the idempotency key, so doing it twice is doing it once."""

    kind: ClassVar[str] = "publish_video"
    Payload: ClassVar[type[BaseModel]] = PublishVideo

    async def act(self, order: EffectOrder) -> Receipt:
        post = PublishVideo.model_validate(order.payload)
        digest = text_digest(order.idempotency_key)
        post_id = str(7_000_000_000_000_000_000 + int(digest[:15], 16) % 10**18)
        is_public = post.privacy_level == "PUBLIC_TO_EVERYONE"
        return receipt_of(post, "tiktok-mock", f"v_pub_mock~{digest[:24]}", post_id if is_public else None)

    async def find(self, order: EffectOrder) -> Receipt | None:
        """There is nobody to look at, and acting again gives the same receipt."""
        return None

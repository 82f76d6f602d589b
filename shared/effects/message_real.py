"""Writing to a creator through TikTok Shop. A message is never sent twice: the conversation is read before.

Where the conversation stood is kept before anything is sent. What is newer there, from us, and says the same is ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.effects.contract import EffectOrder, Receipt
from shared.effects.progress import LOOK_AGAIN_S, Progress
from shared.effects.send_message import SendMessage, receipt_of
from shared.effects.whose import shop_as
from shared.errors import EffectPendingError, EffectRefusedError, EffectUnknownError, ProviderDownError
from shared.providers.tiktok_shop import Message, ShopApi

VENDOR = "tiktok-shop"
Kind = Literal["TEXT", "PRODUCT_CARD"]


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Kind
    content: JsonObject

    @property
    def product_id(self) -> str:
        return str(self.content.get("product_id", ""))


class RealSendMessage:
    """The effect `send_message` at TikTok Shop.

    `settle_s` is how long a message whose answer was lost may take to show before it is sent again.
    """

    kind: ClassVar[str] = "send_message"
    Payload: ClassVar[type[BaseModel]] = SendMessage

    def __init__(self, settings: Settings, settle_s: float = LOOK_AGAIN_S) -> None:
        self._settings, self._settle_s = settings, settle_s

    async def act(self, order: EffectOrder) -> Receipt:
        payload, progress = SendMessage.model_validate(order.payload), Progress(order)
        async with shop_as(order, self._settings) as api:
            await _open(payload, progress, api)
            sent, refused = await self._sent(payload, progress, api), {}
            for part in _parts(payload)[len(sent) :]:
                if part.product_id in refused:
                    continue
                try:
                    sent[part.product_id] = await self._send(part, progress, api)
                except EffectRefusedError as no:
                    if part.kind == "TEXT":
                        raise
                    refused[part.product_id] = no.message  # the message itself is out
            return receipt_of(payload, VENDOR, progress.get("conversation_id"), sent[""], refused)

    async def find(self, order: EffectOrder) -> Receipt | None:
        """The receipt if the message and its cards are there. Raises `EffectPendingError` while they may still come."""
        payload, progress = SendMessage.model_validate(order.payload), Progress(order)
        if progress.get("conversation_id") is None:
            return None  # this is kept before anything is sent
        async with shop_as(order, self._settings) as api:
            sent = await self._sent(payload, progress, api)
        if len(sent) < len(_parts(payload)):
            return None
        return receipt_of(payload, VENDOR, progress.get("conversation_id"), sent[""], {})

    async def _sent(self, payload: SendMessage, progress: Progress, api: ShopApi) -> dict[str, str]:
        """The ids of the parts that are there, in order: the message under "", each card under its product."""
        newer = await api.messages(progress.get("conversation_id"), progress.get("after_index"))
        ours = [message for message in newer if message.message_body.sender_id != progress.get("creator_im_id")]
        sent: dict[str, str] = {}
        for part in _parts(payload):
            found = _same(part, ours)
            if found is None:
                self._wait_for(part, progress)
                break
            sent[part.product_id] = found.message_body.id
        return sent

    def _wait_for(self, part: _Part, progress: Progress) -> None:
        """A part that was sent a moment ago, without an answer, may not show yet: it is looked for again later."""
        sending = progress.get("sending")
        if sending is None or sending["part"] != part.product_id:
            return
        waited_s = time.time() - sending["at"]
        if waited_s < self._settle_s:
            raise EffectPendingError(
                "the answer to the message was lost, and it does not show yet; it is looked for again",
                retry_after_s=max(0.5, self._settle_s - waited_s),
            )

    async def _send(self, part: _Part, progress: Progress, api: ShopApi) -> str:
        await progress.keep(sending={"part": part.product_id, "at": time.time()})
        try:
            made = await api.send(progress.get("conversation_id"), part.kind, part.content)
        except EffectUnknownError as lost:
            newer = await api.messages(progress.get("conversation_id"), progress.get("after_index"))
            found = _same(part, [one for one in newer if one.message_body.sender_id != progress.get("creator_im_id")])
            if found is None:
                told = f"{lost.message}; it does not show yet, and is looked for again"
                raise EffectPendingError(told, retry_after_s=self._settle_s) from lost
            return found.message_body.id
        return made.message_id


async def _open(payload: SendMessage, progress: Progress, api: ShopApi) -> None:
    """The conversation, and where it stands before anything is sent."""
    if progress.get("conversation_id") is not None:
        return
    try:
        found = await api.conversation(payload.creator_open_id)
    except EffectUnknownError as lost:  # asking again gives the same conversation
        raise ProviderDownError(lost.message, retry_after_s=1.0) from lost
    await progress.keep(
        conversation_id=found.conversation_id,
        creator_im_id=found.creator_im_id,
        after_index=await api.newest_index(found.conversation_id),
    )


def _parts(payload: SendMessage) -> list[_Part]:
    """The message, then a card for each product."""
    products = dict.fromkeys(payload.product_ids)
    return [
        _Part("TEXT", {"content": payload.body.strip()}),
        *(_Part("PRODUCT_CARD", {"product_id": one}) for one in products),
    ]


def _same(part: _Part, messages: Sequence[Message]) -> Message | None:
    """The oldest of the messages that says just this."""
    for message in reversed(messages):
        if message.message_body.type == part.kind and _read(message.message_body.content) == part.content:
            return message
    return None


def _read(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None

"""What tests of publishing start from: a video file, a proposal to publish it, and an order that keeps its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.ids import new_id
from shared.effects.contract import EffectOrder
from shared.providers.assets import Asset

MP4_HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
HANDLE = "lakucosmetics"
WORKSPACE = UUID("00000000-0000-7000-8000-0000000000bb")


def video_bytes(size: int = 4_000) -> bytes:
    """Bytes that begin like an MP4 file, each place with a value of its own."""
    block = bytes(range(256))
    return (MP4_HEAD + block * (size // 256 + 1))[:size]


def a_post(file: Asset | None = None, **changes: Any) -> JsonObject:
    """The payload of a proposal to publish this file."""
    sha256, size = (file.sha256, file.bytes) if file else ("0" * 64, 4_000)
    return {
        "handle": HANDLE,
        "caption": "3-step glow routine #skincare 🌿",
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "brand_organic_toggle": True,
        "asset": {"sha256": sha256, "bytes": size, "duration_s": 21.5, "width": 1080, "height": 1920},
        **changes,
    }


class Notes:
    """What an order's `note` kept, in order. `on_note` may raise, as a process that dies right after a commit does."""

    def __init__(self, on_note: Callable[[int], None] = lambda _: None) -> None:
        self.kept: list[JsonObject] = []
        self._on_note = on_note

    async def note(self, progress: JsonObject) -> None:
        self.kept.append(progress)
        self._on_note(len(self.kept))

    @property
    def last(self) -> JsonObject:
        return self.kept[-1] if self.kept else {}


def an_order(payload: JsonObject, notes: Notes | None = None, **changes: Any) -> EffectOrder:
    """A released order for this payload; its progress is what `notes` kept last."""
    kept = notes or Notes()
    order = EffectOrder(
        id=new_id(),
        workspace_id=WORKSPACE,
        run_id=new_id(),
        payload=payload,
        idempotency_key="effect-1",
        released_usd=Decimal(0),
        note=kept.note,
        progress=kept.last,
    )
    return replace(order, **changes)

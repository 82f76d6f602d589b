"""Studio in mock mode: prices of our own, a small real clip, the same for the same order, and approved at once."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from shared.errors import ProviderRefusedError
from shared.media.clip import render_clip
from shared.providers.studio_wire import AssetInfo, Decision, Generation, GenerationStatus, Quote, StudioBrief

PER_GENERATION_USD, PER_SECOND_USD = Decimal("0.40"), Decimal("0.02")
MOST_CLIP_S = 4  # however long the brief: a mock is looked at, not watched
APPROVER = "mock Studio"


class MockStudio:
    """No network, no money, no memory: what it says follows from the order, in whatever process."""

    async def quote(self, brief: StudioBrief) -> Quote:
        return Quote(cost_usd=PER_GENERATION_USD + PER_SECOND_USD * brief.duration_s)

    async def order(self, brief: StudioBrief, most_usd: Decimal, metadata: dict[str, str], key: str) -> Generation:
        cost_usd = (await self.quote(brief)).cost_usd
        if cost_usd > most_usd:
            raise ProviderRefusedError("cost_above_limit", f"studio.order: it costs ${cost_usd}, over ${most_usd}")
        generation_id = f"gen_mock_{hashlib.sha256(key.encode()).hexdigest()[:24]}"
        duration_s = float(min(brief.duration_s, MOST_CLIP_S))
        clip = await _clip(generation_id, duration_s)
        return Generation(
            id=generation_id,
            status=GenerationStatus.APPROVED,
            cost_usd=cost_usd,
            decision=Decision(by=APPROVER, note="approved without a look: this is mock mode"),
            asset=AssetInfo(
                sha256=hashlib.sha256(clip).hexdigest(),
                bytes=len(clip),
                content_type="video/mp4",
                duration_s=duration_s,
            ),
        )

    async def read(self, generation_id: str) -> Generation:
        """Its generations are decided when they are ordered, so nobody has a reason to ask."""
        raise ProviderRefusedError("not_found", "studio.read: mock Studio keeps nothing")

    async def download(self, generation: Generation, asset: AssetInfo, took: Callable[[bytes], None]) -> None:
        took(await _clip(generation.id, asset.duration_s))


async def _clip(generation_id: str, duration_s: float) -> bytes:
    """The clip of a generation: its id is the seed."""
    seed = int(hashlib.sha256(generation_id.encode()).hexdigest()[:8], 16)
    with tempfile.TemporaryDirectory(prefix="mock-studio") as folder:
        file = Path(folder) / "clip.mp4"
        await render_clip(file, seed=seed, duration_s=duration_s)
        return await asyncio.to_thread(file.read_bytes)

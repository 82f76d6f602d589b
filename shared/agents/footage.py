"""From a brief to a file that can be posted: ordered, approved by a person, fetched, made upright (A035-A039).

Every step of it is in the journal, so an agent that is entered again (woken, or after a crash) orders nothing twice,
and neither downloads nor encodes again what is there.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.agents.base import AgentContext
from shared.agents.quoting import excerpt
from shared.config import current_settings
from shared.core.canonical import Json
from shared.core.money import ZERO
from shared.core.status import CallKind
from shared.errors import NotFoundError
from shared.media.films import film_name, film_store
from shared.media.vertical import Fit, to_tiktok_vertical
from shared.providers.assets import Asset
from shared.providers.studio import (
    Order,
    fetch_asset_to_local,
    quote_generations,
    request_generation,
    wait_for_approval,
    why_not,
)
from shared.providers.studio_wire import Generation, GenerationStatus, StudioBrief
from shared.trace.journal import current_journal, durable

MARGIN_S = 5.0  # of an attempt's time, kept for writing down what was made


class UprightVideo(BaseModel):
    """A kept film, 1080×1920, named by its sha-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int
    duration_s: float
    width: int
    height: int


class Footage(BaseModel):
    """One render and what became of it. File, length and sides are those of the upright video, None without one;
    `path` is its name in the store of films."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    place: str
    generation_id: str
    status: GenerationStatus
    told: str
    cost_usd: Decimal
    sha256: str | None = None
    asset_id: str | None = None
    path: str | None = None
    bytes: int | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None


async def order_footage(
    ctx: AgentContext, briefs: Mapping[str, StudioBrief], *, most_usd: Decimal
) -> tuple[dict[str, Generation], Decimal]:
    """Orders a render for each place, if all together cost no more than `most_usd`: the generations, and what this
    attempt paid."""
    quotes = await quote_generations(list(briefs.values()), most_usd=most_usd)
    generations: dict[str, Generation] = {}
    paid = ZERO
    for (place, brief), quote in zip(briefs.items(), quotes, strict=True):
        generations[place], cost = await order_one(ctx, place, brief, quote.cost_usd)
        paid += cost
    return generations, paid


async def order_one(ctx: AgentContext, place: str, brief: StudioBrief, most_usd: Decimal) -> tuple[Generation, Decimal]:
    """Orders the render of one place: the generation, and what this attempt paid."""
    return await request_generation(brief, Order(ctx.workspace_id, ctx.run_id, place), most_usd=most_usd)


async def finished_footage(ctx: AgentContext, generations: Mapping[str, Generation], fit: Fit) -> list[Footage]:
    """Waits until a person has decided about each render, and makes the approved ones upright files. All are ordered
    before the first is waited for, so people look at them side by side."""
    decided = {place: await wait_for_approval(ctx.wait_for, one) for place, one in generations.items()}
    return [await _footage(place, one, fit, ctx.workspace_id) for place, one in decided.items()]


async def _footage(place: str, generation: Generation, fit: Fit, workspace_id: UUID) -> Footage:
    made = Footage(
        place=place,
        generation_id=generation.id,
        status=generation.status,
        told=excerpt(why_not(generation), 600),
        cost_usd=generation.cost_usd,
    )
    if generation.status is not GenerationStatus.APPROVED:
        return made
    video = await upright(await fetch_asset_to_local(generation), fit, workspace_id)
    path = film_name(workspace_id, video.sha256)
    return made.model_copy(update={**video.model_dump(), "asset_id": video.sha256, "path": path})


async def upright(source: Asset, fit: Fit, workspace_id: UUID) -> UprightVideo:
    """The file made upright, kept where any executor finds it: made once, and again only where the film is gone."""

    async def make() -> Json:
        return (await _made(source, fit, workspace_id)).model_dump(mode="json")

    told = {"sha256": source.sha256, "fit": fit}
    video = UprightVideo.model_validate(await durable(CallKind.TOOL, "media.to_tiktok_vertical", make, told))
    try:
        await asyncio.to_thread(film_store(current_settings()).find, workspace_id, video.sha256)
    except NotFoundError:
        return await _made(source, fit, workspace_id)
    return video


async def _made(source: Asset, fit: Fit, workspace_id: UUID) -> UprightVideo:
    """Kept before it is written down as made: whoever reads of it finds it."""
    journal = current_journal()
    left_s = journal.seconds_left() if journal is not None else None
    with tempfile.TemporaryDirectory(prefix="upright") as folder:
        file = Path(folder) / "upright.mp4"
        limit_s = None if left_s is None else max(1.0, left_s - MARGIN_S)
        facts = await to_tiktok_vertical(source.path, file, fit=fit, time_limit_s=limit_s)
        kept = await asyncio.to_thread(film_store(current_settings()).save, workspace_id, file)
    return UprightVideo(
        sha256=kept.sha256, bytes=kept.bytes, duration_s=facts.duration_s, width=facts.width, height=facts.height
    )

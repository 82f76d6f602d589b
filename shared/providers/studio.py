"""Studio: briefed, waited for without compute, and its asset fetched (A035-A038, B042). The wire is docs/studio.md.

Every call goes through the journal. Ordering is the one that costs: its price is known before, it is written down
before it is made, and its idempotency key is the same in every attempt, so that no crash orders anything twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from shared.config import Settings, current_settings
from shared.core.canonical import Json, JsonObject, digest_of
from shared.core.money import ZERO, show_usd
from shared.core.status import CallKind
from shared.errors import (
    InvalidInputError,
    NotEnoughSettingsError,
    NotFoundError,
    ProviderDownError,
    ProviderRefusedError,
)
from shared.providers.assets import Asset, Assets
from shared.providers.downloads import AnnouncedFile
from shared.providers.studio_wire import AssetInfo, Generation, GenerationStatus, Quote, StudioBrief, wake_key
from shared.providers.text import clean_text
from shared.trace.calls import Answer, Call, FailedCall
from shared.trace.journal import durable, journaled

MOST_ASSET_BYTES = 1_000_000_000
CONTENT_TYPES = ("video/mp4", "video/quicktime", "video/webm")


class Wait(Protocol):
    """`AgentContext.wait_for`: providers stand below the agents, so they are handed it."""

    async def __call__(self, key: str, *, timeout_s: float | None = None) -> Json: ...


@dataclass(frozen=True, slots=True)
class Order:
    """Whose order it is. `place` tells it from the others of the same run; both are the same in every attempt."""

    workspace_id: UUID
    run_id: UUID
    place: str


class StudioBackEnd(Protocol):
    """Where generations are made. Raises `ProviderDownError` (try later) and `ProviderRefusedError` (it said no)."""

    async def quote(self, brief: StudioBrief) -> Quote: ...

    async def order(self, brief: StudioBrief, most_usd: Decimal, metadata: dict[str, str], key: str) -> Generation: ...

    async def read(self, generation_id: str) -> Generation: ...

    async def download(self, generation: Generation, asset: AssetInfo, took: Callable[[bytes], None]) -> None: ...


def choose_studio(settings: Settings) -> StudioBackEnd:
    """Studio itself in real mode; else one in this process, which renders a small clip and approves it at once."""
    if settings.tiktok_provider_mode != "real":
        from shared.providers.mock.studio import MockStudio

        return MockStudio()
    if settings.studio_url is None:
        raise NotEnoughSettingsError("settings: missing: STUDIO_URL (TIKTOK_PROVIDER_MODE=real)")
    from shared.providers.studio_http import HttpStudio

    return HttpStudio(settings, settings.studio_url)


async def quote_generations(briefs: Sequence[StudioBrief], *, most_usd: Decimal) -> list[Quote]:
    """What these briefs cost. Raises `InvalidInputError("max_studio_usd", …)` if that is more than `most_usd`: nothing
    was ordered."""
    quotes = []
    for brief in briefs:

        async def asked(brief: StudioBrief = brief) -> Json:
            return (await _studio().quote(brief)).model_dump(mode="json")

        quotes.append(Quote.model_validate(await durable(CallKind.PROVIDER, "studio.quote", asked, brief.body())))
    total = sum((quote.cost_usd for quote in quotes), ZERO)
    if total > most_usd:
        raise InvalidInputError(
            "max_studio_usd",
            f"Studio asks {show_usd(total)} for this; allowed: {show_usd(most_usd)}. Nothing was ordered",
        )
    return quotes


async def request_generation(brief: StudioBrief, order: Order, *, most_usd: Decimal) -> tuple[Generation, Decimal]:
    """Orders one generation, for `most_usd` at most: the generation, and what this call cost (0 if an earlier attempt
    paid for it). That much is reserved under the caps before it is asked.

    The journal knows the call by brief and place, so that a run that does a step of another one again takes over what
    was ordered there; Studio knows it by run, place and brief, so that equal orders of two runs are two.
    """
    key = digest_of({"run_id": str(order.run_id), "place": order.place, "brief": brief.body()})
    metadata = {"workspace_id": str(order.workspace_id), "run_id": str(order.run_id)}

    async def act() -> Answer | FailedCall:
        started = time.monotonic()
        try:
            made = await _studio().order(brief, most_usd, metadata, key)
        except ProviderDownError as lost:
            note = "Studio may have taken the order: asked again under the same key, it tells"
            return FailedCall(lost, Answer(output=None, cost_known=False, note=note))
        latency_ms = int((time.monotonic() - started) * 1000)
        output = made.model_dump(mode="json")
        return Answer(output, cost_usd=made.cost_usd, provider_request_id=made.id, latency_ms=latency_ms)

    content: JsonObject = {"input": {"brief": brief.body(), "place": order.place, "most_usd": str(most_usd)}}
    call = Call(CallKind.PROVIDER, "studio.request_generation", content, billable=True, ceiling_usd=most_usd)
    answer = await journaled(call, act)
    return Generation.model_validate(answer.output), answer.cost_usd


async def wait_for_approval(wait: Wait, generation: Generation) -> Generation:
    """The generation once a person has decided about its render. Until then the step is suspended: nobody polls.

    What wakes it may be forged or early, so the decision is read from Studio. When the time is over it is read once
    more; still undecided is a `ProviderRefusedError("undecided")`.
    """
    if generation.status.is_decided:
        return generation
    waited_s = current_settings().studio_approval_s
    signal = await wait(wake_key(generation.id), timeout_s=waited_s)

    async def read() -> Json:
        found = await _studio().read(generation.id)
        if not found.status.is_decided:
            raise _undecided(found, waited_s, was_told=signal is not None)
        return found.model_dump(mode="json")

    found = await durable(CallKind.PROVIDER, "studio.read_generation", read, {"generation_id": generation.id})
    return Generation.model_validate(found)


def _undecided(found: Generation, waited_s: float, *, was_told: bool) -> Exception:
    if was_told:
        return ProviderDownError(f"studio.read: {found.id} was said to be decided, and is {found.status} still")
    told = f"nobody decided about the render {found.id} within {waited_s:g} s; it is {found.status}"
    return ProviderRefusedError("undecided", told)


def approved_asset(generation: Generation) -> AssetInfo:
    """The file of an approved generation. Raises `ProviderRefusedError` with who said no and why, or what is wrong."""
    if generation.status is not GenerationStatus.APPROVED:
        raise ProviderRefusedError(generation.status, f"the render {generation.id} was {why_not(generation)}")
    asset = generation.asset
    if asset is None:
        raise ProviderRefusedError("no_asset", f"the render {generation.id} is approved, but there is no file")
    if asset.bytes > MOST_ASSET_BYTES:
        told = f"the render {generation.id} has {asset.bytes} bytes; allowed: {MOST_ASSET_BYTES}"
        raise ProviderRefusedError("too_large", told)
    if asset.content_type not in CONTENT_TYPES:
        told = (
            f"the render {generation.id} is {clean_text(asset.content_type, 80)!r}; allowed: {', '.join(CONTENT_TYPES)}"
        )
        raise ProviderRefusedError("not_a_video", told)
    return asset


def why_not(generation: Generation) -> str:
    """What became of a generation that was not approved, in words: by whom, and why."""
    decision = generation.decision
    by = f" by {clean_text(decision.by, 100)}" if decision is not None and decision.by else ""
    note = f": {clean_text(decision.note, 500)}" if decision is not None and decision.note else ""
    return f"{generation.status}{by}{note}"


async def fetch_asset_to_local(generation: Generation) -> Asset:
    """The approved file, kept among the assets under its sha-256, which is compared with what Studio says it is.

    Fetched once; where the journal remembers a fetch whose file is gone (another machine), it is fetched again.
    """
    info = approved_asset(generation)
    assets = Assets(current_settings().assets_folder)

    async def fetch() -> Json:
        kept = await _fetched(generation, info, assets)
        return {"sha256": kept.sha256, "bytes": kept.bytes}

    told = {"generation_id": generation.id, "sha256": info.sha256}
    await durable(CallKind.PROVIDER, "studio.fetch_asset", fetch, told)
    try:
        return assets.find(info.sha256)
    except NotFoundError:
        return await _fetched(generation, info, assets)


async def _fetched(generation: Generation, info: AssetInfo, assets: Assets) -> Asset:
    try:
        return assets.find(info.sha256)
    except NotFoundError:
        pass
    with assets.writing() as file:
        check = AnnouncedFile(info.sha256, info.bytes)

        def took(part: bytes) -> None:
            check.take(part)
            file.write(part)

        await _studio().download(generation, info, took)
        check.finish()
    return file.asset


def _studio() -> StudioBackEnd:
    return choose_studio(current_settings())

"""Reading TikTok accounts and trends: what agents, doors and commands call (B030, C053, A062).

Each read is one `provider_call` in the trace, with request and response (C067), and is answered from the journal when
a step is entered again. Where the data comes from is decided in `shared.providers.sources`.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

from shared.config import current_settings
from shared.core.canonical import Json
from shared.core.status import CallKind
from shared.errors import InvalidInputError
from shared.providers.handles import normal_handle
from shared.providers.records import AccountData, Trends
from shared.providers.sources import AccountSource, choose_source
from shared.trace.context import current_workspace_id
from shared.trace.journal import durable

__all__ = ["check_account", "list_accounts", "normal_handle", "read_account", "read_trends"]


async def read_account(handle: str, *, dataset: str | None = None, max_posts: int = 500) -> AccountData:
    """What is known of an account: its profile and its newest posts, with notes on what the source cannot know.

    `dataset` names a file of account data; without it the mode that is set decides. Raises `InvalidInputError` for
    `handle`, `dataset` or `max_posts`, `NotEnoughSettingsError`, and `ProviderDownError` when trying again may help.
    """
    name = normal_handle(handle)
    _check_range("max_posts", max_posts, 1, 10_000)

    async def read() -> Json:
        data = await asyncio.to_thread(lambda: _source(dataset).account(name, max_posts))
        return data.model_dump(mode="json")

    request = {"handle": name, "dataset": dataset, "max_posts": max_posts}
    return AccountData.model_validate(await durable(CallKind.PROVIDER, "tiktok.read_account", read, request))


async def read_trends(
    *, region: str | None = None, window_days: int = 7, dataset: str | None = None, limit: int = 50
) -> Trends:
    """The hashtags of the last `window_days` against as many days before; `region` as two letters, such as US.

    Raises `InvalidInputError` for a field that is out of range, and what `read_account` raises.
    """
    country = _normal_region(region)
    _check_range("window_days", window_days, 1, 365)
    _check_range("limit", limit, 1, 1_000)

    async def read() -> Json:
        data = await asyncio.to_thread(lambda: _source(dataset).trends(country, window_days, limit))
        return data.model_dump(mode="json")

    request = {"region": country, "window_days": window_days, "dataset": dataset, "limit": limit}
    return Trends.model_validate(await durable(CallKind.PROVIDER, "tiktok.read_trends", read, request))


def check_account(handle: str, dataset: str | None, workspace_id: UUID | None = None) -> None:
    """For the door, before anything is written: raises `InvalidInputError` for `handle` or `dataset`."""
    name = normal_handle(handle)
    choose_source(dataset, current_settings(), workspace_id).check(name)


def list_accounts(dataset: str | None) -> list[tuple[str, int]]:
    """The handles that the source holds, with their numbers of posts. The mock lists its two seeded ones."""
    return _source(dataset).accounts()


def _source(dataset: str | None) -> AccountSource:
    """Inside an agent run, what its workspace may read; outside of one, what every workspace may."""
    return choose_source(dataset, current_settings(), current_workspace_id.get())


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInputError(field, f"{value} is out of range; allowed: {low} to {high}")


def _normal_region(region: str | None) -> str | None:
    if region is None:
        return None
    if len(region) == 2 and region.isascii() and region.isalpha():
        return region.upper()
    raise InvalidInputError("region", "expected: a country as two letters, such as US")

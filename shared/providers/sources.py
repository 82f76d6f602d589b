"""Where account data comes from: what every source can do, and which one answers a call."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from shared.config import Settings
from shared.providers.records import AccountData, Trends


class AccountSource(Protocol):
    """A source of account data. Handles are given in their normal form."""

    def check(self, handle: str) -> None:
        """Raises `InvalidInputError("handle", …)` if the source knows that it does not have this account."""
        ...

    def account(self, handle: str, max_posts: int) -> AccountData: ...

    def trends(self, region: str | None, window_days: int, limit: int) -> Trends: ...

    def accounts(self) -> list[tuple[str, int]]:
        """The handles that it holds, with their numbers of posts."""
        ...


def choose_source(dataset: str | None, settings: Settings, workspace_id: UUID | None) -> AccountSource:
    """A dataset named with the call comes first, then the mode that is set (C053). The workspace's own files count."""
    if dataset is not None or settings.tiktok_provider_mode == "dataset":
        from shared.providers.dataset.places import dataset_files
        from shared.providers.dataset.source import DatasetSource

        return DatasetSource(dataset_files(dataset, settings.tiktok_dataset, workspace_id))
    if settings.tiktok_provider_mode == "mock":
        from shared.providers.mock.source import MockSource

        return MockSource()
    from shared.providers.real import RealSource

    return RealSource(settings, workspace_id)

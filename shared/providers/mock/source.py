"""The mock as a source of account data: two seeded handles, and any other made from its name (B035, C062, C063)."""

from __future__ import annotations

from shared.providers.mock.account import mock_account
from shared.providers.mock.shapes import draw_account, mock_book
from shared.providers.mock.trends import mock_trends
from shared.providers.records import AccountData, Trends


class MockSource:
    """Answers for every handle."""

    def check(self, handle: str) -> None:
        """Every handle is fine here."""

    def account(self, handle: str, max_posts: int) -> AccountData:
        return mock_account(handle, max_posts)

    def trends(self, region: str | None, window_days: int, limit: int) -> Trends:
        return mock_trends(region, window_days, limit)

    def accounts(self) -> list[tuple[str, int]]:
        return [(handle, draw_account(handle).posts) for handle in sorted(mock_book().seeded)]

"""What agents may propose to launch, to change and to send."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from shared.effects.launch_campaign import LaunchCampaign
from shared.effects.send_message import SendMessage
from shared.effects.update_listing import UpdateListing


def campaign(**more: Any) -> LaunchCampaign:
    """A campaign of a week, $350 in all."""
    ads = [{"name": "v1", "post_id": "7300000000000000001", "text": "Glow in 3 steps"}]
    return LaunchCampaign.model_validate(
        {"advertiser_id": "7000000000000000001", "name": "Glow", "budget_usd": "350", "ads": ads, **more}
    )


def test_a_lifetime_budget_is_the_most_it_spends() -> None:
    """Nothing comes on top of a lifetime budget, and a smaller release lowers it."""
    payload = campaign()

    assert payload.most_usd == Decimal(350)
    assert payload.within(Decimal(400)) == payload.within(None) == Decimal(350)
    assert payload.within(Decimal("200.119")) == Decimal("200.11")


def test_a_daily_budget_counts_its_overshoot_and_its_days() -> None:
    """Seven days of $60, each of which TikTok may overshoot by a quarter, can come to $525."""
    payload = campaign(budget_usd="60", budget_mode="daily")

    assert payload.most_usd == Decimal("525.00")
    assert payload.within(Decimal("525")) == Decimal(60)
    assert payload.within(Decimal("437.50")) == Decimal("50.00")


@pytest.mark.parametrize(
    "more",
    [
        {"budget_usd": "139.99"},
        {"budget_usd": "49.99", "schedule": {"days": 1}},
        {"budget_usd": "49.99", "budget_mode": "daily"},
        {"budget_usd": "NaN"},
        {"budget_usd": "-1"},
        {"ads": []},
        {"ads": [{"name": "a", "text": "t"}]},
        {"ads": [{"name": "a", "text": "t", "post_id": "1", "asset": {"asset_id": "x", "url": "https://a.test/v"}}]},
        {"ads": [{"name": "a", "text": "t", "asset": {"asset_id": "x"}}]},
        {"schedule": {"days": 0}},
        {"schedule": {"starts_at": "2026-11-19T00:00:00"}},
        {"audience": {"age_groups": ["13-17"]}},
        {"surprise": 1},
    ],
)
def test_impossible_campaigns_are_refused(more: dict[str, Any]) -> None:
    """Below TikTok's minimum, without an ad, for minors, or with a field that nobody knows."""
    with pytest.raises(ValidationError):
        campaign(**more)


@pytest.mark.parametrize("change", [{}, {"title": ""}, {"title": "x" * 256}, {"hashtags": ["#glow"]}])
def test_impossible_listings_are_refused(change: dict[str, Any]) -> None:
    """A change changes something, and keeps to the shop's limits."""
    with pytest.raises(ValidationError):
        UpdateListing.model_validate({"product_id": "17", **change})


def test_a_commission_needs_products() -> None:
    """There is no commission on nothing."""
    with pytest.raises(ValidationError, match="product_ids"):
        SendMessage.model_validate(
            {"creator_open_id": "o", "creator_handle": "mia", "body": "Hi", "commission_percent": "12"}
        )

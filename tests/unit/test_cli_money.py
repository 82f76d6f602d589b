"""What `army ad-spend` and `army caps` print."""

from __future__ import annotations

import pytest

from cli.card import show_caps
from cli.money import show_ad_spend
from shared.core.canonical import JsonObject


def a_day(day: str, seen: str | None, settled: str | None) -> JsonObject:
    return {"day": day, "reserved_usd": "62.50000000", "seen_usd": seen, "settled_usd": settled}


def test_each_day_of_a_campaign(capsys: pytest.CaptureFixture[str]) -> None:
    """Reserved, seen so far and settled side by side; what is not known is left empty, not told as nothing."""
    days = [a_day("2026-11-19", "41.00000000", "40.10000000"), a_day("2026-11-20", None, None)]
    show_ad_spend([{"campaign_id": "17", "name": "Glow \x1b[2J", "status": "active", "days": days}])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (first,) = [line for line in lines if "2026-11-19" in line]
    (second,) = [line for line in lines if "2026-11-20" in line]
    assert first[-3:] == ["$62.5000", "$41.0000", "$40.1000"]
    assert second[-1] == "$62.5000"
    assert "\x1b[2J" not in str(lines)


def test_without_campaigns(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so."""
    show_ad_spend([])
    assert capsys.readouterr().out == "what ads spend: none\n\n"


def test_caps_tell_what_ads_spent(capsys: pytest.CaptureFixture[str]) -> None:
    """Used is what is held; spent is what the vendor says."""
    today = {"scope": "ad_day", "scope_id": "2026-11-20", "cap_usd": "300", "used_usd": "62.5", "spent_usd": "12.34"}
    show_caps([{**today, "set_by": "ada"}])

    (shown,) = [line for line in capsys.readouterr().out.splitlines() if "2026-11-20" in line]
    assert shown.split()[2:6] == ["$300.0000", "$62.5000", "$237.5000", "$12.3400"]

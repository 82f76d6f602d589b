"""What answers cost: golden values worked out by hand from the vendor's price page."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from shared.errors import InvalidInputError
from shared.llm.models import model_table
from shared.llm.prices import ModelPrices, bounds_of, ceiling_usd, cost_of, price_table, uncached_usd
from shared.trace.calls import Usage

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("claude-haiku-5-5", Usage(input_tokens=1000, output_tokens=200), "0.00020000"),
        ("claude-haiku-5-5", Usage(input_tokens=1), "0.00000010"),
        ("claude-haiku-5-5", Usage(cache_read_tokens=1000), "0.00001000"),
        ("claude-haiku-4-5", Usage(input_tokens=1000, output_tokens=200), "0.00200000"),
        ("claude-haiku-4-5-20251001", Usage(cache_write_tokens=1000), "0.00125000"),
        ("claude-haiku-4-5@20251001", Usage(cache_write_tokens=1000), "0.00125000"),
        ("claude-sonnet-5-5", Usage(cache_write_1h_tokens=1000), "0.00400000"),
        ("claude-sonnet-5-5", Usage(10, 20, 30, 40, 50), "0.00052300"),
        ("claude-sonnet-5", Usage(cache_read_tokens=1_000_000), "0.20000000"),
        ("claude-sonnet-4-6", Usage(1000, 1000, 1000, 1000, 1000), "0.02805000"),
        ("claude-opus-5-5", Usage(1000, 1000, 1000, 1000, 1000), "0.03720000"),
        ("claude-opus-4-7", Usage(input_tokens=1000, output_tokens=1000), "0.03000000"),
        ("claude-fable-5-1", Usage(cache_read_tokens=1_000_000), "0.25000000"),
        ("claude-sonnet-4-20250514", Usage(input_tokens=1000, output_tokens=1000), "0.01800000"),
        ("claude-3-5-haiku-20241022", Usage(input_tokens=1000, output_tokens=1000), "0.00480000"),
    ],
)
def test_golden_costs(model: str, usage: Usage, dollars: str) -> None:
    """Each model has its own rates for input, output, reads, and writes for five minutes and for an hour."""
    cost = cost_of(usage, model, at=TODAY)

    assert (cost.usd, cost.known) == (Decimal(dollars), True)
    assert cost.usd.as_tuple().exponent == -8


def test_thinking_is_not_counted_twice() -> None:
    """Thinking tokens are part of the output tokens already."""
    thoughtful = Usage(output_tokens=100, thinking_tokens=90)

    assert cost_of(thoughtful, "claude-haiku-5-5").usd == cost_of(Usage(output_tokens=100), "claude-haiku-5-5").usd


def test_band_ends_at_100000() -> None:
    """A Haiku 5.5 prompt of 100,000 tokens, cached ones included, pays the first band; one more moves all of them."""
    at_the_end = Usage(input_tokens=40_000, cache_read_tokens=60_000, output_tokens=1000)
    beyond = Usage(input_tokens=40_001, cache_read_tokens=60_000, output_tokens=1000)

    assert cost_of(at_the_end, "claude-haiku-5-5").usd == Decimal("0.00510000")
    assert cost_of(beyond, "claude-haiku-5-5").usd == Decimal("0.02550050")


def test_batch_halves_everything() -> None:
    """The Batch API costs half, cache rates included."""
    usage = Usage(1000, 1000, 1000, 1000, 1000)

    assert cost_of(usage, "claude-sonnet-4-6", tier="batch").usd == Decimal("0.01402500")


def test_us_inference_costs_more() -> None:
    """Keeping inference in the US costs a tenth more, on the models that know it."""
    usage = Usage(input_tokens=1_000_000)

    assert cost_of(usage, "claude-sonnet-5-5", geo="us").usd == Decimal("2.20000000")
    assert cost_of(usage, "claude-haiku-4-5", geo="us").usd == Decimal("1.00000000")
    assert cost_of(usage, "claude-sonnet-5-5", geo="us", tier="batch").usd == Decimal("1.10000000")


def test_prices_have_days() -> None:
    """Sonnet 5.5 reads became cheaper on 2026-10-07; a call of the day before keeps the old rate."""
    read = Usage(cache_read_tokens=1_000_000)

    assert cost_of(read, "claude-sonnet-5-5", at=date(2026, 10, 6)).usd == Decimal("0.20000000")
    assert cost_of(read, "claude-sonnet-5-5", at=date(2026, 10, 7)).usd == Decimal("0.10000000")


@pytest.mark.parametrize("day", [date(2026, 10, 6), TODAY])
@pytest.mark.parametrize("tier", [None, "batch"])
@pytest.mark.parametrize("geo", [None, "us"])
def test_version_gives_the_cost_again(day: date, tier: str | None, geo: str | None) -> None:
    """The version on a row is enough to compute its cost again, whatever day it is."""
    usage = Usage(10, 20, 30_000, 40, 50)
    first = cost_of(usage, "claude-sonnet-5-5", at=day, tier=tier, geo=geo)

    assert cost_of(usage, "claude-sonnet-5-5", at=date(2030, 1, 1), version=first.version) == first


@pytest.mark.parametrize(("model", "usage"), [("claude-unheard-of", Usage(1, 1)), ("claude-haiku-5-5", None)])
def test_unknown_is_said(model: str, usage: Usage | None) -> None:
    """A model without a price, or an answer without usage, costs an unknown amount, not nothing."""
    cost = cost_of(usage, model)

    assert not cost.known
    assert cost_of(usage, model, version=cost.version) == cost


@pytest.mark.parametrize("version", ["yesterday", "2026-10-07+wholesale"])
def test_bad_version_is_refused(version: str) -> None:
    """A version that no row can carry is an error, not a guess."""
    with pytest.raises(InvalidInputError, match="price_version"):
        cost_of(Usage(1, 1), "claude-haiku-5-5", version=version)


def test_every_model_has_a_price() -> None:
    """No model can be asked for by name whose price is not known."""
    table = model_table()

    assert {*table.models} <= {*price_table().prices}
    assert {*table.aliases.values(), *(gone.use for gone in table.retired.values())} <= {*table.models}


def test_cache_rates_are_the_vendors_multiples() -> None:
    """Writes cost 1.25 and 2 times the input rate on every model; a typing error in the table shows here."""
    for prices in price_table().prices.values():
        for band in (band for period in prices.periods for band in period.bands):
            assert (band.write_5m, band.write_1h) == (band.input * Decimal("1.25"), band.input * 2)
            assert band.read / band.input in {Decimal("0.10"), Decimal("0.05"), Decimal("0.025")}


RATE = {"input": "1", "write_5m": "1", "write_1h": "1", "read": "1", "output": "1"}


@pytest.mark.parametrize(
    "periods",
    [
        [],
        [{"from": "2026-01-01", "bands": []}],
        [{"from": "2026-01-01", "bands": [RATE, RATE]}],
        [{"from": "2026-01-01", "bands": [{**RATE, "to_prompt": 5}]}],
        [{"from": "2026-01-01", "bands": [{**RATE, "to_prompt": 9}, {**RATE, "to_prompt": 5}, RATE]}],
        [{"from": "2026-01-01", "bands": [RATE]}, {"from": "2025-01-01", "bands": [RATE]}],
        [{"from": "2026-01-01", "bands": [{**RATE, "input": "-1"}]}],
    ],
)
def test_broken_tables_do_not_load(periods: list[object]) -> None:
    """Missing rates, open bands before the last, and periods out of order are found when the table is read."""
    with pytest.raises(ValidationError):
        ModelPrices.model_validate({"periods": periods})


def test_ceiling_covers_any_use_of_the_cache() -> None:
    """The worst case of a call is at least what it costs, however its prompt is split."""
    ceiling = ceiling_usd("claude-sonnet-5-5", 1000, 500)

    assert ceiling is not None
    for usage in (Usage(1000, 500), Usage(0, 500, 1000), Usage(0, 500, 0, 1000), Usage(0, 500, 0, 0, 1000)):
        assert cost_of(usage, "claude-sonnet-5-5").usd <= ceiling
    assert ceiling_usd("claude-unheard-of", 1, 1) is None


def test_without_a_cache_all_is_plain() -> None:
    """What was read or written counts as input, at the same rates, with the same factors."""
    usage = Usage(input_tokens=100, output_tokens=10, cache_read_tokens=800, cache_write_tokens=50)

    assert uncached_usd(usage, "claude-haiku-4-5", "2025-01-01") == Decimal("0.00100000")
    assert uncached_usd(usage, "claude-haiku-4-5", "2025-01-01+batch") == Decimal("0.00050000")
    assert uncached_usd(usage, "no-such-model", "2025-01-01") == 0


def test_several_requests_lie_between_two_bands() -> None:
    """The sum of tokens does not tell which band each request paid; one band is one amount."""
    usage = Usage(input_tokens=150_000)

    assert bounds_of(usage, "claude-haiku-5-5", "2025-01-01") == (Decimal("0.015"), Decimal("0.075"))
    assert bounds_of(usage, "claude-haiku-4-5", "2025-01-01") == (Decimal("0.15"), Decimal("0.15"))
    assert bounds_of(usage, "no-such-model", "2025-01-01") == (Decimal(0), Decimal(0))

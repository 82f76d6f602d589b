"""What a model answer costs: raw token counters times the rates that prices.yaml gives the model on that day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.core.money import ZERO, usd
from shared.errors import InvalidInputError
from shared.llm.models import undated
from shared.trace.calls import Usage

MILLION = Decimal(1_000_000)
UNKNOWN = "unknown"


class Rates(BaseModel):
    """US dollars for a million tokens, for prompts of at most `to_prompt` tokens (None: of any length)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0)
    write_5m: Decimal = Field(ge=0)
    write_1h: Decimal = Field(ge=0)
    read: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    to_prompt: int | None = Field(default=None, ge=1)

    def of(self, usage: Usage) -> Decimal:
        """The dollars of these tokens, not yet rounded."""
        total = (
            usage.input_tokens * self.input
            + usage.cache_write_tokens * self.write_5m
            + usage.cache_write_1h_tokens * self.write_1h
            + usage.cache_read_tokens * self.read
            + usage.output_tokens * self.output
        )
        return total / MILLION


class Period(BaseModel):
    """The rates from one day on: bands by prompt length, the last one without an end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date = Field(alias="from")
    bands: tuple[Rates, ...] = Field(min_length=1)

    @field_validator("bands")
    @classmethod
    def _bands_rise_and_end_open(cls, bands: tuple[Rates, ...]) -> tuple[Rates, ...]:
        ends = [band.to_prompt for band in bands[:-1]]
        known = [end for end in ends if end is not None]
        if bands[-1].to_prompt is not None or len(known) != len(ends) or known != sorted(set(known)):
            raise ValueError("every band but the last needs to_prompt, rising; the last has none")
        return bands

    def band(self, prompt_tokens: int) -> Rates:
        return next(band for band in self.bands if band.to_prompt is None or prompt_tokens <= band.to_prompt)


class ModelPrices(BaseModel):
    """All prices one model ever had, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    us: bool = Field(default=False, description="Inference kept in the US costs the factor `us`")
    periods: tuple[Period, ...] = Field(min_length=1)

    @field_validator("periods")
    @classmethod
    def _periods_rise(cls, periods: tuple[Period, ...]) -> tuple[Period, ...]:
        days = [period.since for period in periods]
        if days != sorted(set(days)):
            raise ValueError("periods must be in order of `from`, one for each day")
        return periods

    def on(self, day: date) -> Period:
        """The period that holds on that day; before the first one, the first."""
        return next((period for period in reversed(self.periods) if period.since <= day), self.periods[0])


class PriceTable(BaseModel):
    """prices.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: dict[str, Decimal]
    prices: dict[str, ModelPrices]


class Cost(NamedTuple):
    """US dollars with eight places; zero and not `known` for a model without a price. `version` names the rates."""

    usd: Decimal
    known: bool
    version: str


@cache
def price_table() -> PriceTable:
    """prices.yaml, read once."""
    text = (Path(__file__).parent / "prices.yaml").read_text(encoding="utf-8")
    return PriceTable.model_validate(yaml.safe_load(text))


def cost_of(
    usage: Usage | None,
    model: str,
    *,
    at: date | None = None,
    version: str | None = None,
    tier: str | None = None,
    geo: str | None = None,
) -> Cost:
    """What `usage` costs with the model that answered. No usage, or a model without a price: not known.

    `at` is the day of the call, today if not given. `version` (of an earlier Cost) takes the place of `at`, `tier` and
    `geo` and gives that cost again. Raises InvalidInputError for a version that cost_of never gave.
    """
    prices = price_table().prices.get(model) or price_table().prices.get(undated(model))
    if usage is None or prices is None or version == UNKNOWN:
        return Cost(ZERO, False, UNKNOWN)
    day, marks = _read_version(version) if version else (at or datetime.now(UTC).date(), _marks(prices, tier, geo))
    period = prices.on(day)
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
    dollars = period.band(prompt).of(usage)
    for mark in marks:
        dollars *= price_table().factors[mark]
    return Cost(usd(dollars), True, "+".join([period.since.isoformat(), *marks]))


def uncached_usd(usage: Usage, model: str, version: str) -> Decimal:
    """What the same tokens would have cost, at the rates of `version`, if no cache had kept or answered any."""
    read = usage.cache_read_tokens + usage.cache_write_tokens + usage.cache_write_1h_tokens
    plain = Usage(input_tokens=usage.input_tokens + read, output_tokens=usage.output_tokens)
    return cost_of(plain, model, version=version).usd


def bounds_of(usage: Usage, model: str, version: str) -> tuple[Decimal, Decimal]:
    """The least and the most that these tokens cost at the rates of `version`, if several requests took them: which
    band each one paid is not told by their sum."""
    prices = price_table().prices.get(model) or price_table().prices.get(undated(model))
    if prices is None:
        return ZERO, ZERO
    day, marks = _read_version(version)
    factor = Decimal(1)
    for mark in marks:
        factor *= price_table().factors[mark]
    totals = [band.of(usage) * factor for band in prices.on(day).bands]
    return usd(min(totals)), usd(max(totals))


def ceiling_usd(model: str, prompt_tokens: int, max_tokens: int) -> Decimal | None:
    """The most one try can cost: everything written to the cache at the dearest rate. None if the price is unknown."""
    worst = Usage(cache_write_1h_tokens=prompt_tokens, output_tokens=max_tokens)
    cost = cost_of(worst, model)
    return cost.usd if cost.known else None


def _marks(prices: ModelPrices, tier: str | None, geo: str | None) -> list[str]:
    return [mark for mark, holds in (("batch", tier == "batch"), ("us", geo == "us" and prices.us)) if holds]


def _read_version(version: str) -> tuple[date, list[str]]:
    day, *marks = version.split("+")
    unknown = [mark for mark in marks if mark not in price_table().factors]
    try:
        since = date.fromisoformat(day)
    except ValueError as wrong:
        raise InvalidInputError("price_version", f"{version!r} does not begin with a day, like 2026-10-07") from wrong
    if unknown:
        raise InvalidInputError("price_version", f"{version!r}: {unknown[0]!r} is not a factor of prices.yaml")
    return since, marks

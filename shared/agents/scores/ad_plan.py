"""The figures of an ad campaign: what may be spent, on how many campaigns, and what is known of its reach.

Money is Decimal, rounded down to cents, so that the parts never exceed the whole. TikTok's own minimums are those of
`shared.effects.launch_campaign`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from shared.agents.scores.aimed import AimedSegment
from shared.agents.scores.figures import Figures
from shared.effects.launch_campaign import LEAST_CAMPAIGN_USD, LEAST_DAY_USD, AgeGroup
from shared.effects.spend_cap import OVERSHOOT
from shared.errors import InvalidInputError

CENT = Decimal("0.01")
LEAST_PAST_COSTS = 3  # campaigns, before their costs give a range
AGE_SHARE = 0.15  # of the audience, from which on an age group is aimed at
GENDER_SHARE = 0.75  # from which on one gender alone is aimed at
AGE_GROUPS: tuple[AgeGroup, ...] = ("18-24", "25-34", "35-44", "45-54", "55+")


class Share(Figures):
    """One campaign's part of the budget. `segment_id` is None where one campaign serves all segments."""

    segment_id: str | None
    budget_usd: Decimal
    average_day_usd: Decimal
    why: str


class Budget(Figures):
    """What is planned to be spent in all, and its parts. `least_usd` is what TikTok takes of one campaign at least."""

    asked_usd: Decimal
    planned_usd: Decimal
    days: int
    least_usd: Decimal
    held_back_usd: Decimal
    split: tuple[Share, ...]
    notes: tuple[str, ...]


class Reach(Figures):
    """How often the ads may be shown, from what 1,000 views cost before; None where `reason` says why."""

    views_low: int | None
    views_high: int | None
    basis: str
    reason: str | None = None


class Aim(Figures):
    """Whom the ads are shown to, and why. Empty age groups and `any` leave that side open."""

    age_groups: tuple[AgeGroup, ...]
    gender: str
    countries: tuple[str, ...]
    why: tuple[str, ...]


def least_campaign_usd(days: int) -> Decimal:
    """The smallest lifetime budget that TikTok takes of a campaign over so many days, in US dollars."""
    return max(LEAST_CAMPAIGN_USD, LEAST_DAY_USD * days)


def budget_of(
    asked_usd: Decimal,
    *,
    days: int,
    campaigns: int,
    segments: Sequence[AimedSegment],
    daily_cap_usd: Decimal | None = None,
) -> Budget:
    """How the budget is spent: never more than `asked_usd`, and never less than TikTok takes.

    With a daily cap the average day is at most cap / 1.25, for TikTok may overshoot a day by a quarter. Split over
    several campaigns, each has TikTok's minimum, and the rest goes by the segments' shares of engagement. Raises
    `InvalidInputError("ad_budget_usd" | "daily_cap_usd")` that says what would do.
    """
    least, planned, notes = least_campaign_usd(days), asked_usd.quantize(CENT, rounding=ROUND_DOWN), []
    if planned < least:
        raise InvalidInputError("ad_budget_usd", too_small(asked_usd, days))
    if daily_cap_usd is not None:
        most = (daily_cap_usd / OVERSHOOT * days).quantize(CENT, rounding=ROUND_DOWN)
        if most < least:
            needed = (least * OVERSHOOT / days).quantize(CENT)
            told = f"${daily_cap_usd:f} a day is too small: over {days} days TikTok needs a cap of ${needed:f} or more"
            raise InvalidInputError("daily_cap_usd", told)
        if most < planned:
            notes.append(f"The daily cap of ${daily_cap_usd:f} allows ${most:f} in {days} days.")
            planned = most
    split = _split(planned, least, _aimed_at(segments, campaigns, planned, least, notes), days)
    return Budget(
        asked_usd=asked_usd,
        planned_usd=sum((one.budget_usd for one in split), Decimal(0)),
        days=days,
        least_usd=least,
        held_back_usd=asked_usd - sum((one.budget_usd for one in split), Decimal(0)),
        split=split,
        notes=tuple(notes),
    )


def too_small(asked_usd: Decimal, days: int) -> str:
    """Why a budget does not pay for so many days, and what would do."""
    least = least_campaign_usd(days)
    fits = int(asked_usd // LEAST_DAY_USD)
    shorter = f", or run {fits} days at most" if asked_usd >= LEAST_CAMPAIGN_USD and fits >= 1 else ""
    return (
        f"${asked_usd:f} is too small for {days} days: TikTok takes ${LEAST_DAY_USD} a day and ${LEAST_CAMPAIGN_USD} "
        f"in all; give ${least} or more{shorter}"
    )


def _aimed_at(
    segments: Sequence[AimedSegment], campaigns: int, planned: Decimal, least: Decimal, notes: list[str]
) -> list[AimedSegment]:
    """The segments that get a campaign each; none where one campaign serves all."""
    if campaigns <= 1 or len(segments) <= 1:
        return []
    affordable = int(planned // least)
    chosen = sorted(segments, key=lambda one: (-_weight(one), one.segment_id))[: min(campaigns, affordable)]
    if affordable < min(campaigns, len(segments)):
        notes.append(f"The budget pays for {affordable} campaigns of ${least} at least, not for {campaigns}.")
    return chosen if len(chosen) > 1 else []


def _split(planned: Decimal, least: Decimal, chosen: Sequence[AimedSegment], days: int) -> tuple[Share, ...]:
    if not chosen:
        return (_share(None, planned, days, "one campaign for all segments; TikTok divides it among its ads"),)
    total, spare = sum(_weight(one) for one in chosen), planned - least * len(chosen)
    weights = [Decimal(str(_weight(one) / total)) if total else Decimal(1) / len(chosen) for one in chosen]
    parts = [least + (spare * weight).quantize(CENT, rounding=ROUND_DOWN) for weight in weights]
    parts[0] += planned - sum(parts)
    return tuple(
        _share(one.segment_id, part, days, f"TikTok's minimum, and {weight:.1%} of the rest by share of engagement")
        for one, part, weight in zip(chosen, parts, weights, strict=True)
    )


def _share(segment_id: str | None, budget: Decimal, days: int, why: str) -> Share:
    average = (budget / days).quantize(CENT, rounding=ROUND_DOWN)
    return Share(segment_id=segment_id, budget_usd=budget, average_day_usd=average, why=why)


def _weight(segment: AimedSegment) -> float:
    """A segment's share of engagement; of posts where that is unknown."""
    share = segment.share_of_engagement if segment.share_of_engagement is not None else segment.share_of_posts
    return share or 0.0


def reach_of(budget_usd: Decimal, past_cpm_usd: Sequence[Decimal]) -> Reach:
    """How often the ads may be shown for this money, if 1,000 views cost as much as in past campaigns."""
    if len(past_cpm_usd) < LEAST_PAST_COSTS:
        why = f"the cost of 1,000 views is known of {len(past_cpm_usd)} past campaigns, {LEAST_PAST_COSTS} are needed"
        return Reach(views_low=None, views_high=None, basis="unknown", reason=why)
    low, high = (int(budget_usd / cost * 1000) for cost in (max(past_cpm_usd), min(past_cpm_usd)))
    basis = f"${min(past_cpm_usd):f} to ${max(past_cpm_usd):f} for 1,000 views in {len(past_cpm_usd)} past campaigns"
    return Reach(views_low=low, views_high=high, basis=basis)


def aim_of(age_shares: Mapping[str, float], gender_shares: Mapping[str, float], countries: Sequence[str]) -> Aim:
    """Whom to show the ads to, by who follows. What is unknown is left open; nobody under 18 is aimed at."""
    ages = tuple(group for group in AGE_GROUPS if age_shares.get(group, 0.0) >= AGE_SHARE)
    gender, share = _one_gender(gender_shares)
    why = [
        f"age groups with {AGE_SHARE:.0%} of the audience or more" if ages else "all ages: the audience's are unknown",
        f"{share:.1%} of the audience is {gender}" if gender != "any" else _open_gender(gender_shares),
        "the countries of the brief",
    ]
    return Aim(age_groups=ages, gender=gender, countries=tuple(countries), why=tuple(why))


def _one_gender(shares: Mapping[str, float]) -> tuple[str, float]:
    found = [(share, name) for name, share in shares.items() if name in ("female", "male") and share >= GENDER_SHARE]
    return (found[0][1], found[0][0]) if found else ("any", 0.0)


def _open_gender(shares: Mapping[str, float]) -> str:
    if not shares:
        return "any gender: the audience's are unknown"
    return f"any gender: none has {GENDER_SHARE:.0%} of the audience"

"""Who follows an account, by TikTok's Business API where it is connected; else why that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.config import Settings
from shared.core.accounts import Vendor
from shared.errors import EffectRefusedError
from shared.providers.accounts.access import Asked
from shared.providers.handles import handle_or_none
from shared.providers.records import Audience
from shared.providers.text import clean_text, shown
from shared.providers.tiktok_business import BusinessAccount, business_reading

MOST_GROUPS = 300


async def read_audience(handle: str, settings: Settings, asked: Asked) -> tuple[Audience | None, str | None]:
    """The audience, or None and a sentence that says why. Hours are not told in a time zone that is known, so they
    stay unknown. Raises `ProviderDownError` when asking again may help."""
    try:
        async with business_reading(settings, replace(asked, vendor=Vendor.BUSINESS)) as api:
            found = await api.account()
    except EffectRefusedError as refused:
        return None, f"Audience is not told: {clean_text(refused.message, 300)}."
    if handle_or_none(found.username) != handle:
        return None, f"Audience is not told: the token that is there is of {shown('@' + found.username)}."
    audience = _audience(found)
    if not (audience.age_shares or audience.gender_shares or audience.region_shares):
        return None, "Audience is not told: TikTok has no shares of it, as of an account with fewer than 100 followers."
    return audience, None


def _audience(found: BusinessAccount) -> Audience:
    """Groups as the product names them: ages as told, genders in lower case, countries as two letters or `other`."""
    return Audience(
        age_shares=_shares((one.age, one.percentage) for one in found.audience_ages),
        gender_shares=_shares((one.gender.lower(), one.percentage) for one in found.audience_genders),
        region_shares=_shares((_country(one.country), one.percentage) for one in found.audience_countries),
    )


def _country(told: str) -> str:
    return told.upper() if len(told) == 2 else "other"


def _shares(told: Iterable[tuple[str, float]]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for name, share in list(told)[:MOST_GROUPS]:
        key = clean_text(name, 40)
        shares[key] = min(1.0, shares.get(key, 0.0) + share)
    return shares

"""What the codes of TikTok's Ads API mean for an effect: when to ask again, and what a person can do.

From the API's error and rate-limit pages. There are no headers for limits: the message says which one was reached.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from shared.errors import EffectRefusedError, EngineError, ProviderDownError
from shared.providers.tiktok_errors import BUSINESS_BUSY, BUSINESS_DOUBTFUL, BUSINESS_THROTTLED, told_by_vendor

DUPLICATE = 40050  # the same thing was asked for before: it is looked up
_TOKEN = {40101, 40102, 40103, 40104, 40105, 40106, 40107, 40110, 40115}
_ADVICE = {
    40001: "let the token's owner give it this permission, or name an advertiser that it may use",
    40002: "change what is said to be wrong and propose it again",
    40065: "TikTok shows no such ads to people under 18: leave them out",
    40300: "the advertiser may not run ads: clear that with TikTok first",
    40301: "the advertiser may not run ads: clear that with TikTok first",
    40502: "the advertiser has as many ads as it may have: delete old ones, then propose it again",
}


def is_doubtful(code: int) -> bool:
    """Whether the service failed in the middle, so that it may have acted."""
    return code in BUSINESS_DOUBTFUL or (code >= 50000 and code not in BUSINESS_BUSY)


def ads_error(call: str, code: int, message: str) -> EngineError:
    """The error for a code other than 0."""
    told = f"TikTok Ads, {call}: {told_by_vendor(str(code), message)}"
    if code in BUSINESS_THROTTLED:
        return ProviderDownError(told, retry_after_s=_until_allowed_s(message))
    if code in BUSINESS_BUSY or is_doubtful(code):
        return ProviderDownError(told)
    if code in _TOKEN:
        told = f"{told}; authorise the app again (army accounts connect tiktok_ads), or set TIKTOK_ADS_TOKEN"
        return EffectRefusedError(str(code), told)
    return EffectRefusedError(
        str(code), f"{told}; {_ADVICE.get(code, 'see the vendor message, then propose it again')}"
    )


def _until_allowed_s(message: str) -> float:
    """Per second: the next one. Per minute: five of them. Per day: until midnight by UTC."""
    if "QPD" in message:
        now = datetime.now(UTC)
        return (datetime.combine(now.date() + timedelta(days=1), time.min, UTC) - now).total_seconds()
    return 300.0 if "QPM" in message else 1.0

"""What TikTok Shop's codes mean for an effect. From its pages "Common errors" and the pages of the calls."""

from __future__ import annotations

from shared.errors import EffectRefusedError, EngineError, ProviderDownError
from shared.providers.tiktok_errors import told_by_vendor

TOKEN_EXPIRED = 105002
_THROTTLED = {36009002}
_BUSY = {36009003, 36009007}  # internal, timed out: a write may have been acted on

_REASONS = {
    16030001: "creator_gone",
    16030002: "message_quota_shop",
    16030003: "message_gmv_too_low",
    16030007: "shop_not_active",
    16030009: "test_account",
    16030100: "message_quota_creator",
    16030101: "message_not_allowed",
    16032001: "region_mismatch",
    45101004: "creator_quota_day",
    45101021: "creator_private",
    105002: "token_expired",
    105005: "scope_missing",
    106001: "sign_invalid",
}
_ADVICE = {
    16030001: "the creator has left: leave the message out",
    16030002: "the shop has reached its conversations: wait until creators answer, or ask TikTok for more",
    16030003: "the shop sells too little through creators to write to this one",
    16030007: "the shop is not active: clear that in Seller Center first",
    16030100: "this creator has been written to as often as is allowed without an answer: wait for one",
    16030101: "the shop may not write to this creator: its level or its sales are too low",
    16032001: "the creator is in another market than the shop",
    45101004: "creators were searched 10,000 times today: search again tomorrow",
    45101021: "the creator does not want to be written to",
    105002: "authorise the shop again, and connect it: army accounts connect tiktok_shop",
    105005: "let the seller grant the app this scope, then authorise the shop again",
    101000: "token and cipher are not of the same shop, or the token is no seller's: connect the shop again",
    106001: "look at TIKTOK_SHOP_APP_KEY and TIKTOK_SHOP_APP_SECRET",
    106013: "connect the shop again, with its cipher",
    36009004: "look at TIKTOK_SHOP_APP_KEY, the shop's token and the clock of this machine",
    36009033: "put this machine's address on the app's list in Partner Center",
}


def is_doubtful(code: int) -> bool:
    """Whether the shop failed in the middle, so that it may have acted."""
    return code in _BUSY


def shop_error(call: str, code: int, message: str, *, retry_after_s: float | None = None) -> EngineError:
    """The error for a code other than 0."""
    told = f"TikTok Shop, {call}: {told_by_vendor(str(code), message)}"
    if code in _THROTTLED:
        return ProviderDownError(told, retry_after_s=1.0 if retry_after_s is None else retry_after_s)
    if code in _BUSY:
        return ProviderDownError(told, retry_after_s=retry_after_s)
    advice = _ADVICE.get(code, "see the vendor message, then propose it again")
    return EffectRefusedError(_REASONS.get(code, str(code)), f"{told}; {advice}")

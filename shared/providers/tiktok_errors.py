"""What TikTok's error codes mean for an effect: whether to ask again, and what a person can do.

From the Content Posting API reference (direct post, creator info, status), the Display API's pages on scopes, and the
Business API's error pages.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import EffectRefusedError, EngineError, ProviderDownError
from shared.providers.calling import Answer, NoAnswer
from shared.providers.text import clean_text

A_MINUTE_S = 60.0  # the windows of the per-token limits

ADVICE = {
    "access_token_invalid": "connect the account again (army accounts connect tiktok), or set TIKTOK_ACCESS_TOKEN",
    "scope_not_authorized": "let the account grant the scope video.publish, then connect it again",
    "scope_permission_missed": "let TikTok give the app the scope video.publish, then connect the account again",
    "invalid_param": "change what is said to be wrong and propose it again",
    "invalid_params": "change what is said to be wrong and propose it again",
    "invalid_file_upload": "make the video again: TikTok did not take the file",
    "privacy_level_option_mismatch": "propose it again with a privacy level that the account has",
    "url_ownership_unverified": "verify the domain of ASSET_PUBLIC_URL in the app's settings at TikTok",
    "unaudited_client_can_only_post_to_private_accounts": (
        "until TikTok has audited the app, set the account to private and post SELF_ONLY"
    ),
    "reached_active_user_cap": "the app has reached its number of posting accounts for 24 hours: wait, or ask for more",
    "spam_risk_too_many_posts": "the account has reached its posts for 24 hours: propose it again tomorrow",
    "spam_risk_user_banned_from_posting": "the account may not post: clear that with TikTok first",
    "spam_risk_text": "change the caption: TikTok holds it for spam",
    "spam_risk": "TikTok holds this post for spam: do not send it again as it is",
    "auth_removed": "the account has disconnected the app: connect it again",
    "file_format_check_failed": "make the video again as MP4 with H.264",
    "duration_check_failed": "make the video shorter",
    "frame_rate_check_failed": "make the video again with 23 to 60 frames a second",
    "picture_size_check_failed": "make the video again with sides of 360 to 4096 pixels",
    "publish_cancelled": "somebody cancelled it at TikTok: propose it again if it is still wanted",
}
READING_SCOPES = "user.info.basic, user.info.profile, user.info.stats and video.list"
READING_ADVICE = {
    "access_token_invalid": ADVICE["access_token_invalid"],
    "scope_not_authorized": f"let the account grant the scopes {READING_SCOPES}, then connect it again",
    "scope_permission_missed": f"let TikTok give the app the scopes {READING_SCOPES}, then connect the account again",
}
PASSING_REASONS = {"internal", "video_pull_failed", "photo_pull_failed"}  # of a post that failed: it may be made again

BUSINESS_THROTTLED = {40016, 40100, 40132, 40133}
BUSINESS_BUSY = {40201, 40202, 40901, 40902, 40903, 40913, 60001}
BUSINESS_DOUBTFUL = {50000, 50002, 51305, 20001}  # the service failed in the middle: it may have acted
_BUSINESS_TOKEN = {40102, 40103, 40104, 40105, 40106, 40107}


def is_business_token_refused(answer: Answer | NoAnswer) -> bool:
    """Whether the Business API takes the token no more: run out, revoked, or not known. It has done nothing then."""
    said = answer.body if isinstance(answer, Answer) and isinstance(answer.body, dict) else {}
    return said.get("code") in {40102, 40105}


def open_error(
    call: str,
    code: str,
    message: str,
    *,
    status: int,
    retry_after_s: float | None = None,
    advice: Mapping[str, str] = ADVICE,
) -> EngineError:
    """The error for a refusal of the open API (`{error: {code, message, log_id}}`)."""
    told = f"TikTok, {call}: {told_by_vendor(code, message)}"
    if status == 429 or code == "rate_limit_exceeded":
        return ProviderDownError(told, retry_after_s=A_MINUTE_S if retry_after_s is None else retry_after_s)
    if status >= 500 or code == "internal_error":
        return ProviderDownError(told, retry_after_s=retry_after_s)
    return refused(code, told, advice)


def business_error(call: str, code: int, message: str) -> EngineError:
    """The error for a refusal of the Business API (`{code, message, request_id}`, HTTP 200)."""
    told = f"TikTok Business, {call}: {told_by_vendor(str(code), message)}"
    if code in BUSINESS_THROTTLED:
        return ProviderDownError(told, retry_after_s=5.0 if "QPS" in message else A_MINUTE_S * 5)
    if code in BUSINESS_BUSY or code in BUSINESS_DOUBTFUL:
        return ProviderDownError(told)
    if code in _BUSINESS_TOKEN:
        told = (
            f"{told}; connect the account again (army accounts connect tiktok_business), or set TIKTOK_BUSINESS_TOKEN"
        )
    return EffectRefusedError(str(code), told)


def refused(code: str, told: str, advice: Mapping[str, str] = ADVICE) -> EffectRefusedError:
    """The vendor's no, with what to do."""
    code = clean_text(code, 80)
    return EffectRefusedError(code, f"{told}; {advice.get(code, 'see the vendor message, then propose it again')}")


def told_by_vendor(code: str, message: str) -> str:
    """Code and message, which are text from outside, in a line that can be shown."""
    text = " ".join(clean_text(message, 300).split())
    return f"{clean_text(code, 80)} ({text})" if text else clean_text(code, 80)

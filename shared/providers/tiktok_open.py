"""The envelope of TikTok's open API (`/v2/…`): `{data, error: {code, message, log_id}}`, whatever the HTTP status."""

from __future__ import annotations

from collections.abc import Mapping

from shared.core.canonical import JsonObject
from shared.errors import EffectRefusedError, ProviderDownError
from shared.providers.calling import Answer, NoAnswer
from shared.providers.tiktok_errors import ADVICE, open_error


def is_token_refused(answer: Answer | NoAnswer) -> bool:
    """Whether TikTok takes the token no more. It has done nothing then."""
    error = answer.body.get("error") if isinstance(answer, Answer) and isinstance(answer.body, dict) else None
    return isinstance(error, dict) and error.get("code") == "access_token_invalid"


def open_headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=UTF-8"}


def open_data(call: str, answer: Answer | NoAnswer, advice: Mapping[str, str] = ADVICE) -> JsonObject:
    """The `data` of an answer. Raises `EffectRefusedError` for a definite no, with what `advice` says of its code, and
    `ProviderDownError` when asking again may help."""
    if isinstance(answer, NoAnswer):
        raise ProviderDownError(f"TikTok, {call}: no answer ({answer.what})")
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if not isinstance(error, dict):
        raise _unread(call, answer.status)
    if error.get("code") == "ok" and answer.status < 400:
        return dict(answer.body.get("data") or {})
    code, message = str(error.get("code")), str(error.get("message") or "")
    told = f"{message} log {error.get('log_id')}"
    raise open_error(call, code, told, status=answer.status, retry_after_s=answer.retry_after_s, advice=advice)


def _unread(call: str, status: int) -> EffectRefusedError | ProviderDownError:
    """An answer that is not TikTok's: of a proxy, most likely, or from a wrong address."""
    if 400 <= status < 500 and status not in (408, 429):
        return EffectRefusedError(
            f"http_{status}", f"TikTok, {call}: HTTP {status} and no word of TikTok; look at TIKTOK_OPEN_API_URL"
        )
    return ProviderDownError(f"TikTok, {call}: HTTP {status}, and an answer that cannot be read")

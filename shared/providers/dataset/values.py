"""Numbers, booleans and times as account exports write them. What cannot be read exactly is None, never a guess."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

MAX_COUNT = 2**63 - 1
FIRST_MOMENT = int(datetime(2014, 1, 1, tzinfo=UTC).timestamp())  # no video of TikTok or its forerunner is older
LAST_MOMENT = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_MILLISECONDS_FROM = 10**11  # as seconds, this is the year 5138

_WHOLE = re.compile(r"[0-9]{1,30}(\.0{1,9})?")
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3}){1,9}")
_MISSING = frozenset({"", "n/a", "na", "none", "null", "nan", "undefined", "-"})
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def is_missing(raw: Any) -> bool:
    """Whether a cell holds nothing: absent, empty, or one of the words exporters write for it."""
    if isinstance(raw, str):
        return raw.strip().lower() in _MISSING
    return raw is None or (isinstance(raw, float) and math.isnan(raw))


def whole_number(raw: Any) -> int | None:
    """A count: 0 to 2^63 - 1, from a number or a text. "1.2K" or "1e6" as text are rounded by somebody: None."""
    number = _from_text(raw) if isinstance(raw, str) else _from_number(raw)
    return number if number is not None and 0 <= number <= MAX_COUNT else None


def _from_text(raw: str) -> int | None:
    text = raw.strip()
    if _WHOLE.fullmatch(text):
        return int(text.partition(".")[0])
    return int(text.replace(",", "")) if _GROUPED.fullmatch(text) else None


def _from_number(raw: Any) -> int | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return raw
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() else None
    if isinstance(raw, Decimal):  # `adjusted` first: the integer of 1e999999999 would fill the memory
        small = raw.is_finite() and raw.adjusted() <= 20
        return int(raw) if small and raw == raw.to_integral_value() else None
    return None


def truth(raw: Any) -> bool | None:
    """A boolean, from a boolean, 0 or 1, or a word in any case."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str):
        word = raw.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    number = _from_number(raw)
    return None if number not in (0, 1) else bool(number)


def seconds(raw: Any) -> float | None:
    """A duration in seconds; None for 0 (a photo post) and for what is not a sane number."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal | str):
        return None
    try:
        number = round(float(raw), 3)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number <= 86_400 else None


def moment(raw: Any) -> int | None:
    """A point in time as whole unix seconds (UTC): from unix seconds or milliseconds, ISO text, or a date cell."""
    if isinstance(raw, datetime):
        stamp = _stamp(raw)
    else:
        stamp = _from_number_of_seconds(raw)
        stamp = _from_iso(raw) if stamp is None else stamp
    return stamp if stamp is not None and FIRST_MOMENT <= stamp < LAST_MOMENT else None


def _from_number_of_seconds(raw: Any) -> int | None:
    """Whole seconds from seconds or milliseconds; a part of a second is cut off."""
    if isinstance(raw, float | Decimal):
        finite = raw.is_finite() if isinstance(raw, Decimal) else math.isfinite(raw)
        raw = int(raw) if finite and 0 <= raw < 10**18 else None
    number = whole_number(raw)
    return number // 1000 if number is not None and number >= _MILLISECONDS_FROM else number


def _from_iso(raw: Any) -> int | None:
    if not isinstance(raw, str) or len(raw) > 40:
        return None
    try:
        return _stamp(datetime.fromisoformat(raw.strip().removesuffix(" UTC")))
    except ValueError:
        return None


def _stamp(when: datetime) -> int | None:
    try:
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (OverflowError, ValueError):
        return None


def at(stamp: int) -> datetime:
    """Unix seconds as a time in UTC."""
    return datetime.fromtimestamp(stamp, UTC)

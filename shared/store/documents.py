"""Values on their way into a row: JSON that Postgres will take, whatever text an outside party sent."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from shared.core.canonical import Json

REPLACEMENT = "\ufffd"


def clean_text(text: str) -> str:
    """Text without what Postgres cannot hold: NUL and lone surrogates become U+FFFD."""
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "".join(REPLACEMENT if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def clean(value: Json) -> Json:
    """The same document with every text cleaned, keys included."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def as_jsonb(value: Json) -> str | None:
    """The document as text for a jsonb parameter; None for None. NaN and Infinity are refused (ValueError)."""
    if value is None:
        return None
    text = _dumped(value)
    if "\\u0000" in text or (not text.isascii() and not _encodes(text)):
        text = _dumped(clean(value))
    return text


def as_read_back(value: Json) -> Json:
    """The document as Postgres gives it back from a jsonb column: keys in its own order, numbers as it writes them."""
    if isinstance(value, dict):
        read = {clean_text(str(key)): as_read_back(item) for key, item in value.items()}
        return {key: read[key] for key in sorted(read, key=_in_jsonb)}
    if isinstance(value, list | tuple):
        return [as_read_back(item) for item in value]
    if isinstance(value, float):
        return _number(value)
    return value if value is None or isinstance(value, bool | int) else clean_text(str(value))


def _in_jsonb(key: str) -> tuple[int, bytes]:
    """Shorter keys come first, then by their bytes."""
    written = key.encode()
    return len(written), written


def _number(value: float) -> float:
    """Without an exponent: 1e16 comes back as a whole number, -0.0 as 0.0."""
    text = format(Decimal(repr(value)), "f")
    return (float(text) if "." in text else int(text)) or abs(value)


def _dumped(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> str:
    """Decimals, times and ids, which JSON has no form for."""
    return str(value)

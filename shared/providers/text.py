"""Text from outside, made safe to store: no NUL, no lone surrogate, bounded length."""

from __future__ import annotations

import re

MAX_TEXT = 10_000  # characters; TikTok itself allows 4,000 in a caption
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean_text(text: str, limit: int = MAX_TEXT) -> str:
    """The text with NUL and lone surrogates as U+FFFD (Postgres takes neither), cut after `limit` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def many(count: int, thing: str) -> str:
    """A number with its noun: 1 video, 2 videos."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def shown(text: str, limit: int = 80) -> str:
    """A short, quoted form of untrusted text for an error message."""
    return repr(clean_text(text, limit))

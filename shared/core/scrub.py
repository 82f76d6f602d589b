"""Secrets out of text that is about to be stored, logged or shown: tracebacks hold whatever was at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[secret]"
_SHAPES = (
    re.compile(r"sk-ant-[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=\-]{8,}"),
    re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"),
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
)


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with the given secrets, and whatever has a secret's shape, replaced by `[secret]`."""
    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, HIDDEN)
    for shape in _SHAPES:
        text = shape.sub(HIDDEN, text)
    return text

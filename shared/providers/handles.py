"""TikTok handles: one spelling for all that people type, and names near a wrong one."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from shared.errors import InvalidInputError
from shared.providers.text import shown

MAX_HANDLE = 64
_HANDLE = re.compile(r"[\w.-]{1,64}")
_COMPARED = 20_000  # handles looked at when searching near names, so that a wrong name is answered fast


def handle_or_none(text: str) -> str | None:
    """The handle without @, lower case; None if it cannot be one."""
    handle = unicodedata.normalize("NFKC", text).strip().removeprefix("@").lower()
    if _HANDLE.fullmatch(handle) is None or not any(sign.isalnum() for sign in handle):
        return None
    return handle


def normal_handle(text: str) -> str:
    """The one spelling of a handle: no @, lower case. Raises `InvalidInputError("handle", …)`."""
    handle = handle_or_none(text)
    if handle is None:
        allowed = f"letters, digits, _ . and -, 1 to {MAX_HANDLE} characters, with or without @"
        raise InvalidInputError("handle", f"{shown(text)} is no TikTok handle: {allowed}")
    return handle


def near_handles(handle: str, known: Iterable[str]) -> list[str]:
    """Up to five known handles that look like this one, the nearest first."""
    likely_first = sorted(known, key=lambda other: other[:2] != handle[:2])
    return difflib.get_close_matches(handle, likely_first[:_COMPARED], n=5, cutoff=0.6)

"""Secrets out of text that is about to be stored, logged or shown: tracebacks hold whatever was at hand."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable

HIDDEN = "[secret]"
MOST_HIDDEN = 4_000  # tokens of accounts that one process may have used
_SHAPES = (
    re.compile(r"sk-ant-[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=\-]{8,}"),
    re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"),
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
    re.compile(r"\b(?:rft|clt)\.[A-Za-z0-9!._\-]{8,}|\bact\.[A-Za-z0-9!._\-]{24,}"),  # TikTok's own
    re.compile(r"\b(?:TTP|TTR|ROW|GCP)_[A-Za-z0-9_\-]{12,}"),  # TikTok Shop's
)
_hidden: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def hide(secret: str) -> None:
    """From now on `scrubbed` takes this secret out of every text of this process."""
    with _lock:
        _hidden[secret] = None
        _hidden.move_to_end(secret)
        if len(_hidden) > MOST_HIDDEN:
            _hidden.popitem(last=False)


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with the given secrets, those that were hidden, and whatever has a secret's shape, replaced by
    `[secret]`."""
    with _lock:
        hidden = tuple(_hidden)
    for secret in (*secrets, *hidden):
        if len(secret) >= 6:
            text = text.replace(secret, HIDDEN)
    for shape in _SHAPES:
        text = shape.sub(HIDDEN, text)
    return text

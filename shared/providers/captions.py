"""Hashtags and mentions as they are written in a caption."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.providers.text import clean_text

_HASHTAG = re.compile(r"[#＃]([^\s#＃@.,!?;:()\[\]{}\"'…،。、]{1,100})")
_MENTION = re.compile(r"(?<![\w.])@([\w.]{1,64})")


def hashtags_in(caption: str) -> tuple[str, ...]:
    """The hashtags of a caption: lower case, no #, each once, in their order."""
    return distinct_names(_HASHTAG.findall(caption))


def mentions_in(caption: str) -> tuple[str, ...]:
    """The handles that a caption mentions: lower case, no @, each once, in their order."""
    return distinct_names(name.rstrip(".") for name in _MENTION.findall(caption))


def distinct_names(words: Iterable[str]) -> tuple[str, ...]:
    """Names as they compare: lower case, without # or @, each once, none empty."""
    cleaned = (clean_text(word.strip().lstrip("#＃@").lower(), 100) for word in words)
    return tuple(dict.fromkeys(word for word in cleaned if word))

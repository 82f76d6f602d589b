"""What strangers wrote, cut short and made safe to keep: in an output, an alert, a table."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_BREAKS = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]")  # what Python counts as the end of a line, and tabs
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters and lone surrogates


def excerpt(text: str, limit: int) -> str:
    """One line of at most `limit` characters: white space folded, control characters and lone surrogates left out."""
    kept = _BREAKS.sub(" ", text[: limit * 4])
    line = " ".join(_FORBIDDEN.sub("", kept).split())
    return line if len(line) <= limit and len(text) <= limit * 4 else line[: limit - 1].rstrip() + "…"


def lines(text: str, limit: int) -> str:
    """Text of several lines, at most `limit` characters, without control characters and lone surrogates."""
    return _FORBIDDEN.sub("", text[:limit])


_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides and isolates


def inert(markdown: str) -> str:
    """A report in which nothing that a stranger wrote, or a model made of it, acts: no HTML, no image, no link behind a
    text, and no character that turns the direction of what follows. Headings, tables and emphasis stay."""
    return _BIDI.sub("", markdown).replace("<", "&lt;").replace("](", "]\\(").replace("![", "!\\[")


Said = Annotated[str, AfterValidator(lambda text: excerpt(text, 600))]
"""A sentence or two that a model wrote: one line, at most 600 characters."""

"""Rows out of JSON arrays and JSON Lines, streamed.

Each row is read by Python's own parser out of a sliding piece of the text: it holds no more than one piece, and it
answers any text with an error (a C parser that streams does not: see `streams.Utf8`).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from shared.providers.dataset.found import BrokeOff, Found, LeftOut, Why
from shared.providers.dataset.rows import NestedRow
from shared.providers.dataset.scraped import found_in
from shared.providers.dataset.streams import READ_FAULTS

MAX_ROW = 20_000_000  # characters of one row; a real one has some thousand
_PIECE = 256_000
_BETWEEN = re.compile(r"[\s,]*")


def _whole(digits: str) -> int | None:
    """A number with more digits than any count has is unknown, not an error that loses its row."""
    return int(digits) if len(digits) <= 100 else None


_DECODER = json.JSONDecoder(parse_int=_whole)


def read_array(text: io.TextIOBase, now_s: int) -> Iterator[Found]:
    """The rows of the first array in the text, up to where it ends or breaks."""
    try:
        for item in _items(text):
            yield from _read_item(item, now_s)
    except ValueError as wrong:
        yield BrokeOff(str(wrong))
    except RecursionError:
        yield BrokeOff("nested too deep")
    except READ_FAULTS as wrong:
        yield BrokeOff(type(wrong).__name__)


def _items(text: io.TextIOBase) -> Iterator[Any]:
    piece = text.read(_PIECE)
    at = piece.index("[") + 1
    while True:
        at = _next(piece, at)
        if piece.startswith("]", at):
            return
        try:
            item, at = _DECODER.raw_decode(piece, at)
        except ValueError:  # not all of the row is there yet, or it is broken
            piece, at = _longer(piece, at, text), 0
        else:
            yield item


def _next(piece: str, at: int) -> int:
    match = _BETWEEN.match(piece, at)
    return match.end() if match else at


def _longer(piece: str, at: int, text: io.TextIOBase) -> str:
    """What is left of the piece, with at least as much again behind it. Raises ValueError if there is no more."""
    left = piece[at:]
    if len(left) >= MAX_ROW:
        raise ValueError("a row is malformed or too long")
    more = text.read(max(_PIECE, len(left)))
    if not more:
        raise ValueError("it ends in the middle of a row" if left else "the end of the list is missing")
    return left + more


def read_lines(text: io.TextIOBase, now_s: int) -> Iterator[Found]:
    """One JSON object per line. A line that is none is left out, the others count."""
    try:
        for line in _lines(text):
            yield from _read_line(line, now_s)
    except READ_FAULTS as wrong:
        yield BrokeOff(type(wrong).__name__)


def _read_line(line: str, now_s: int) -> Iterator[Found]:
    try:
        item = _DECODER.decode(line)
    except (ValueError, RecursionError):
        item = None
    yield from _read_item(item, now_s)


def _read_item(item: Any, now_s: int) -> Iterator[Found]:
    if isinstance(item, dict):
        yield from found_in(NestedRow(item), now_s)
    else:
        yield LeftOut(Why.MALFORMED)


def _lines(text: io.TextIOBase) -> Iterator[str]:
    """The lines that hold anything; of one that is too long only the beginning, which is no valid JSON."""
    while line := text.readline(MAX_ROW):
        whole = line
        while len(line) == MAX_ROW and not line.endswith("\n"):
            line = text.readline(MAX_ROW)
        if whole.strip():
            yield whole

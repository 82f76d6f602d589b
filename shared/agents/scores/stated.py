"""Which numbers of a text occur in the data that it was written from: the check at the foot of a report."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.core.canonical import Json

SMALL = 10  # counts of things, ranks and list numbers up to here are not looked up

_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
_IN_TEXT = re.compile(r"\d[\d,]*(?:\.\d+)?")
_LIST_MARK = re.compile(r"^\s*\d+[.)]\s", re.MULTILINE)


def numbers_not_in(report: str, data: Json) -> tuple[int, list[str]]:
    """How many numbers the report states, and those that `data` does not hold, in order and each once.

    A number of the data counts as itself, rounded to 0-2 places, and as per cent rounded to 0-2 places. Numbers inside
    the data's texts count as they stand. Whole numbers up to 10 and the numbers of lists are passed over.
    """
    stated = [found for found in _NUMBER.findall(_LIST_MARK.sub("", report)) if not _is_small(found)]
    held = set(_forms(data))
    missing = dict.fromkeys(found for found in stated if _normal(found) not in held)
    return len(stated), list(missing)


def _is_small(found: str) -> bool:
    return "." not in found and "," not in found and int(found) <= SMALL


def _normal(found: str) -> str:
    """One spelling: no commas, no trailing zeros, no leading zeros."""
    text = found.rstrip(",").replace(",", "").lstrip("0") or "0"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"0{text}" if text.startswith(".") else text or "0"


def _forms(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _forms(key)
            yield from _forms(part)
    elif isinstance(value, list):
        for part in value:
            yield from _forms(part)
    elif isinstance(value, str):
        yield from (_normal(found) for found in _IN_TEXT.findall(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _spellings(abs(value))


def _spellings(value: float) -> Iterator[str]:
    yield _normal(str(value))
    for places in (0, 1, 2):
        yield _normal(f"{value:.{places}f}")
        yield _normal(f"{value * 100:.{places}f}")

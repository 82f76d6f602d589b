"""Checks of what a model wrote before a person is asked to release it: length, banned terms, and nothing made up.

A text is held against its source: what is known of the product, the brand and the offer. Numbers, properties, offers
and addresses that the source does not name are problems, and so is every claim that the compliance rules flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from shared.agents.scores.rulebook import RULES
from shared.agents.scores.rules import banned_pattern
from shared.core.canonical import Json

MOST_PROBLEMS = 8
# Rules on disclosure are about posts of others; a listing, an ad and a message are advertising on their face.
NOT_FOR_ADVERTISING = frozenset({"undisclosed_partnership", "undisclosed_promotion"})

# Words that promise a property, an origin, a proof or an offer: only the source may give them.
_CLAIMS = re.compile(
    r"\b(?:vegan|organic|natural(?:ly)?|cruelty[- ]free|clean beauty|clinical(?:ly)?|dermatolog\w+|hypo-?allergenic"
    r"|non[- ]?toxic|sustainabl[ey]|eco[- ]friendly|biodegradable|recycl\w+|refillable|hand[- ]?made|award\w*"
    r"|best[- ]?sell\w+|guarantee\w*|certified|patented|proven|tested|water[- ]?proof|sweat[- ]?proof|long[- ]lasting"
    r"|fragrance[- ]free|paraben\w*|sulfate\w*|gluten[- ]free|spf|free (?:shipping|delivery|returns?|gifts?|samples?)"
    r"|discount\w*|sale|on sale|% off|coupon|limited (?:edition|time|stock)|exclusive\w*|money[- ]back|official"
    r"|commission\w*|paid|fee|gifted|twice|double|triple|made in \w+|number one|doctor\w*|expert\w*|celebrit\w+)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+\.\w+|(?<![\w@])@[\w.]{2,}", re.IGNORECASE)
_SPACES = re.compile(r"[\s\-]+")


def problems_of(
    text: str, *, most: int, source: Json, least: int = 1, banned_terms: Sequence[str] = ()
) -> tuple[str, ...]:
    """What is wrong with a text of `least` to `most` characters, in words; empty if nothing is."""
    found = [
        *_length_problems(text, least, most),
        *_banned_problems(text, tuple(banned_terms)),
        *_rule_problems(text),
        *invented_in(text, source),
    ]
    return tuple(dict.fromkeys(found))[:MOST_PROBLEMS]


def invented_in(text: str, source: Json) -> list[str]:
    """Numbers, claims and addresses of the text that its source does not name."""
    said = _plain("\n".join(texts_in(source)))
    held = {_number(one) for one in _NUMBER.findall(said)}
    numbers = [one for one in _NUMBER.findall(text) if _number(one) not in held]
    claims = [one for one in _CLAIMS.findall(text) if _plain(one) not in said]
    addresses = [one for one in _ADDRESS.findall(text) if _plain(one.rstrip(".,;:!?)")) not in said]
    return [
        *(f"the number {one} is not in the source" for one in numbers),
        *(f"the claim '{one.lower()}' is not in the source" for one in claims),
        *(f"the address {one[:80]} is not in the source" for one in addresses),
    ]


def texts_in(value: Json) -> Iterator[str]:
    """Every text and number in a JSON value, numbers as they would be written."""
    if isinstance(value, dict):
        for part in value.values():
            yield from texts_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _length_problems(text: str, least: int, most: int) -> Iterator[str]:
    if len(text) < least:
        yield f"has {len(text)} characters, and needs {least}"
    if len(text) > most:
        yield f"has {len(text)} characters, and may have {most}"


def _banned_problems(text: str, terms: tuple[str, ...]) -> Iterator[str]:
    banned = _pattern_of(terms)
    for found in dict.fromkeys(match.group(0).lower() for match in banned.finditer(text)) if banned else ():
        yield f"uses '{found}', which the brand does not use"


def _rule_problems(text: str) -> Iterator[str]:
    for rule in RULES:
        if rule.id in NOT_FOR_ADVERTISING:
            continue
        match = rule.looks_for.search(text)
        if match and not (rule.settled_by and rule.settled_by.search(text)):
            yield f"'{match.group(0)[:80]}': {rule.title.lower()}"


@lru_cache(maxsize=64)
def _pattern_of(terms: tuple[str, ...]) -> re.Pattern[str] | None:
    return banned_pattern(terms)


def _number(found: str) -> str:
    """One spelling: 1,200.50 and 1200.5 are the same number."""
    text = found.replace(",", "")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(text: str) -> str:
    """Lower case, hyphens as spaces: cruelty-free and Cruelty free are the same claim."""
    return _SPACES.sub(" ", text.lower())

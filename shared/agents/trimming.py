"""Outputs of steps, cut to what a model should read: long lists and long texts are shortened, and it is said where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.agents.quoting import lines
from shared.core.canonical import Json, JsonObject, canonical_json

MOST_CHARACTERS = 120_000  # about 30,000 tokens
LIMITS = ((12, 600), (6, 400), (3, 240), (1, 160))  # list entries, characters of a text; each try keeps less
MOST_KEYS = 60
MOST_CUTS = 100


def trimmed_to_fit(outputs: Mapping[str, Json]) -> tuple[JsonObject, dict[str, int]]:
    """The outputs, and how many entries each cut list or object had by its path. Same input, same result.

    Tries milder limits first. What is too long even then loses whole outputs, the last first: the cut `outputs` then
    says how many there were.
    """
    for entries, characters in LIMITS:
        cut: dict[str, int] = {}
        kept = {key: _trimmed(value, key, entries, characters, cut) for key, value in outputs.items()}
        if len(canonical_json(kept)) <= MOST_CHARACTERS:
            return kept, _first(cut)
    return _first_that_fit(kept), {"outputs": len(outputs), **_first(cut)}


def _first_that_fit(outputs: JsonObject) -> JsonObject:
    kept: JsonObject = {}
    room = MOST_CHARACTERS
    for key, value in outputs.items():
        room -= len(canonical_json({key: value}))
        if room >= 0:
            kept[key] = value
    return kept


def _first(cut: dict[str, int]) -> dict[str, int]:
    return dict(list(cut.items())[:MOST_CUTS])


def _trimmed(value: Json, path: str, entries: int, characters: int, cut: dict[str, int]) -> Json:
    if isinstance(value, str):
        return lines(value, characters)
    if isinstance(value, list):
        if len(value) > entries:
            cut[path] = len(value)
        return [_trimmed(part, f"{path}[]", entries, characters, cut) for part in value[:entries]]
    if isinstance(value, Mapping):
        if len(value) > MOST_KEYS:
            cut[path] = len(value)
        return _trimmed_object(value, path, entries, characters, cut)
    return value


def _trimmed_object(
    value: Mapping[str, Any], path: str, entries: int, characters: int, cut: dict[str, int]
) -> JsonObject:
    first = list(value.items())[:MOST_KEYS]
    return {lines(str(key), 200): _trimmed(part, f"{path}.{key}", entries, characters, cut) for key, part in first}

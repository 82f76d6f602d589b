"""How a prompt cache counts tokens: writes, reads, minimum length, time to live."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.canonical import JsonObject
from shared.llm.prefixes import PrefixCache, token_count
from shared.trace.calls import Usage

SYSTEM = "s" * 4000  # 1,000 tokens


def body(*messages: str, ttl: str | None = "5m", grows: bool = False, **more: Any) -> JsonObject:
    """A request with a marked system prompt; every second message is the model's."""
    marker = {"type": "ephemeral", "ttl": ttl}
    roles = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(messages or ("hi",))]
    system: JsonObject = {"type": "text", "text": SYSTEM} | ({"cache_control": marker} if ttl else {})
    tail = {"cache_control": marker} if grows else {}
    return {"model": "m", "system": [system], "messages": roles, **tail, **more}


@pytest.mark.parametrize(("text", "tokens"), [("", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100)])
def test_four_characters_a_token(text: str, tokens: int) -> None:
    """Tokens are estimated at four characters, rounded up, and never zero (C060)."""
    assert token_count(text) == tokens


def test_write_then_read() -> None:
    """The first request keeps the system prompt, the second reads it; the question is paid each time."""
    cache = PrefixCache()

    assert cache.count(body(), min_cacheable=512) == Usage(input_tokens=1, cache_write_tokens=1000)
    assert cache.count(body("another"), min_cacheable=512) == Usage(input_tokens=2, cache_read_tokens=1000)


def test_an_hour_is_counted_apart() -> None:
    """A marker for an hour is another counter, and another price."""
    assert PrefixCache().count(body(ttl="1h"), min_cacheable=512) == Usage(1, 0, 0, 0, 1000)


@pytest.mark.parametrize(("ttl", "least"), [("5m", 1001), (None, 512)])
def test_too_short_or_unmarked_is_plain(ttl: str | None, least: int) -> None:
    """Below the model's minimum, or without a marker, all is plain input."""
    cache = PrefixCache()
    cache.count(body(ttl=ttl), min_cacheable=least)

    assert cache.count(body(ttl=ttl), min_cacheable=least) == Usage(input_tokens=1001)


@pytest.mark.parametrize(("ttl", "lives_s"), [("5m", 300.0), ("1h", 3600.0)])
def test_entries_die(ttl: str, lives_s: float) -> None:
    """An entry is gone after its time; a read gives it a new life."""
    cache = PrefixCache()
    cache.count(body(ttl=ttl), min_cacheable=1, now=0.0)

    assert cache.count(body(ttl=ttl), min_cacheable=1, now=lives_s - 1).cache_read_tokens == 1000
    assert cache.count(body(ttl=ttl), min_cacheable=1, now=2 * lives_s - 2).cache_read_tokens == 1000
    assert cache.count(body(ttl=ttl), min_cacheable=1, now=3 * lives_s).cache_read_tokens == 0


def test_a_growing_conversation_reads_its_past() -> None:
    """With a marker at the end, each turn reads all before it and writes only what is new."""
    cache = PrefixCache()
    long = "u" * 400

    assert cache.count(body(long, grows=True), min_cacheable=512) == Usage(cache_write_tokens=1100)
    second = cache.count(body(long, "a" * 40, long, grows=True), min_cacheable=512)
    assert second == Usage(cache_read_tokens=1100, cache_write_tokens=110)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"tools": [{"name": "t"}]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    ],
)
def test_other_prefix_is_not_read(change: dict[str, Any]) -> None:
    """Model, tools and schema belong to the prefix."""
    cache = PrefixCache()
    cache.count(body(), min_cacheable=1)

    assert cache.count(body(**change), min_cacheable=1).cache_read_tokens == 0


def test_owners_share_nothing() -> None:
    """One key never reads what another one wrote."""
    cache = PrefixCache()
    cache.count(body(), min_cacheable=1, owner="a")

    assert cache.count(body(), min_cacheable=1, owner="b").cache_read_tokens == 0

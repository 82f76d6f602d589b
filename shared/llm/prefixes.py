"""How a prompt cache counts: what a marker keeps, and what a later request reads back. Used by the mock and the fake.

A prompt is a row of parts: tools and system first, then each message. A marker keeps everything up to its part, for
its time to live; a later request reads the longest kept row that it begins with. Model and schema belong to the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from shared.core.canonical import Json, JsonObject, canonical_json, digest_of
from shared.trace.calls import Usage

TTL_S = {"5m": 300.0, "1h": 3600.0}


def token_count(text: str) -> int:
    """Four characters to a token (C060), at least one."""
    return max(1, -(-len(text) // 4))


@dataclass(frozen=True, slots=True)
class Prefix:
    """A row of parts up to here. `ttl` is the marker's, None where there is no marker."""

    digest: str
    tokens: int
    ttl: str | None


class PrefixCache:
    """What is kept, and until when. Time is given by the caller, in seconds."""

    def __init__(self) -> None:
        self._kept_until: dict[str, float] = {}

    def count(self, body: JsonObject, *, min_cacheable: int, now: float = 0.0, owner: str = "") -> Usage:
        """The prompt's token counters, and the prefixes it marks kept from now on. `owner` keeps caches apart."""
        row = prefixes_of(body, owner)
        marked = [prefix for prefix in row if prefix.ttl is not None and prefix.tokens >= min_cacheable]
        reach = marked[-1].tokens if marked else 0
        alive = [one for one in row if one.tokens <= reach and self._kept_until.get(one.digest, -1.0) > now]
        read = max((prefix.tokens for prefix in alive), default=0)
        written = {"5m": 0, "1h": 0}
        covered = read
        for prefix in marked:
            ttl = prefix.ttl or "5m"
            self._kept_until[prefix.digest] = now + TTL_S[ttl]
            written[ttl] += max(0, prefix.tokens - covered)
            covered = max(covered, prefix.tokens)
        return Usage(
            input_tokens=row[-1].tokens - covered,
            cache_read_tokens=read,
            cache_write_tokens=written["5m"],
            cache_write_1h_tokens=written["1h"],
        )


def prefixes_of(body: JsonObject, owner: str) -> list[Prefix]:
    """The row of prefixes of a request, shortest first."""
    head = {name: body.get(name) for name in ("model", "tools", "system")}
    parts: list[Json] = [{**head, "schema": body.get("output_config", {}).get("format")}, *body["messages"]]
    digests = accumulate((canonical_json(_bare(part)) for part in parts), lambda a, b: digest_of([a, b]), initial=owner)
    sizes = [_size(body.get("tools") or []) + _size(body["system"]), *(_size(one["content"]) for one in parts[1:])]
    ttls = [_ttl_in(part) for part in parts]
    if body.get("cache_control"):
        ttls[-1] = body["cache_control"].get("ttl", "5m")
    return [Prefix(*one) for one in zip(list(digests)[1:], accumulate(sizes), ttls, strict=True)]


def _size(content: Json) -> int:
    """Tokens of a text, or of blocks: their text, and everything else as JSON."""
    if isinstance(content, str):
        return token_count(content)
    return sum(token_count(block["text"] if "text" in block else canonical_json(block)) for block in content)


def _bare(part: Json) -> Json:
    """The part without its markers: moving a marker does not change the text."""
    if isinstance(part, dict):
        return {name: _bare(value) for name, value in part.items() if name != "cache_control"}
    return [_bare(value) for value in part] if isinstance(part, list) else part


def _ttl_in(part: Json) -> str | None:
    """The time to live of the last marker among the part's blocks."""
    blocks = part.get("content") if "role" in part else [*(part.get("tools") or []), *(part.get("system") or [])]
    marks = [block["cache_control"] for block in blocks if isinstance(block, dict) and block.get("cache_control")]
    return str(marks[-1].get("ttl", "5m")) if marks else None

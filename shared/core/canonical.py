"""One way to write JSON down, so that equal content has equal digests in every process."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeAlias

Json: TypeAlias = Any  # what json.loads may return
JsonObject: TypeAlias = dict[str, Any]


def canonical_json(value: Json) -> str:
    """Sorted keys, no spaces, UTF-8 characters as they are. NaN and Infinity are refused: they are not JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Json) -> str:
    """The sha-256 of the canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def text_digest(text: str) -> str:
    """The sha-256 of a text, as 64 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

"""A word in the log about system prompts that no cache will ever answer (A024, C032). Never an error."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

from shared.llm.models import Model

log = logging.getLogger("claude")

_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_TIMESTAMP = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


def problems_of(system: str, min_cacheable: int) -> list[str]:
    """What keeps this system prompt out of the cache. Length is estimated at 4 characters a token."""
    found = []
    if _UUID.search(system):
        found.append("holds a UUID: put per-request data into user_message")
    if _TIMESTAMP.search(system):
        found.append("holds a timestamp: put per-request data into user_message")
    if len(system) < 4 * min_cacheable:
        found.append(f"about {len(system) // 4} tokens, and below {min_cacheable} the model caches nothing")
    return found


@lru_cache(maxsize=1024)
def warn_once(agent: str, system: str, model: Model) -> None:
    """Logs `claude.system_prompt` for each problem; cached, so that a process says it once for each prompt."""
    for problem in problems_of(system, model.facts.min_cacheable):
        log.warning("claude.system_prompt", extra={"agent": agent, "model": model.id, "problem": problem})

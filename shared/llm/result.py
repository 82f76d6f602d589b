"""What a model call gives back, the same in mock and in real mode (C025)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ClaudeResult:
    """Text, parsed answer, tokens and cost of one call. Costs are US dollars, `latency_ms` milliseconds.

    `parsed` is an instance of the `output_model` that was asked for, else None. `cost_usd` is zero when the answer
    was `reused` from the journal.
    """

    text: str
    parsed: Any | None
    blocks: list[dict[str, Any]]
    stop_reason: str
    model_requested: str
    model: str
    message_id: str
    request_id: str | None
    mode: Literal["real", "mock"]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    thinking_tokens: int
    cost_usd: Decimal
    cost_known: bool
    price_version: str
    latency_ms: int
    attempts: int
    reused: bool

"""What a call asks and what it answers: the two records that the journal keeps."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal

from shared.core.canonical import Json, JsonObject, digest_of
from shared.core.money import ZERO
from shared.core.status import CallKind
from shared.errors import EngineError


@dataclass(frozen=True, slots=True)
class Usage:
    """The raw token counters of one model answer. `input_tokens` is only what no cache answered or kept."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0  # 5 minute writes
    cache_write_1h_tokens: int = 0
    thinking_tokens: int = 0  # part of output_tokens

    def plus(self, other: Usage) -> Usage:
        """Both together, counter by counter."""
        return Usage(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be made. Its identity is its content: kind, label and `content`, not its position.

    `ceiling_usd` is the most it can cost, which is reserved before; None: nobody can tell, or it costs nothing.
    """

    kind: CallKind
    label: str
    content: JsonObject
    billable: bool = False
    model: str | None = None
    system_prompt: str | None = None
    user_prompt: str | None = None
    ceiling_usd: Decimal | None = None

    @property
    def digest(self) -> str:
        return digest_of({"kind": self.kind, "label": self.label, "content": self.content})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `output` alone is enough to answer the same call again without making it."""

    output: Json
    response_text: str | None = None
    model: str | None = None
    usage: Usage | None = None
    cost_usd: Decimal = ZERO
    cost_known: bool = True
    price_version: str | None = None
    provider_request_id: str | None = None
    latency_ms: int = 0
    attempts: int = 1
    note: str | None = None
    reused: bool = False
    asked: tuple[str, int] | None = None  # the call that it answers, as the journal knows it

    def again(self) -> Answer:
        """The same answer, given a second time for nothing."""
        return replace(self, cost_usd=ZERO, cost_known=True, latency_ms=0, reused=True)


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A call that brought no answer: the error to raise, and what its tries are known to have cost all the same."""

    error: EngineError
    spent: Answer

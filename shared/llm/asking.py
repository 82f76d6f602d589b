"""One request through the journal, in either mode, and the answer as the journal keeps it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import weakref
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.config import Settings, current_settings
from shared.core.canonical import JsonObject, canonical_json
from shared.core.status import CallKind
from shared.errors import EngineError
from shared.llm.attempts import Failure, Reply, Send, ask_until_answered
from shared.llm.charges import answered, unanswered
from shared.llm.prices import ceiling_usd
from shared.llm.request import ModelRequest
from shared.trace.calls import Answer, Call, FailedCall
from shared.trace.context import current_workspace_id
from shared.trace.journal import current_journal, hold_another_try, journaled, note_cut_off

log = logging.getLogger("claude")

FRAME_TOKENS = 1_000  # what the API adds to a request: tool and schema preambles

_slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class CallNames:
    """Who asks: they choose the fixture of mock mode. `label` is as the agent gave it, without a repair mark."""

    agent: str
    label: str
    is_synthesis: bool = False
    workflow_slug: str | None = None

    @property
    def fixtures(self) -> tuple[str, ...]:
        """The fixtures to look for, in this order."""
        if self.is_synthesis:
            return (f"synthesis-{self.workflow_slug}",)
        return (f"{self.agent}.{self.label}", self.label, self.agent)


async def ask(request: ModelRequest, names: CallNames, label: str, timeout_s: float) -> Answer:
    """The answer, whose `output` is the API's response as it came. Logs `claude.call` (C028), never a prompt."""
    settings = current_settings()
    heard: JsonObject = {}
    send = _transport(request, names, settings, heard)

    async def act() -> Answer | FailedCall:
        return await _act(request, label, send, heard, timeout_s, settings)

    call = Call(
        kind=CallKind.LLM,
        label=label,
        content=request.content,
        billable=True,
        model=request.model.id,
        system_prompt=request.system,
        user_prompt=request.user_prompt,
        ceiling_usd=_ceiling_usd(request),
    )
    answer = await journaled(call, act)
    _log_call(settings.claude_mode, label, answer)
    return answer


def _ceiling_usd(request: ModelRequest) -> Decimal | None:
    """The most that one try can cost: no text has more tokens than bytes. None if the model's price is not known."""
    prompt_tokens = len(canonical_json(request.content).encode()) + FRAME_TOKENS
    return ceiling_usd(request.model.id, prompt_tokens, request.max_tokens)


def _transport(request: ModelRequest, names: CallNames, settings: Settings, heard: JsonObject) -> Send:
    """The way to the model, imported here so that each mode loads only its own."""
    if settings.claude_mode == "mock":
        from shared.llm.mock import open_call as open_mock_call

        return open_mock_call(request, names.agent, names.fixtures, settings.mock_latency_scale)
    from shared.llm.real import open_call as open_real_call

    return open_real_call(request.body(user_id=_workspace_hash()), settings, heard)


async def _act(
    request: ModelRequest, label: str, send: Send, heard: JsonObject, timeout_s: float, settings: Settings
) -> Answer | FailedCall:
    failures: list[Failure] = []

    async def send_and_keep(try_timeout_s: float) -> Reply | Failure:
        try:
            outcome = await send(try_timeout_s)
        except asyncio.CancelledError:
            failures.append(Failure("cut_off", heard=dict(heard) or None))
            raise
        if isinstance(outcome, Failure):
            _log_failure(label, request.model.id, outcome)
            failures.append(outcome)
        return outcome

    started = time.monotonic()
    try:
        reply = await ask_until_answered(
            send_and_keep,
            who=f"{label} ({request.model.id})",
            timeout_s=timeout_s,
            seconds_left=_seconds_left,
            slot=_slot(settings),
            hold_more=hold_another_try,
        )
    except asyncio.CancelledError:
        note_cut_off(replace(unanswered(request, failures), latency_ms=_ms_since(started)))
        raise
    except EngineError as failed:
        return FailedCall(failed, replace(unanswered(request, failures), latency_ms=_ms_since(started)))
    latency_ms = _ms_since(started) if reply.simulated_ms is None else reply.simulated_ms
    return replace(answered(request, reply, failures), latency_ms=latency_ms)


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _seconds_left() -> float | None:
    journal = current_journal()
    return None if journal is None else journal.seconds_left()


def _slot(settings: Settings) -> asyncio.Semaphore:
    """At most `max_concurrent_model_calls` tries at once in this event loop; a pause between tries holds no slot."""
    loop = asyncio.get_running_loop()
    if loop not in _slots:
        _slots[loop] = asyncio.Semaphore(settings.max_concurrent_model_calls)
    return _slots[loop]


def _workspace_hash() -> str | None:
    """What the vendor may know of the workspace: nothing but that two calls come from the same one."""
    workspace_id = current_workspace_id.get()
    return None if workspace_id is None else hashlib.sha256(f"workspace {workspace_id}".encode()).hexdigest()[:32]


def _log_call(mode: str, label: str, answer: Answer) -> None:
    usage = answer.usage
    log.info(
        "claude.call",
        extra={
            "mode": mode,
            "label": label,
            "model": answer.model,
            "latency_ms": answer.latency_ms,
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
            "cache_read_tokens": usage.cache_read_tokens if usage else None,
            "cache_write_tokens": usage.cache_write_tokens + usage.cache_write_1h_tokens if usage else None,
            "cost_usd": str(answer.cost_usd),
            "cost_known": answer.cost_known,
            "attempts": answer.attempts,
            "reused": answer.reused,
        },
    )


def _log_failure(label: str, model: str, failure: Failure) -> None:
    log.warning(
        "claude.try_failed",
        extra={"label": label, "model": model, "failure": failure.told(), "detail": failure.detail},
    )

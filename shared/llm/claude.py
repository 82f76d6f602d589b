"""The only way to a model: `call_claude_cached` (A022, B037). One path for mock and real mode (C023, C024).

Request -> journal (a finished call of an earlier attempt answers for nothing) -> tries -> the paid row is written ->
only then the answer is read and checked, so that no cost is ever lost to a bad answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel

from shared.core.money import ZERO
from shared.errors import InvalidInputError, ModelRefusedError, OutputInvalidError
from shared.llm.answer import Misfit, blocks_of, fitted, refuse_unfinished, text_of
from shared.llm.asking import CallNames, ask
from shared.llm.lint import warn_once
from shared.llm.prices import UNKNOWN
from shared.llm.prompt import UNTRUSTED_NOTE
from shared.llm.request import ModelRequest, Tool, build_request
from shared.llm.result import ClaudeResult
from shared.llm.schema import schema_of
from shared.trace.calls import Answer, Usage
from shared.trace.context import current_agent_name
from shared.trace.journal import current_journal, spoil

REPAIR = ".repair"  # how the label of a correction ends
_CORRECTION = (
    "Your answer could not be used: {why}\n\n"
    "Give the complete answer again with this corrected. Answer with the JSON object alone."
)


async def call_claude_cached(  # noqa: PLR0913 (every one by keyword, most with a default)
    *,
    system_stable: str,
    user_message: str | list[dict[str, Any]],
    model: str = "haiku",
    max_tokens: int = 2048,
    output_model: type[BaseModel] | None = None,
    tools: Sequence[Tool] = (),
    cache_ttl: Literal["5m", "1h"] = "5m",
    effort: str | None = None,
    timeout_s: float = 60,
    label: str | None = None,
    is_synthesis: bool = False,
    workflow_slug: str | None = None,
) -> ClaudeResult:
    """Asks a model once. Inside an agent run the call is journaled: finished once, it is never paid again.

    `system_stable` must be the same bytes every time (it is cached for `cache_ttl`); what changes goes into
    `user_message`: a text, content blocks, or the messages of a conversation. `model` is `haiku`, `sonnet`, `opus`
    or an id; a step whose definition names a model, or changes the prompt, asks that. With an `output_model` the answer
    is asked for by schema, checked, and comes back as `parsed`; one that does not fit is sent back once for correction,
    as a call of its own. With `tools` the caller runs the loop: it finds `tool_use` blocks in `blocks`. `timeout_s`
    holds for each try. `is_synthesis` and `workflow_slug` choose the words of mock mode.

    Raises InvalidInputError (an argument), ModelRefusedError (declined, or cut off where an object was asked for),
    ModelRequestError (the API refused the request), ModelBusyError (try the step later), OutputInvalidError (no
    fitting answer, even after the correction).
    """
    if timeout_s <= 0:
        raise InvalidInputError("timeout_s", f"{timeout_s} must be greater than 0")
    agent = current_agent_name.get() or label or "claude"
    request = build_request(
        system=_told_system(system_stable, label or agent),
        user_message=user_message,
        model=_asked_model(model),
        max_tokens=max_tokens,
        schema=None if output_model is None else schema_of(output_model),
        tools=tools,
        effort=effort,
        cache_ttl=cache_ttl,
    )
    warn_once(agent, request.system, request.model)
    names = CallNames(agent, label or agent, is_synthesis, workflow_slug)
    answer = await _finished(request, names, names.label, timeout_s, output_model)
    result = _result(request, answer)
    if output_model is None or result.stop_reason in ("tool_use", "pause_turn"):
        return result
    return await _checked(request, names, timeout_s, output_model, answer)


def _asked_model(named: str) -> str:
    journal = current_journal()
    return named if journal is None or journal.model is None else journal.model


def _told_system(given: str, label: str) -> str:
    """What the step's definition says instead, or besides. That strangers' words are data is said in any case."""
    journal = current_journal()
    change = None if journal is None else journal.prompt_change(label)
    if change is None:
        return given
    changed = change.applied_to(given)
    is_lost = UNTRUSTED_NOTE in given and UNTRUSTED_NOTE not in changed
    return f"{changed}\n\n{UNTRUSTED_NOTE}" if is_lost else changed


async def _finished(
    request: ModelRequest, names: CallNames, label: str, timeout_s: float, output_model: type[BaseModel] | None
) -> Answer:
    """The answer, unless the model declined, or was cut off where an object was asked for."""
    answer = await ask(request, names, label, timeout_s)
    try:
        refuse_unfinished(answer.output, output_model is not None, names.label)
    except ModelRefusedError as refused:
        spoil(answer, refused.message)
        raise
    return answer


async def _checked(
    request: ModelRequest, names: CallNames, timeout_s: float, output_model: type[BaseModel], answered: Answer
) -> ClaudeResult:
    """The result with its object, after one correction if need be. The correction's tokens and cost are added."""
    first = _result(request, answered)
    found = fitted(first.text, output_model)
    if not isinstance(found, Misfit):
        return replace(first, parsed=found)
    corrected = request.followed_by(first.blocks, _CORRECTION.format(why=found.why))
    answer = await _finished(corrected, names, f"{names.label}{REPAIR}", timeout_s, output_model)
    second = _result(request, answer)
    found = fitted(second.text, output_model)
    if isinstance(found, Misfit):
        told = f"{names.label}: the model's answer does not fit {output_model.__name__}: {found.why}"
        for useless in (answered, answer):
            spoil(useless, told)
        raise OutputInvalidError(told)
    return replace(_together(first, second), parsed=found)


def _result(request: ModelRequest, answer: Answer) -> ClaudeResult:
    """All of it is read from what the journal keeps, so that a reused answer gives the same result, at no cost."""
    response = answer.output
    usage = answer.usage or Usage()
    message_id = str(response.get("id") or "")
    return ClaudeResult(
        text=text_of(response),
        parsed=None,
        blocks=blocks_of(response),
        stop_reason=str(response.get("stop_reason") or "unknown"),
        model_requested=request.model.asked,
        model=str(response.get("model") or request.model.id),
        message_id=message_id,
        request_id=answer.provider_request_id,
        mode="mock" if message_id.startswith("msg_mock_") else "real",
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        thinking_tokens=usage.thinking_tokens,
        cost_usd=ZERO if answer.reused else answer.cost_usd,
        cost_known=answer.cost_known,
        price_version=answer.price_version or UNKNOWN,
        latency_ms=answer.latency_ms,
        attempts=answer.attempts,
        reused=answer.reused,
    )


def _together(first: ClaudeResult, second: ClaudeResult) -> ClaudeResult:
    """The second answer, with what both took."""
    return replace(
        second,
        input_tokens=first.input_tokens + second.input_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
        cache_read_tokens=first.cache_read_tokens + second.cache_read_tokens,
        cache_write_tokens=first.cache_write_tokens + second.cache_write_tokens,
        cache_write_1h_tokens=first.cache_write_1h_tokens + second.cache_write_1h_tokens,
        thinking_tokens=first.thinking_tokens + second.thinking_tokens,
        cost_usd=first.cost_usd + second.cost_usd,
        cost_known=first.cost_known and second.cost_known,
        latency_ms=first.latency_ms + second.latency_ms,
        attempts=first.attempts + second.attempts,
        reused=first.reused and second.reused,
    )

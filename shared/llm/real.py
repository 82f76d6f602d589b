"""The model of real mode: the vendor's SDK, imported at the first call (it costs most of a second) and nowhere else."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.llm.attempts import Failure, Reply, Send

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

# The SDK refuses longer answers without streaming: an idle connection might be cut on the way.
LONGEST_UNSTREAMED = 21_333


@dataclass(frozen=True, slots=True)
class _Open:
    """A client of one event loop. `closer` is alive as long as the loop, which ends it, and so closes the client."""

    client: AsyncAnthropic
    closer: AsyncGenerator[None, None]


_clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], _Open]]
_clients = weakref.WeakKeyDictionary()


def open_call(body: JsonObject, settings: Settings, heard: JsonObject) -> Send:
    """One call over HTTP; each `send` is one try, which may take `timeout_s` seconds in all. What the stream of the
    current try has told goes into `heard`, for one that is cut off from outside."""

    async def send(timeout_s: float) -> Reply | Failure:
        heard.clear()
        client = await _client(settings)
        try:
            async with asyncio.timeout(timeout_s):
                outcome = await _try(client, body, timeout_s, heard)
        except TimeoutError:
            outcome = Failure("timeout")
        return outcome if isinstance(outcome, Reply) else replace(outcome, heard=dict(heard) or None)

    return send


async def _client(settings: Settings) -> AsyncAnthropic:
    """This event loop's client: one that was made in another loop would fail after the request has gone out."""
    key = (settings.anthropic_base_url or "", settings.anthropic_api_key.get_secret_value())
    here = _clients.setdefault(asyncio.get_running_loop(), {})
    if key not in here:
        client = _make_client(settings)
        closer = _closing(client)
        here[key] = _Open(client, closer)
        await anext(closer)
    return here[key].client


def _make_client(settings: Settings) -> AsyncAnthropic:
    """Without the SDK's retries (attempts.py has ours) and without its tracing (rows are exported, not calls)."""
    from anthropic import AsyncAnthropic

    return AsyncAnthropic(
        api_key=settings.anthropic_api_key.get_secret_value(),
        base_url=settings.anthropic_base_url,
        max_retries=0,
        open_telemetry=False,
    )


async def _closing(client: AsyncAnthropic) -> AsyncGenerator[None, None]:
    """Closes the client when its loop ends: `asyncio.run` closes every generator that was begun."""
    try:
        yield
    finally:
        await client.close()


async def _try(client: AsyncAnthropic, body: JsonObject, timeout_s: float, heard: JsonObject) -> Reply | Failure:
    """One try. What a stream tells of its message goes into `heard`, which outlives a try that is cut off."""
    import anthropic
    import httpx2

    try:
        if body["max_tokens"] > LONGEST_UNSTREAMED:
            return await _streamed(client, body, timeout_s, heard)
        return await _whole(client, body, timeout_s)
    except anthropic.APIStatusError as refused:
        return _status_failure(refused)
    except anthropic.APITimeoutError as late:
        return Failure("timeout", is_sent=_is_sent(late))
    except (anthropic.APIConnectionError, httpx2.TransportError) as broken:
        return Failure("connection", detail=type(broken).__name__, is_sent=_is_sent(broken))
    except (anthropic.APIError, ValueError) as unread:
        return Failure("unreadable", detail=type(unread).__name__)


async def _whole(client: AsyncAnthropic, body: JsonObject, timeout_s: float) -> Reply | Failure:
    """The raw body, not the SDK's object of it: what the API may add tomorrow is kept, and nothing is filled in."""
    raw = await client.messages.with_raw_response.create(**body, timeout=timeout_s)
    return _reply(await raw.json(), raw.request_id)


async def _streamed(client: AsyncAnthropic, body: JsonObject, timeout_s: float, heard: JsonObject) -> Reply | Failure:
    async with client.messages.stream(**body, timeout=timeout_s) as stream:
        async for event in stream:
            if event.type in ("message_start", "message_delta"):  # the two that carry usage, each the total so far
                known = stream.current_message_snapshot.to_dict(mode="json")
                heard.update(model=known["model"], usage=known["usage"])
        message = await stream.get_final_message()
        return _reply(message.to_dict(mode="json"), stream.request_id)


def _is_sent(broken: Exception) -> bool:
    """Whether the request may have gone out: not if there was never a connection to send it on."""
    import httpx2

    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    return not isinstance(broken, unsent) and not isinstance(broken.__cause__, unsent)


def _reply(body: object, request_id: str | None) -> Reply | Failure:
    if isinstance(body, dict) and body.get("type") == "message":
        return Reply(body, request_id)
    return Failure("unreadable", request_id=request_id, detail="not a message")


def _status_failure(refused: Any) -> Failure:
    headers = refused.response.headers
    said = headers.get("x-should-retry", "").lower()
    return Failure(
        "status",
        status=refused.status_code,
        type=refused.type,
        code=refused.error_code,
        request_id=refused.request_id,
        retry_after_s=_retry_after_s(headers.get("retry-after-ms"), headers.get("retry-after")),
        should_retry={"true": True, "false": False}.get(said),
        detail=str(refused.api_message or "")[:200],
    )


def _retry_after_s(millis: str | None, seconds: str | None) -> float | None:
    """The server's word on when, in seconds from now: milliseconds, seconds or an HTTP date; None if it has none."""
    with suppress(TypeError, ValueError):
        return max(0.0, float(str(millis)) / 1000)
    with suppress(TypeError, ValueError):
        return max(0.0, float(str(seconds)))
    with suppress(TypeError, ValueError):
        return max(0.0, (parsedate_to_datetime(str(seconds)) - datetime.now(UTC)).total_seconds())
    return None

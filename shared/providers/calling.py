"""One HTTP call to an outside party: its answer, or why there is none and whether it may have been acted on."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from shared.core.canonical import Json, JsonObject
from shared.errors import ProviderDownError

if TYPE_CHECKING:
    from httpx2 import AsyncClient

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is the parsed JSON, None if it was none."""

    status: int
    headers: Mapping[str, str]
    body: Json

    @property
    def retry_after_s(self) -> float | None:
        with suppress(ValueError):
            return max(0.0, float(self.headers.get("retry-after", "")))
        return None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back. `was_sent` says that the other side may have read the request, and acted on it."""

    was_sent: bool
    what: str


@cache
def _trust() -> SSLContext:
    """The certificates that are trusted, read once: it takes a tenth of a second."""
    import httpx2

    return httpx2.create_ssl_context()


@asynccontextmanager
async def calling(timeout_s: float) -> AsyncIterator[AsyncClient]:
    """A client for this event loop, for as long as the block; `timeout_s` is the longest silence of a call."""
    import httpx2

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs addresses, and some of them hold a token
    async with httpx2.AsyncClient(timeout=timeout_s, verify=_trust()) as client:
        yield client


async def ask(
    client: AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    json_body: Json = None,
    content: AsyncIterable[bytes] | None = None,
) -> Answer | NoAnswer:
    """One call, tried once."""
    import httpx2

    sent = json.dumps(json_body).encode() if json_body is not None else content
    try:
        response = await client.request(method, url, headers=dict(headers), params=params, content=sent)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as failed:
        return NoAnswer(was_sent=False, what=type(failed).__name__)
    except httpx2.TransportError as failed:
        return NoAnswer(was_sent=True, what=type(failed).__name__)
    try:
        body = response.json()
    except ValueError:
        body = None
    return Answer(response.status_code, response.headers, body)


def read_as(kind: type[Model], call: str, data: JsonObject) -> Model:
    """An answer's data as a record. Raises `ProviderDownError` naming the fields that are not as documented."""
    try:
        return kind.model_validate(data)
    except ValidationError as wrong:
        fields = ", ".join(sorted({".".join(map(str, problem["loc"])) for problem in wrong.errors()}))
        raise ProviderDownError(f"{call}: the answer has no good {fields}") from wrong


def text_of(value: Json) -> Json:
    """An id as text: ids are JSON numbers over 2^53 in one place and texts in another."""
    return str(value) if isinstance(value, int) else value


def texts_of(value: Json) -> Json:
    """A list of ids as texts; none is an empty one."""
    return [text_of(one) for one in value] if isinstance(value, list) else [] if value is None else value

"""Studio over HTTP: orders under an idempotency key, status, and the asset as a stream, taken up where it broke."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.errors import ProviderDownError, ProviderRefusedError
from shared.providers.calling import Answer, ask, calling, read_as
from shared.providers.google_identity import id_token
from shared.providers.studio_wire import AssetInfo, Generation, Quote, StudioBrief
from shared.providers.text import clean_text

if TYPE_CHECKING:
    from httpx2 import Response

TAKEN_UP = 5  # how often a broken download is taken up again
BUSY = (408, 425, 429)


class HttpStudio:
    """The Studio of `STUDIO_URL`."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings, self._url = settings, url.rstrip("/")

    async def quote(self, brief: StudioBrief) -> Quote:
        about = {"kind": brief.kind, "duration_s": brief.duration_s, "aspect_ratio": brief.aspect_ratio}
        return read_as(Quote, "studio.quote", await self._json("POST", "/v1/quotes", about))

    async def order(self, brief: StudioBrief, most_usd: Decimal, metadata: dict[str, str], key: str) -> Generation:
        body: JsonObject = {"brief": brief.body(), "max_cost_usd": f"{most_usd:f}", "metadata": metadata}
        if self._settings.studio_callback_url:
            body["callback_url"] = self._settings.studio_callback_url
        answer = await self._json("POST", "/v1/generations", body, {"Idempotency-Key": key})
        return read_as(Generation, "studio.order", answer)

    async def read(self, generation_id: str) -> Generation:
        return read_as(Generation, "studio.read", await self._json("GET", f"/v1/generations/{generation_id}"))

    async def download(self, generation: Generation, asset: AssetInfo, took: Callable[[bytes], None]) -> None:
        """Streams the file. A stream that breaks off is taken up at the byte where it did, a few times."""
        path = f"/v1/generations/{generation.id}/asset"
        done = 0
        for _ in range(TAKEN_UP):
            before = done
            done = await self._stream(path, asset, done, took)
            if done >= asset.bytes:
                return
            if done == before:
                break
        raise ProviderDownError(f"studio.download: the stream broke off after {done} of {asset.bytes} bytes")

    async def _stream(self, path: str, asset: AssetInfo, done: int, took: Callable[[bytes], None]) -> int:
        """One request from byte `done` on; how many bytes there are after it."""
        import httpx2

        headers = await self._headers()
        if done:
            headers |= {"Range": f"bytes={done}-", "If-Range": f'"{asset.sha256}"'}
        async with calling(self._settings.studio_timeout_s) as client:
            try:
                async with client.stream("GET", self._url + path, headers=headers) as response:
                    if response.status_code != (206 if done else 200):
                        await response.aread()
                        raise _refusal("studio.download", response.status_code, _body(response), None)
                    async for part in response.aiter_raw():
                        took(part)
                        done += len(part)
            except httpx2.TransportError:
                return done
        return done

    async def _json(
        self, method: str, path: str, body: JsonObject | None = None, more: dict[str, str] | None = None
    ) -> JsonObject:
        headers = {**await self._headers(), "Content-Type": "application/json", **(more or {})}
        async with calling(self._settings.studio_timeout_s) as client:
            answer = await ask(client, method, self._url + path, headers=headers, json_body=body)
        call = f"studio {method} {path}"
        if not isinstance(answer, Answer):
            raise ProviderDownError(f"{call}: {answer.what}")
        if answer.status not in (200, 201):
            raise _refusal(call, answer.status, answer.body, answer.retry_after_s)
        if not isinstance(answer.body, dict):
            raise ProviderDownError(f"{call}: the answer is no JSON object")
        return answer.body

    async def _headers(self) -> dict[str, str]:
        audience = self._settings.studio_audience or self._url
        return {"Authorization": f"Bearer {await id_token(audience, self._settings)}"}


def _body(response: Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


def _refusal(call: str, status: int, body: object, retry_after_s: float | None) -> Exception:
    """Whether asking again may help: it may when Studio is busy or broken, not when it says no."""
    error = body.get("error") if isinstance(body, dict) else None
    told = error if isinstance(error, dict) else {}
    code = clean_text(str(told.get("code") or "unknown"), 60)
    message = f"{call}: {status} {code}: {clean_text(str(told.get('message') or 'no reason given'), 300)}"
    if status >= 500 or status in BUSY:
        return ProviderDownError(message, retry_after_s=retry_after_s)
    return ProviderRefusedError(code, message)

"""The API as the command line sees it: JSON over HTTP, server-sent events, and errors in one sentence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import urllib3

from shared.core.canonical import Json, JsonObject

TIMEOUT_S = 90.0
STREAM_TRIES = 5
PAGE = 1000  # what one answer of the API holds at most


class ApiError(Exception):
    """The API said no, or nothing. `problem` is its problem document, if it sent one."""

    def __init__(self, message: str, problem: JsonObject | None = None) -> None:
        super().__init__(message)
        self.problem = problem or {}


class Api:
    """One API at one address, as one user."""

    def __init__(self, url: str, token: str) -> None:
        if not token.isascii() or not token.isprintable():
            raise ApiError("the token holds characters that no token has; copy it again")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(connect=5, read=TIMEOUT_S))

    def get(self, path: str, **query: Any) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self._json("GET", path + (f"?{urlencode(given)}" if given else ""))

    def post(self, path: str, body: Json, *, idempotency_key: str | None = None) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", path, json.dumps(body).encode(), headers)

    def put(self, path: str, body: Json) -> Any:
        return self._json("PUT", path, json.dumps(body).encode())

    def delete(self, path: str) -> Any:
        return self._json("DELETE", path)

    def all_of(self, path: str, name: str) -> JsonObject:
        """An answer with all the rows of its list `name`, page by page."""
        answer: JsonObject = self.get(path, limit=PAGE)
        page = answer[name]
        while len(page) == PAGE:
            page = self.get(path, limit=PAGE, offset=len(answer[name]))[name]
            answer[name].extend(page)
        return answer

    def _json(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        sent = {**self._headers, "Content-Type": "application/json", **(headers or {})}
        try:
            response = self._http.request(method, self.url + path, body=body, headers=sent)
        except urllib3.exceptions.HTTPError as failed:
            raise ApiError(f"{self.url} does not answer ({type(failed).__name__})") from failed
        answer = _document(response.data)
        if response.status >= 400:
            raise _refused(response.status, answer)
        if not isinstance(answer, dict):
            raise ApiError(f"{self.url} is not this API: {method} {path} answered {response.status} without a document")
        return answer

    def events(self, path: str) -> Iterator[JsonObject]:
        """The events of a stream until it ends. Comes back with `Last-Event-ID` if the connection is lost."""
        last: str | None = None
        misses = 0
        while misses < STREAM_TRIES:
            try:
                for event in self._stream(path, last):
                    last, misses = str(event["seq"]), 0
                    yield event
                return
            except urllib3.exceptions.HTTPError:
                misses += 1
                time.sleep(0.2 * misses)
        raise ApiError(f"the stream of the run was lost {STREAM_TRIES} times in a row; the run itself may go on")

    def _stream(self, path: str, last: str | None) -> Iterator[JsonObject]:
        headers = {**self._headers, "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = last
        response = self._http.request("GET", self.url + path, headers=headers, preload_content=False)
        if response.status != 200:
            raise _refused(response.status, _document(response.data))
        rest = b""
        try:
            for chunk in response.stream(amt=None):
                *blocks, rest = (rest + chunk).split(b"\n\n")
                for block in blocks:
                    data = b"".join(line[6:] for line in block.split(b"\n") if line.startswith(b"data: "))
                    if data:
                        yield json.loads(data)
        finally:
            response.close()  # whoever has seen enough leaves before the end


def _document(body: bytes) -> Json:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _refused(status: int, answer: Json) -> ApiError:
    """The API's own sentence, where it sent one."""
    problem = answer if isinstance(answer, dict) else {}
    return ApiError(str(problem.get("detail", f"the API answered {status} and does not say why")), problem)

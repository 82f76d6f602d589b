"""The doors as one user of them sees them, through faults: away for a while is no reason to give up."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from shared.core.canonical import JsonObject


class DoorsAwayError(Exception):
    """No answer, or one that says try again."""


class DoorRefusedError(Exception):
    """A 4xx: asking again would be refused again. `status` and `problem` are the answer's."""

    def __init__(self, status: int, problem: JsonObject) -> None:
        super().__init__(str(problem.get("detail", f"the doors answered {status}")))
        self.status, self.problem = status, problem


class Doors:
    """JSON over HTTP, with a user's token."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=90))

    def get(self, path: str) -> Any:
        return self._asked("GET", path, None, {})

    def post(self, path: str, body: JsonObject, *, idempotency_key: str | None = None) -> Any:
        more = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._asked("POST", path, json.dumps(body).encode(), more)

    def _asked(self, method: str, path: str, body: bytes | None, more: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json", **more}
        try:
            response = self._http.request(method, self._url + path, body=body, headers=headers)
            answer = json.loads(response.data)
        except (urllib3.exceptions.HTTPError, ValueError) as failed:
            raise DoorsAwayError(str(failed)) from failed
        if response.status >= 500:
            raise DoorsAwayError(f"{response.status} for {path}")
        if response.status >= 400:
            raise DoorRefusedError(response.status, answer)
        return answer

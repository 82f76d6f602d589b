"""A task as the bytes of one HTTP request, with the headers that Cloud Tasks adds (and those it replaces)."""

from __future__ import annotations

import time
from collections.abc import Callable

from local.tasks.http import Target
from local.tasks.lane import Pending
from local.tasks.wire import METHODS, WITH_BODY, Message

REPLACED = frozenset({"host", "content-length", "user-agent", "connection", "transfer-encoding", "expect", "upgrade"})
REPLACED_PREFIXES = ("x-google-", "x-appengine-", "x-cloudtasks-")
RENEW_AFTER_S = 1800.0  # half of a token's life

Mint = Callable[[str, str], str]


class Bearers:
    """The OIDC tokens in use, by e-mail and audience: signing one costs more than sending a hundred tasks."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._kept: dict[tuple[str, str], tuple[str, float]] = {}

    def token(self, email: str, audience: str) -> str:
        """A token that is good for at least half an hour more."""
        kept = self._kept.get((email, audience))
        if kept is not None and kept[1] > time.time():
            return kept[0]
        if len(self._kept) >= 1000:
            self._kept.clear()
        token = self._mint(email, audience)
        self._kept[email, audience] = (token, time.time() + RENEW_AFTER_S)
        return token


def request_bytes(pending: Pending, request: Message, target: Target, bearers: Bearers) -> bytes:
    """The whole request of the next attempt. `pending.dispatches` does not count it yet."""
    lines = [
        f"{METHODS[request.http_method]} {target.path} HTTP/1.1",
        f"Host: {target.host_header}",
        "User-Agent: Google-Cloud-Tasks",
        f"X-CloudTasks-QueueName: {pending.lane.short_name}",
        f"X-CloudTasks-TaskName: {pending.name}",
        f"X-CloudTasks-TaskRetryCount: {pending.dispatches}",
        f"X-CloudTasks-TaskExecutionCount: {pending.executions}",
        f"X-CloudTasks-TaskETA: {pending.due:.6f}",
    ]
    if pending.previous:
        lines.append(f"X-CloudTasks-TaskPreviousResponse: {pending.previous}")
    if pending.reason:
        lines.append(f"X-CloudTasks-TaskRetryReason: {pending.reason}")
    has_token = request.HasField("oidc_token")
    if has_token:
        oidc = request.oidc_token
        lines.append(f"Authorization: Bearer {bearers.token(oidc.service_account_email, oidc.audience or request.url)}")
    lines += [f"{name}: {value}" for name, value in request.headers.items() if _is_kept(name.lower(), has_token)]
    if request.http_method in WITH_BODY:
        lines.append(f"Content-Length: {len(request.body)}")
    body: bytes = request.body
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _is_kept(name: str, has_token: bool) -> bool:
    if name in REPLACED or name.startswith(REPLACED_PREFIXES):
        return False
    return not (has_token and name == "authorization")

"""The tokens of the fake TikTok: pairs that run out, and refresh tokens that are good once.

A pair is of one account; renewing it gives another pair, and the old refresh token is `invalid_grant` from then on, as
TikTok's pages on tokens say. Tokens that were not issued here are judged by their shape (`local.fakes.tiktok_desk`).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.core.canonical import JsonObject

CLIENT_KEY, CLIENT_SECRET = "fake-client-key", "fake-client-secret"
ACCESS_S, REFRESH_S = 86_400, 31_536_000
SCOPES = "user.info.basic,user.info.profile,user.info.stats,video.list,video.publish"


class GrantRefusedError(Exception):
    """An OAuth error: its code and its description."""

    def __init__(self, code: str, told: str) -> None:
        super().__init__(code)
        self.code, self.told = code, told


@dataclass
class Pairs:
    """Every pair that was issued. Shared by the server's threads."""

    clock: Callable[[], float]
    until: dict[str, float] = field(default_factory=dict)  # access token, and when it runs out
    refresh: dict[str, str] = field(default_factory=dict)  # refresh token that is good, and its account
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def issue(self, name: str, expires_in: int = ACCESS_S) -> JsonObject:
        """A new pair for the account of this name, as the token endpoint tells it."""
        with self.lock:
            number = next(self.numbers)
            access, refresh = f"act.{name}.issued{number}", f"rft.{name}.issued{number}"
            self.until[access] = self.clock() + expires_in
            self.refresh[refresh] = name
        return {
            "access_token": access,
            "expires_in": expires_in,
            "open_id": f"open-{name}",
            "refresh_token": refresh,
            "refresh_expires_in": REFRESH_S,
            "scope": SCOPES,
            "token_type": "Bearer",
        }

    def is_over(self, access: str) -> bool:
        """Whether this token was issued here and has run out, or was revoked."""
        with self.lock:
            return access in self.until and self.until[access] <= self.clock()

    def revoke(self, name: str) -> None:
        """The account's owner removes the app: none of its tokens works any more."""
        with self.lock:
            for access in self.until:
                if access.startswith(f"act.{name}."):
                    self.until[access] = 0.0
            self.refresh = {token: whose for token, whose in self.refresh.items() if whose != name}

    def renewed(self, asked: Mapping[str, object], key: str) -> JsonObject:
        """The next pair. `key` names the field of the app: client_key, or client_id."""
        with self.lock:
            if (asked.get(key), asked.get("client_secret")) != (CLIENT_KEY, CLIENT_SECRET):
                raise GrantRefusedError("invalid_client", "Client key or secret is incorrect.")
            if asked.get("grant_type") != "refresh_token":
                raise GrantRefusedError("unsupported_grant_type", "The grant type is not supported.")
            name = self.refresh.pop(str(asked.get("refresh_token")), None)
            if name is None:
                raise GrantRefusedError("invalid_grant", "Refresh token is invalid or expired.")
            return self.issue(name)

"""The certificates that tokens are verified with: fetched when needed, kept as long as their address says."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import TransientError, UnauthenticatedError

log = logging.getLogger(__name__)

DEFAULT_MAX_AGE_S = 300.0
MIN_BETWEEN_FETCHES_S = 3.0  # an unknown key id is free to send: it must not make us fetch at will
TIMEOUT_S = (3.05, 5.0)  # to connect, to answer
MAX_AGE = re.compile(r"max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


class CertSource:
    """The certificates at one address, as `{key id: PEM}`. Safe for threads; one fetch at a time."""

    def __init__(self, url: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._url, self._now = url, now
        self._lock = threading.Lock()
        self._session: Any = None
        self._certs: Mapping[str, str] = {}
        self._fresh_until = -math.inf
        self._fetched_at = -math.inf

    def certificate(self, key_id: str) -> str:
        """The certificate with this id.

        UnauthenticatedError: there is none. TransientError: certificates could not be fetched and none are kept.
        """
        certs = self._certs
        if self._now() >= self._fresh_until or key_id not in certs:
            certs = self._refreshed(key_id)
        if key_id not in certs:
            raise UnauthenticatedError("the token is signed with an unknown key")
        return certs[key_id]

    def _refreshed(self, key_id: str) -> Mapping[str, str]:
        with self._lock:
            now = self._now()
            is_fresh = now < self._fresh_until and key_id in self._certs  # fetched while we waited for the lock
            if not is_fresh and now - self._fetched_at >= MIN_BETWEEN_FETCHES_S:
                self._fetch()
            if not self._certs:
                raise TransientError(f"no certificates from {self._url}", retry_after_s=MIN_BETWEEN_FETCHES_S)
            return self._certs

    def _fetch(self) -> None:
        """Replaces the certificates. On a failure the ones we have stay in use."""
        import requests

        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False  # only the settings say where calls go
        try:
            answer = self._session.get(self._url, timeout=TIMEOUT_S)
            answer.raise_for_status()
            self._certs = _read(answer.json())
        except (requests.RequestException, ValueError) as wrong:
            log.warning("certificates from %s: %s", self._url, type(wrong).__name__)
        else:
            self._fresh_until = self._now() + _max_age_s(answer.headers.get("Cache-Control", ""))
        self._fetched_at = self._now()


def _read(body: object) -> Mapping[str, str]:
    if not isinstance(body, dict) or not body or not all(isinstance(pem, str) for pem in body.values()):
        raise ValueError("not an object of certificates by key id")
    return body


def _max_age_s(cache_control: str) -> float:
    found = MAX_AGE.search(cache_control)
    return float(found[1]) if found else DEFAULT_MAX_AGE_S

"""Who we are to another service: an ID token that Google signs for one audience (B042).

On Cloud Run the metadata server gives it for the service account of the door. On one machine the local signer answers
at the same path with the same shape, so only the address (`METADATA_URL`) differs.
https://cloud.google.com/run/docs/authenticating/service-to-service#use_the_metadata_server
"""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import suppress

from shared.config import Settings
from shared.errors import NotEnoughSettingsError, ProviderDownError
from shared.providers.calling import calling

IDENTITY_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"
FLAVOR = {"Metadata-Flavor": "Google"}
RENEW_BEFORE_S = 300.0
TIMEOUT_S = 5.0
_lock = threading.Lock()
_kept: dict[tuple[str, str], tuple[str, float]] = {}


async def id_token(audience: str, settings: Settings) -> str:
    """A token for this audience, kept until five minutes before it expires.

    Raises `NotEnoughSettingsError` where no identity is to be had, `ProviderDownError` when asking again may help.
    """
    key = (settings.metadata_url, audience)
    with _lock:
        known = _kept.get(key)
    if known is not None and known[1] - RENEW_BEFORE_S > time.time():
        return known[0]
    token = await _asked(audience, settings.metadata_url)
    with _lock:
        _kept[key] = (token, _expiry(token))
    return token


async def _asked(audience: str, metadata_url: str) -> str:
    import httpx2

    async with calling(TIMEOUT_S) as client:
        try:
            answer = await client.get(
                metadata_url + IDENTITY_PATH, params={"audience": audience, "format": "full"}, headers=FLAVOR
            )
        except httpx2.TransportError as failed:
            raise ProviderDownError(f"the metadata server did not answer: {type(failed).__name__}") from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise ProviderDownError(f"the metadata server answered {answer.status_code}")
    if answer.status_code != 200 or answer.headers.get("metadata-flavor") != "Google":
        raise NotEnoughSettingsError(
            f"settings: METADATA_URL: it gives no ID token (status {answer.status_code}): is there a service account?"
        )
    return answer.text.strip()


def _expiry(token: str) -> float:
    """The `exp` of a token, in seconds since 1970; 0 (use it once) where it cannot be read. Who is asked checks it."""
    with suppress(ValueError, IndexError, KeyError, TypeError):
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    return 0.0

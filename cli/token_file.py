"""Tokens from a file or from standard input, as a vendor's OAuth answer gives them: never from a command line, where
every process of the machine could read them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from shared.core.accounts import Vendor
from shared.core.canonical import JsonObject

MOST_BYTES = 100_000
_ABSOLUTE = {"access_token_expire_in": "expires_in", "refresh_token_expire_in": "refresh_expires_in"}
_IDS = {
    Vendor.TIKTOK: "open_id",
    Vendor.BUSINESS: "open_id",
    Vendor.ADS: "advertiser_id",
    Vendor.SHOP: "shop_id",
}


def read_tokens(file: Path | None) -> JsonObject:
    """What the file, or standard input, holds: the OAuth answer as JSON (or its `data`), or an access token alone."""
    if file is None and sys.stdin.isatty():
        raise click.UsageError("name --token-file FILE, or send the vendor's OAuth answer to standard input")
    try:
        data = sys.stdin.buffer.read(MOST_BYTES + 1) if file is None else _start_of(file)
        text = data.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as wrong:
        raise click.UsageError(f"the tokens cannot be read: {type(wrong).__name__}") from None
    if not text or len(data) > MOST_BYTES:
        raise click.UsageError("expected: the vendor's OAuth answer as JSON, or an access token")
    if not text.startswith("{"):
        return {"access_token": text}
    try:
        found = json.loads(text)
    except ValueError:
        raise click.UsageError("the tokens begin like JSON, and are none") from None
    inner = found.get("data")
    return inner if isinstance(inner, dict) else dict(found)


def _start_of(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(MOST_BYTES + 1)


def account_of(vendor: Vendor, answer: JsonObject) -> JsonObject:
    """The body for the API: tokens with the seconds that they are good for, the vendor's id, and the scopes."""
    tokens: dict[str, Any] = {
        name: answer[name] for name in ("access_token", "refresh_token", "cipher") if answer.get(name)
    }
    if answer.get("shop_cipher"):
        tokens["cipher"] = answer["shop_cipher"]
    tokens |= _times(answer)
    scopes = answer.get("granted_scopes", answer.get("scope", answer.get("scopes", [])))
    listed = scopes.split(",") if isinstance(scopes, str) else scopes if isinstance(scopes, list) else []
    body: JsonObject = {"vendor": vendor.value, "tokens": tokens, "scopes": [str(one).strip() for one in listed if one]}
    if answer.get(_IDS[vendor]):
        body["external_id"] = str(answer[_IDS[vendor]])
    return body


def _times(answer: JsonObject) -> dict[str, Any]:
    """Seconds from now. TikTok Shop tells Unix times, and the Business API has a name of its own."""
    told = {**answer, "refresh_expires_in": answer.get("refresh_expires_in", answer.get("refresh_token_expires_in"))}
    for absolute, relative in _ABSOLUTE.items():
        if isinstance(answer.get(absolute), int):
            told[relative] = max(0, answer[absolute] - int(time.time()))
    return {name: told[name] for name in ("expires_in", "refresh_expires_in") if told.get(name) is not None}

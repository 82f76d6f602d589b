"""The fake vendors that a stack may run beside its doors: real modes without a network, an account or money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def _no_more(folder: Path) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Vendor:
    """A fake: its module, the settings that lead to its address, and what it is told besides its port.

    A setting that is given by hand stands. `more` takes the folder of the stack.
    """

    module: str
    settings: Callable[[str], dict[str, str]]
    more: Callable[[Path], list[str]] = _no_more


def _anthropic(url: str) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "fake-key"}


def _studio(url: str) -> dict[str, str]:
    return {"STUDIO_URL": url}


def _tiktok(url: str) -> dict[str, str]:
    """Posts go to @lakucosmetics, unless TIKTOK_ACCESS_TOKEN says otherwise."""
    from local.fakes.tiktok_tokens import CLIENT_KEY, CLIENT_SECRET

    return {
        "TIKTOK_OPEN_API_URL": url,
        "TIKTOK_CLIENT_KEY": CLIENT_KEY,
        "TIKTOK_CLIENT_SECRET": CLIENT_SECRET,
        "TIKTOK_BUSINESS_APP_ID": CLIENT_KEY,
        "TIKTOK_BUSINESS_APP_SECRET": CLIENT_SECRET,
        "TIKTOK_ACCESS_TOKEN": "act.lakucosmetics",
        "TIKTOK_BUSINESS_API_URL": url,
        "TIKTOK_BUSINESS_TOKEN": "act.lakucosmetics",
        "TIKTOK_BUSINESS_ID": "open-lakucosmetics",
    }


def _ads(url: str) -> dict[str, str]:
    return {"TIKTOK_ADS_API_URL": url, "TIKTOK_ADS_TOKEN": "fake-token", "TIKTOK_ADS_IDENTITY_ID": "fake-identity"}


def _shop(url: str) -> dict[str, str]:
    from local.fakes.tiktok_shop_desk import APP_KEY, APP_SECRET, CIPHER, TOKEN

    return {
        "TIKTOK_SHOP_API_URL": url,
        "TIKTOK_SHOP_AUTH_URL": url,
        "TIKTOK_SHOP_APP_KEY": APP_KEY,
        "TIKTOK_SHOP_APP_SECRET": APP_SECRET,
        "TIKTOK_SHOP_TOKEN": TOKEN,
        "TIKTOK_SHOP_CIPHER": CIPHER,
    }


VENDORS = {
    "ads": Vendor("local.fakes.tiktok_ads", _ads),
    "anthropic": Vendor("local.fakes.anthropic", _anthropic),
    "shop": Vendor("local.fakes.tiktok_shop", _shop),
    "studio": Vendor("local.fakes.studio", _studio, lambda folder: ["--signer", str(folder / "signer")]),
    "tiktok": Vendor("local.fakes.tiktok_content", _tiktok),
}

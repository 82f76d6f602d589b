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
    return {
        "TIKTOK_OPEN_API_URL": url,
        "TIKTOK_ACCESS_TOKEN": "act.lakucosmetics",
        "TIKTOK_BUSINESS_API_URL": url,
        "TIKTOK_BUSINESS_TOKEN": "act.lakucosmetics",
        "TIKTOK_BUSINESS_ID": "open-lakucosmetics",
    }


VENDORS = {
    "anthropic": Vendor("local.fakes.anthropic", _anthropic),
    "studio": Vendor("local.fakes.studio", _studio, lambda folder: ["--signer", str(folder / "signer")]),
    "tiktok": Vendor("local.fakes.tiktok_content", _tiktok),
}

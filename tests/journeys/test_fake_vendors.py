"""A stack with fake vendors beside its doors."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.drill.until import until
from local.stack import Stack, running
from local.vendors import VENDORS
from shared.config import Settings, process_environ


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Every fake, in real modes; one setting is given by hand, one is there and empty."""
    folder = Path(tempfile.mkdtemp(prefix="army-fakes-", dir="/var/tmp"))
    folder.chmod(0o755)
    modes = {"CLAUDE_MODE": "real", "TIKTOK_PROVIDER_MODE": "real", "TIKTOK_BUSINESS_ID": ""}
    environ = {**process_environ(), **modes, "TIKTOK_ACCESS_TOKEN": "act.byhand"}
    with Stack(folder / "stack", environ, sweep_every_s=0.2, fsync=False, fakes=sorted(VENDORS)) as made:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def asked(url: str) -> Any:
    response = urllib3.request("GET", url, retries=False, timeout=5)
    assert response.status == 200, url
    return json.loads(response.data)


def test_the_settings_lead_to_the_fakes(stack: Stack) -> None:
    """Each fake answers where the settings and stack.json say; what was given by hand stands."""
    settings, info = stack.settings, running(stack.folder)
    assert info is not None

    assert info.fakes == stack.fakes
    assert info.fakes.keys() == VENDORS.keys()
    assert asked(f"{settings.anthropic_base_url}/_bill")["requests"] == 0
    assert asked(f"{settings.studio_url}/_generations") is not None
    assert asked(f"{settings.tiktok_open_api_url}/_posts")["published"] == 0
    assert asked(f"{settings.tiktok_ads_api_url}/_campaigns") == []
    assert asked(f"{settings.tiktok_shop_api_url}/_messages") == []
    assert settings.tiktok_access_token is not None
    assert settings.tiktok_access_token.get_secret_value() == "act.byhand"
    assert settings.tiktok_business_id == "open-lakucosmetics"


def test_a_fake_that_dies_is_started_again(stack: Stack) -> None:
    """At the same address, so that nobody loses it."""
    before = stack.parts["fake-tiktok"].pid
    os.kill(before, signal.SIGKILL)

    until(lambda: stack.parts["fake-tiktok"].pid != before, what="a new process")
    until(stack.parts["fake-tiktok"].command.is_ready, what="its answer")
    assert asked(f"{stack.fakes['tiktok']}/_posts")["published"] == 0


def test_every_setting_of_a_fake_is_one() -> None:
    """A misspelt name would lead nowhere."""
    for vendor in VENDORS.values():
        for name in vendor.settings("http://127.0.0.1:1"):
            assert name.lower() in Settings.model_fields

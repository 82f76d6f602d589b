"""The real Studio client over the fake Studio: tokens of the local signer, files in a folder of the test."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.fakes.studio import FakeStudio
from local.signer import Signer, certs_server
from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.providers.studio_wire import StudioBrief
from tests.support.model_calls import settings_as
from tests.support.serving import answering

BRIEF = StudioBrief(prompt="Morning light on a bathroom shelf; a hand takes a jar.", duration_s=10)
MOST = Decimal("1.00")


@contextmanager
def real_studio(folder: Path, **fields: Any) -> Iterator[FakeStudio]:
    """Real mode against a fake of its own."""
    signer = Signer(folder / "signer")
    with answering(certs_server(signer, 0)) as metadata_url, FakeStudio(signer) as fake:
        given = {"studio_url": fake.url, "metadata_url": metadata_url, "asset_dir": folder / "assets", **fields}
        with settings_as(tiktok_provider_mode="real", **given):
            yield fake


@contextmanager
def mock_studio(folder: Path) -> Iterator[Settings]:
    """Mock mode, with its files in the folder."""
    with settings_as(tiktok_provider_mode="mock", asset_dir=folder / "assets") as settings:
        yield settings


def decide(fake: FakeStudio, generation_id: str, status: str = "approved", note: str = "") -> JsonObject:
    """A person decides, over HTTP."""
    return posted(f"{fake.url}/_decide", {"generation_id": generation_id, "status": status, "by": "Kim", "note": note})


def posted(url: str, body: JsonObject) -> JsonObject:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: JsonObject = json.load(answer)
    return found


@dataclass
class Heard:
    """What was posted to an address of ours: headers and body of each."""

    url: str = ""
    posts: list[tuple[dict[str, str], JsonObject]] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Heard]:
    """An address that takes callbacks."""
    heard = Heard()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.posts.append((dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Door)) as url:
        heard.url = url
        yield heard

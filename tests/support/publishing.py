"""What tests of publishing start from: a video file, a proposal to publish it, and an order that keeps its progress."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from shared.config import Settings
from shared.core.canonical import JsonObject
from shared.core.ids import new_id
from shared.effects.contract import EffectOrder
from shared.media.films import Film, film_store
from shared.providers.chunks import LEAST_CHUNK
from tests.support.serving import answering

MP4_HEAD = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
HANDLE = "lakucosmetics"
WORKSPACE = UUID("00000000-0000-7000-8000-0000000000bb")


def video_bytes(size: int = 4_000) -> bytes:
    """Bytes that begin like an MP4 file, each place with a value of its own."""
    block = bytes(range(256))
    return (MP4_HEAD + block * (size // 256 + 1))[:size]


def kept_film(settings: Settings, data: bytes | None = None, workspace_id: UUID = WORKSPACE) -> Film:
    """These bytes, or a small video, in the store of films."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"
        file.write_bytes(video_bytes() if data is None else data)
        return film_store(settings).save(workspace_id, file)


def film_path(settings: Settings, film: Film) -> Path:
    """The file of a film in the folder of assets."""
    return settings.assets_folder / film.name


def a_post(file: Film | None = None, **changes: Any) -> JsonObject:
    """The payload of a proposal to publish this file."""
    sha256, size = (file.sha256, file.bytes) if file else ("0" * 64, 4_000)
    return {
        "handle": HANDLE,
        "caption": "3-step glow routine #skincare 🌿",
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "brand_organic_toggle": True,
        "asset": {"sha256": sha256, "bytes": size, "duration_s": 21.5, "width": 1080, "height": 1920},
        **changes,
    }


class Notes:
    """What an order's `note` kept, in order. `on_note` may raise, as a process that dies right after a commit does."""

    def __init__(self, on_note: Callable[[int], None] = lambda _: None) -> None:
        self.kept: list[JsonObject] = []
        self._on_note = on_note

    async def note(self, progress: JsonObject) -> None:
        self.kept.append(progress)
        self._on_note(len(self.kept))

    @property
    def last(self) -> JsonObject:
        return self.kept[-1] if self.kept else {}


def an_order(payload: JsonObject, notes: Notes | None = None, **changes: Any) -> EffectOrder:
    """A released order for this payload; its progress is what `notes` kept last."""
    kept = notes or Notes()
    order = EffectOrder(
        id=new_id(),
        workspace_id=WORKSPACE,
        run_id=new_id(),
        payload=payload,
        idempotency_key="effect-1",
        released_usd=Decimal(0),
        note=kept.note,
        progress=kept.last,
    )
    return replace(order, **changes)


class DiedError(BaseException):
    """The process was killed here: nothing of it may be caught."""


def dies_after(notes: int) -> Callable[[int], None]:
    """For `Notes`: dies right after so many notes were kept."""

    def die(kept: int) -> None:
        if kept == notes:
            raise DiedError

    return die


def real_settings(base_url: str, folder: Path, **changes: Any) -> Settings:
    """Real mode against the fake at this address, without its pauses; assets live below `folder`."""
    given: dict[str, Any] = {
        "army_home": folder,
        "army_workspace_id": WORKSPACE,
        "tiktok_provider_mode": "real",
        "tiktok_open_api_url": base_url,
        "tiktok_access_token": f"act.{HANDLE}",
        "tiktok_business_api_url": base_url,
        "tiktok_business_token": f"act.{HANDLE}",
        "tiktok_business_id": f"open-{HANDLE}",
        "tiktok_chunk_bytes": LEAST_CHUNK,
        "tiktok_timeout_s": 5,
        "publish_within_s": 10,
        "publish_pace": 0.001,
        **changes,
    }
    return Settings.model_validate(given)


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An address at which the files of this folder can be fetched."""
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietFiles, directory=str(folder)))) as url:
        yield url

"""Runs ffmpeg: the one of the settings, of PATH or of a wheel; no shell, bounded, ended with whoever started it."""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shared.config import current_settings
from shared.errors import NotEnoughSettingsError, TransientError

# A playlist names other files, so only containers that hold what they play are opened, and only from disk.
CONTAINERS = "mov,matroska"
DECODERS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,mpeg4,prores,mjpeg,png,"
    "aac,mp3,mp3float,opus,libopus,vorbis,libvorbis,ac3,eac3,alac,flac,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le"
)
MOST_PIXELS = 4096 * 4096
MOST_MEMORY = 6 * 1024**3  # bytes of address space; a vertical 1080p encode takes about 1.5 GB of it
AT_ONCE = 2  # encodes at once in this process: each takes the machine's cores
THREADS = "2"
_KEPT_BYTES = 64_000
_room = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of ffmpeg ended. `told` is the first thing it wrote about it, without paths."""

    code: int
    told: str


def input_options(file: Path) -> list[str]:
    """The options that open a file nobody trusts: local, of a known container, with known decoders, of bounded size."""
    whitelists = ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS, "-codec_whitelist", DECODERS]
    return [*whitelists, "-max_pixels", str(MOST_PIXELS), "-threads", THREADS, "-i", address_of(file)]


def address_of(file: Path) -> str:
    """The file as ffmpeg takes it: no name of a file can be read as a protocol or an option."""
    return f"file:{file.absolute()}"


def find_ffmpeg(path: Path | None) -> str:
    """The executable: the one of FFMPEG_PATH, else the one on PATH, else the one in the wheel imageio-ffmpeg.

    Raises `NotEnoughSettingsError` where there is none.
    """
    if path is not None:
        found = shutil.which(path)
        if found is None:
            raise NotEnoughSettingsError(f"settings: FFMPEG_PATH: {path} is no executable file")
        return found
    return shutil.which("ffmpeg") or _of_wheel()


def _of_wheel() -> str:
    with suppress(ImportError, RuntimeError):
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    raise NotEnoughSettingsError(
        "settings: FFMPEG_PATH: there is no ffmpeg; install one, or `pip install imageio-ffmpeg`, or name one here"
    )


@asynccontextmanager
async def a_place_to_encode() -> AsyncIterator[None]:
    """Waits until fewer than `AT_ONCE` encodes are under way in this process, in whatever thread."""
    await _entered()
    try:
        yield
    finally:
        _room.release()


async def _entered() -> None:
    """The room is shared by threads with a loop each, so none of asyncio's own locks would do."""
    while True:
        if _room.acquire(blocking=False):
            return
        await asyncio.sleep(0.05)


async def run_ffmpeg(arguments: Sequence[str], *, time_limit_s: float, took: Callable[[bytes], None]) -> Ended:
    """One run. `took` is given what it writes to stdout, line by line; what it raises ends the run.

    The process gets no environment, no input, and so much memory; it is killed when the time is over
    (`TransientError`), or when the caller is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        find_ffmpeg(current_settings().ffmpeg_path),
        *("-hide_banner", "-nostdin", "-loglevel", "error", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},  # the environment holds keys, and the file is a stranger's
    )
    try:
        with suppress(ProcessLookupError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        async with asyncio.timeout(time_limit_s):
            return await _ended(process, took)
    except TimeoutError:
        raise TransientError(f"ffmpeg did not finish within {time_limit_s:g} s and was ended") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _ended(process: asyncio.subprocess.Process, took: Callable[[bytes], None]) -> Ended:
    assert process.stdout is not None
    assert process.stderr is not None
    stderr = asyncio.create_task(_first_of(process.stderr))
    try:
        while part := await process.stdout.read(65_536):
            took(part)
        return Ended(await process.wait(), _without_paths(await stderr))
    finally:
        stderr.cancel()


async def _first_of(stream: asyncio.StreamReader) -> bytes:
    """What it complains of, from the beginning: what follows is mostly a consequence. All of it is read."""
    kept = b""
    while part := await stream.read(65_536):
        kept = (kept + part)[:_KEPT_BYTES]
    return kept


def _without_paths(told: bytes) -> str:
    """The first line, without addresses of memory and of files, as printable text."""
    lines = [line.strip() for line in told.decode(errors="replace").splitlines() if line.strip()]
    line = re.sub(r"(?:file:)?/\S+", "the file", lines[0] if lines else "it gave no reason")
    line = re.sub(r"^\[[^\]]*\]\s*", "", line)
    line = re.sub(r"not on whitelist.*", "is not one that is taken", line)
    return "".join(one if one.isprintable() else " " for one in line)[:200]

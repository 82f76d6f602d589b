"""Small real video files for tests: made with ffmpeg, each once for all tests of a process."""

from __future__ import annotations

import asyncio
import tempfile
from atexit import register
from functools import cache
from pathlib import Path

from shared.config import current_settings
from shared.media.ffmpeg import find_ffmpeg, run_ffmpeg

_H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
_AAC = "-c:a aac -b:a 64k"
_TONE = "-f lavfi -i sine=f=220:d={s}"
_PICTURE = "-f lavfi -i testsrc2=s={size}:r={fps}:d={s}"


@cache
def _folder() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="videos")
    register(kept.cleanup)
    return Path(kept.name)


def made(name: str, arguments: str) -> Path:
    """The file that ffmpeg makes with these arguments; they may not hold spaces of their own."""
    file = _folder() / name
    if not file.exists():
        ended = asyncio.run(run_ffmpeg([*arguments.split(), "-y", str(file)], time_limit_s=60, took=lambda _: None))
        assert ended.code == 0, ended.told
    return file


def a_video(size: str = "640x360", *, s: float = 3, fps: int = 25, name: str = "", more: str = "") -> Path:
    """A film with sound. `more` are further options of the output."""
    inputs = f"{_PICTURE} {_TONE}".format(size=size, fps=fps, s=s)
    return made(name or f"{size}-{s}-{fps}.mp4", f"{inputs} {_H264} {_AAC} {more}")


def a_silent_video(size: str = "640x360", *, s: float = 3) -> Path:
    """A film without a sound stream."""
    return made(f"silent-{size}-{s}.mp4", f"{_PICTURE.format(size=size, fps=25, s=s)} {_H264}")


def a_sound(s: float = 3) -> Path:
    """A file with sound alone."""
    return made(f"sound-{s}.m4a", f"{_TONE.format(s=s)} {_AAC}")


def a_turned_video() -> Path:
    """A film that was recorded lying and says that it is to be turned upright, as phones write it."""
    lying = a_video("640x360")
    return made("turned.mp4", f"-display_rotation 90 -i {lying} -c copy")


def picture_of(file: Path, at_s: float, x: int, y: int) -> tuple[int, int, int]:
    """The colour of one pixel at a time: red, green, blue, 0 to 255."""
    found = bytearray()
    arguments = f"-ss {at_s} -i {file} -frames:v 1 -vf crop=2:2:{x}:{y},format=rgb24 -f rawvideo pipe:1"
    asyncio.run(run_ffmpeg(arguments.split(), time_limit_s=30, took=found.extend))
    return found[0], found[1], found[2]


def the_ffmpeg() -> str:
    return find_ffmpeg(current_settings().ffmpeg_path)

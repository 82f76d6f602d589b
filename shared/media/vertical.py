"""Any video as TikTok likes it: 1080×1920, H.264 and AAC in MP4, 30 pictures a second (A039, B046).

TikTok takes other shapes too; this is the one that fills a phone. A picture is never stretched: what is not 9:16 stands
on a blurred copy of itself, or is cropped. Limits: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal
from uuid import uuid4

from shared.errors import InvalidInputError, TerminalError
from shared.media.boxes import starts_fast
from shared.media.ffmpeg import THREADS, a_place_to_encode, address_of, input_options, run_ffmpeg
from shared.media.probe import VideoFacts, by_line, probe_video, size_of

WIDTH, HEIGHT, FPS = 1080, 1920, 30
UPRIGHT = Fraction(WIDTH, HEIGHT)
Fit = Literal["blur", "crop"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken and given. The lengths are what TikTok takes; encoding may take `seconds_per_second` for each
    second of film, and a minute to begin with."""

    least_s: float = 3.0
    most_s: float = 600.0
    most_bytes: int = 1_000_000_000
    least_side: int = 16
    seconds_per_second: float = 10.0
    most_output_bytes: int = 1_000_000_000

    def time_limit_s(self, duration_s: float) -> float:
        return 60 + duration_s * self.seconds_per_second


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an encode is: seconds of film done, of all."""

    done_s: float
    of_s: float

    @property
    def share(self) -> float:
        return min(1.0, self.done_s / self.of_s)


async def to_tiktok_vertical(
    src: Path,
    dst: Path,
    *,
    fit: Fit = "blur",
    limits: Limits = LIMITS,
    on_progress: Callable[[Progress], None] = lambda _: None,
    time_limit_s: float | None = None,
) -> VideoFacts:
    """Makes `dst` of `src` and returns what was made, found by reading it. `dst` is there whole, or not at all.

    Raises `InvalidInputError("video", …)` that names what is wrong with `src`, `TransientError` when encoding took
    longer than the limits (or `time_limit_s`) allow, `TerminalError` when what came out is not what was asked for.
    """
    source = await checked_source(src, limits)
    allowed_s = limits.time_limit_s(source.duration_s)
    unfinished = dst.with_name(f".{dst.name}.{uuid4().hex}.mp4")
    try:
        async with a_place_to_encode():
            ended = await run_ffmpeg(
                _arguments(src, unfinished, source, fit, limits),
                time_limit_s=allowed_s if time_limit_s is None else min(allowed_s, time_limit_s),
                took=by_line(_told(on_progress, source.duration_s)),
            )
        if ended.code != 0:
            raise InvalidInputError("video", f"cannot be decoded to its end: {ended.told}")
        made = await _checked(unfinished, source, limits)
        unfinished.replace(dst)
        return made
    finally:
        unfinished.unlink(missing_ok=True)


async def checked_source(src: Path, limits: Limits = LIMITS) -> VideoFacts:
    """What the file is, if it may be made a post of. Raises `InvalidInputError("video", …)`."""
    size = size_of(src)
    if not 0 < size <= limits.most_bytes:
        raise InvalidInputError("video", f"has {size} bytes; allowed: 1 to {limits.most_bytes}")
    found = await probe_video(src)
    if not limits.least_s - 0.05 <= found.duration_s <= limits.most_s + 0.05:
        raise InvalidInputError(
            "video", f"lasts {found.duration_s:g} s; allowed: {limits.least_s:g} to {limits.most_s:g} s"
        )
    if min(found.width, found.height) < limits.least_side:
        raise InvalidInputError(
            "video", f"is {found.width}×{found.height}; allowed: {limits.least_side} a side or more"
        )
    return found


def _arguments(src: Path, dst: Path, source: VideoFacts, fit: Fit, limits: Limits) -> list[str]:
    silence = [] if source.audio else ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo"]
    sound = "0:a:0" if source.audio else "1:a:0"
    picture = ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "21", "-g", str(2 * FPS)]
    audio = ["-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2"]
    bounds = ["-t", f"{source.duration_s:.3f}", "-fs", str(limits.most_output_bytes)]
    plain = ["-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-movflags", "+faststart"]
    return [
        *("-progress", "pipe:1", "-xerror", *input_options(src), *silence),
        *("-filter_complex_threads", THREADS, "-filter_complex", filters(source, fit)),
        *("-map", "[v]", "-map", sound, *picture, "-threads", THREADS, *audio, *bounds, *plain),
        *("-f", "mp4", "-y", address_of(dst)),
    ]


def filters(source: VideoFacts, fit: Fit) -> str:
    """The filter graph. A shape within one per cent of 9:16 is cropped by that little; the blur is made small, then
    grown, which looks the same and takes a sixteenth of the time."""
    square = "[0:V:0]scale=w='max(2,trunc(iw*sar/2)*2)':h=ih,setsar=1"
    finish = f"fps={FPS},setsar=1,format=yuv420p[v]"
    cover = f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}"
    if fit == "crop" or abs(source.aspect / UPRIGHT - 1) <= Fraction(1, 100):
        return f"{square},{cover},{finish}"
    small = f"{WIDTH // 8}:{HEIGHT // 8}"
    return (
        f"{square},split[a][b];"
        f"[a]scale={small}:force_original_aspect_ratio=increase,crop={small},gblur=sigma=6,"
        f"scale={WIDTH}:{HEIGHT}:flags=bilinear,setsar=1[back];"
        f"[b]scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=decrease:force_divisible_by=2[front];"
        f"[back][front]overlay=(W-w)/2:(H-h)/2,{finish}"
    )


def _told(on_progress: Callable[[Progress], None], of_s: float) -> Callable[[str], None]:
    furthest = 0

    def note(line: str) -> None:
        nonlocal furthest
        name, _, value = line.partition("=")
        if name == "out_time_us" and value.strip().isdigit():  # N/A before the first picture
            furthest = max(furthest, int(value))  # sound and picture take turns in being ahead
            on_progress(Progress(furthest / 1_000_000, of_s))

    return note


async def _checked(made: Path, source: VideoFacts, limits: Limits) -> VideoFacts:
    """Reads what came out: an encoder that was stopped by a limit ends well, and leaves half a film."""
    found = await probe_video(made)
    wanted = {
        "H.264": found.codec == "h264",
        "AAC": found.audio == "aac",
        f"{WIDTH}×{HEIGHT}": (found.width, found.height) == (WIDTH, HEIGHT) and found.aspect == UPRIGHT,
        "4:2:0": found.pixels.startswith("420"),
        f"{FPS} pictures a second": abs(found.fps - FPS) < 0.05,
        f"{source.duration_s:g} s long": abs(found.duration_s - source.duration_s) <= 0.5,
        f"under {limits.most_output_bytes} bytes": found.bytes < limits.most_output_bytes,
        "with its index first": starts_fast(made),
    }
    missed = [name for name, holds in wanted.items() if not holds]
    if missed:
        raise TerminalError(f"the encoded video is not {', not '.join(missed)}")
    return found

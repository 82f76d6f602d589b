"""Small real films for mock mode and the fake Studio: moving colours and a quiet tone, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

from shared.errors import TerminalError
from shared.media.ffmpeg import address_of, run_ffmpeg

TIME_LIMIT_S = 60.0
_COLOURS = ("0x1b4965", "0x62b6cb", "0xf4a261", "0xe76f51", "0x2a9d8f", "0xe9c46a", "0x6d597a", "0xb56576")


async def render_clip(dst: Path, *, seed: int, duration_s: float, width: int = 640, height: int = 360) -> None:
    """Renders a film without words or logos: H.264 and AAC in MP4. The same arguments and the same ffmpeg give the same
    bytes."""
    first, second = _COLOURS[seed % 8], _COLOURS[(seed // 8) % 7 + (1 if (seed // 8) % 7 >= seed % 8 else 0)]
    picture = f"gradients=s={width}x{height}:r=25:d={duration_s:g}:seed={seed % 2**31}:speed=0.03"
    picture += f":nb_colors=2:c0={first}:c1={second}"
    sound = f"sine=f={110 + seed % 7 * 20}:d={duration_s:g}:r=44100"
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-pix_fmt", "yuv420p", "-threads", "1"]
    ended = await run_ffmpeg(
        [
            *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *encode),
            *("-c:a", "aac", "-b:a", "64k", "-af", "volume=0.1", *exact, "-movflags", "+faststart"),
            *("-f", "mp4", "-y", address_of(dst)),
        ],
        time_limit_s=TIME_LIMIT_S,
        took=lambda _: None,
    )
    if ended.code != 0:
        raise TerminalError(f"ffmpeg could not render a clip: {ended.told}")

"""What a video file is, found by reading it: every packet's times and the first picture, decoded.

ffprobe comes in no wheel, and what `ffmpeg -i` writes for people holds the file's own titles, which can say anything.
So ffmpeg is asked for two forms made for machines: `framecrc` (one line a packet) and the head of one yuv4mpeg picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from shared.errors import InvalidInputError
from shared.media.ffmpeg import input_options, run_ffmpeg

TIME_LIMIT_S = 60.0
MOST_PACKETS = 400_000  # ten minutes of 120 pictures and as many packets of sound a second are 144,000
NOTHING_MOVES = "holds no moving picture: one video stream is needed"
_HEAD = re.compile(r"#(tb|media_type|codec_id|dimensions|sar) (\d+): (\S+)")
_PICTURE = re.compile(r"YUV4MPEG2 W(\d+) H(\d+)(?: F\d+:\d+)?(?: I\S)?(?: A(\d+):(\d+))?(?: C(\S+))?")


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """A video file. Sides are in pixels as shown: turned as the file says, for square pixels. Times are in seconds.

    `pixels` is the layout of the decoded picture, such as `420mpeg2`; `audio` is the codec, None for no sound.
    """

    codec: str
    width: int
    height: int
    pixel_aspect: Fraction
    pixels: str
    frames: int
    duration_s: float
    audio: str | None
    bytes: int

    @property
    def fps(self) -> float:
        return self.frames / self.duration_s

    @property
    def aspect(self) -> Fraction:
        """Width to height as it is seen."""
        return Fraction(self.width, self.height) * self.pixel_aspect


@dataclass(slots=True)
class _Stream:
    facts: dict[str, str] = field(default_factory=dict)
    packets: int = 0
    first: int | None = None
    last: int = 0

    @property
    def seconds(self) -> float:
        return float((self.last - (self.first or 0)) * Fraction(self.facts.get("tb", "1/1")))


async def probe_video(file: Path) -> VideoFacts:
    """What this file is. Raises `InvalidInputError("video", …)` that says what is wrong with a file that is no video,
    is damaged, or holds nothing that is shown."""
    streams = await _packets(file)
    video = next((one for one in streams.values() if one.facts.get("media_type") == "video"), None)
    audio = next((one for one in streams.values() if one.facts.get("media_type") == "audio"), None)
    if video is None or video.packets < 2 or video.seconds <= 0:
        raise InvalidInputError("video", NOTHING_MOVES)
    width, height, aspect, pixels = await _first_picture(file)
    return VideoFacts(
        codec=video.facts["codec_id"],
        width=width,
        height=height,
        pixel_aspect=aspect,
        pixels=pixels,
        frames=video.packets,
        duration_s=round(video.seconds, 3),
        audio=audio.facts["codec_id"] if audio is not None and audio.packets else None,
        bytes=size_of(file),
    )


def size_of(file: Path) -> int:
    """Its bytes. Raises `InvalidInputError` where there is no file to read."""
    try:
        return file.stat().st_size
    except OSError as missing:
        raise InvalidInputError("video", f"cannot be opened: {missing.strerror}") from missing


async def _packets(file: Path) -> dict[int, _Stream]:
    """Every packet of the first video (no cover picture) and the first sound stream, counted by its times."""
    streams: dict[int, _Stream] = {}
    arguments = ["-xerror", *input_options(file), "-map", "0:V:0", "-map", "0:a:0?", "-c", "copy"]
    ended = await run_ffmpeg(
        [*arguments, "-f", "framecrc", "pipe:1"],
        time_limit_s=TIME_LIMIT_S,
        took=by_line(lambda line: _note(streams, line)),
    )
    if "matches no streams" in ended.told:
        raise InvalidInputError("video", NOTHING_MOVES)
    if ended.code != 0:
        raise InvalidInputError("video", f"cannot be read as MP4, MOV, Matroska or WebM video: {ended.told}")
    return streams


def by_line(note: Callable[[str], None]) -> Callable[[bytes], None]:
    """Parts of any length in, whole lines of text out. A line is at most 64 KiB."""
    rest = b""

    def took(part: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + part).split(b"\n")
        rest = rest[-65_536:]
        for line in lines:
            note(line.decode("ascii", errors="replace"))

    return took


def _note(streams: dict[int, _Stream], line: str) -> None:
    if found := _HEAD.match(line):
        streams.setdefault(int(found[2]), _Stream()).facts[found[1]] = found[3]
        return
    parts = [part.strip() for part in line.split(",")]
    if line.startswith("#") or len(parts) < 6:
        return
    stream = streams.setdefault(int(parts[0]), _Stream())
    begin, length = int(parts[2]), int(parts[3])
    stream.packets += 1
    if stream.packets > MOST_PACKETS:
        raise InvalidInputError("video", f"has more than {MOST_PACKETS} packets in one stream")
    stream.first = begin if stream.first is None else min(stream.first, begin)
    stream.last = max(stream.last, begin + length)


async def _first_picture(file: Path) -> tuple[int, int, Fraction, str]:
    """Width, height, the shape of a pixel and the pixel layout of the first picture, decoded and turned upright."""
    head = bytearray()

    def took(part: bytes) -> None:
        if len(head) < 400:
            head.extend(part[:400])

    arguments = [*input_options(file), "-map", "0:V:0", "-frames:v", "1", "-strict", "-1"]
    ended = await run_ffmpeg([*arguments, "-f", "yuv4mpegpipe", "pipe:1"], time_limit_s=TIME_LIMIT_S, took=took)
    found = _PICTURE.match(head.decode("ascii", errors="replace"))
    if found is None:
        raise InvalidInputError("video", f"holds a picture that cannot be decoded: {ended.told}")
    across, down = int(found[3] or 0), int(found[4] or 0)
    aspect = Fraction(across, down) if across and down else Fraction(1)
    return int(found[1]), int(found[2]), aspect, found[5] or "420"

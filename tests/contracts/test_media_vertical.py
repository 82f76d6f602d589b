"""Videos made upright, with the real ffmpeg on real files: shapes, sound, bounds, and files that are none."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from shared.errors import InvalidInputError, NotEnoughSettingsError, TransientError
from shared.media.boxes import outer_boxes, starts_fast
from shared.media.clip import render_clip
from shared.media.ffmpeg import find_ffmpeg
from shared.media.probe import VideoFacts, probe_video
from shared.media.vertical import Limits, Progress, to_tiktok_vertical
from tests.support.model_calls import settings_as
from tests.support.videos import a_silent_video, a_sound, a_turned_video, a_video, made, picture_of, the_ffmpeg


def upright(src: Path, folder: Path, fit: str = "blur") -> VideoFacts:
    """The file made upright as `out.mp4` in the folder."""
    return asyncio.run(to_tiktok_vertical(src, folder / "out.mp4", fit="crop" if fit == "crop" else "blur"))


def refused(src: Path, folder: Path, limits: Limits | None = None) -> str:
    """Why this file is not taken. Nothing is left of the try."""
    with pytest.raises(InvalidInputError) as why:
        asyncio.run(to_tiktok_vertical(src, folder / "out.mp4", limits=limits or Limits()))
    assert why.value.field == "video"
    assert [file for file in folder.iterdir() if "out.mp4" in file.name] == []
    return why.value.problem


def test_lying_becomes_upright(tmp_path: Path) -> None:
    """A landscape film comes out as TikTok likes it: shape, codecs, rate, length, index first, nothing else there."""
    found = upright(a_video("640x360"), tmp_path)

    assert (found.width, found.height, found.codec, found.audio) == (1080, 1920, "h264", "aac")
    assert (found.fps, found.duration_s, found.pixels[:3]) == (30, 3, "420")
    assert starts_fast(tmp_path / "out.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("fit", ["blur", "crop"])
def test_nothing_is_stretched(tmp_path: Path, fit: str) -> None:
    """A square in the middle of a film stays as wide as it is high; around it is blur, or the film cropped."""
    drawn = "-f lavfi -i color=black:s=640x360:d=3,drawbox=x=270:y=130:w=100:h=100:color=white:t=fill"
    film = made("square.mp4", f"{drawn} -c:v libx264 -pix_fmt yuv420p")
    upright(film, tmp_path, fit)
    scale = 1080 / 640 if fit == "blur" else 1920 / 360
    half = 50 * scale

    def is_white(x: float, y: float) -> bool:
        return picture_of(tmp_path / "out.mp4", 1, int(x), int(y))[0] > 200

    assert is_white(540 + half - 12, 960)
    assert is_white(540, 960 + half - 12)
    assert not is_white(540 + half + 12, 960)
    assert not is_white(540, 960 + half + 12)


def test_upright_stays_as_it_is(tmp_path: Path) -> None:
    """A film that is 9:16 already fills the frame: no blur above and below."""
    red = made("red.mp4", "-f lavfi -i color=red:s=360x640:d=3 -c:v libx264 -pix_fmt yuv420p")
    upright(red, tmp_path)

    for y in (4, 960, 1912):
        shade = picture_of(tmp_path / "out.mp4", 1, 500, y)
        assert shade[0] > 220
        assert shade[1] < 40


def test_silence_is_added(tmp_path: Path) -> None:
    """A film without sound gets a silent stream of its own length: TikTok's editors expect one."""
    found = upright(a_silent_video(), tmp_path)

    assert (found.audio, found.duration_s) == ("aac", 3)


def test_a_turned_recording_is_seen_upright(tmp_path: Path) -> None:
    """A phone's recording that says it is turned is read as it is shown."""
    found = asyncio.run(probe_video(a_turned_video()))

    assert (found.width, found.height) == (360, 640)


def test_wide_pixels_are_made_square() -> None:
    """A film whose pixels are not square has the shape it is shown in."""
    found = asyncio.run(probe_video(a_video("640x360", name="narrow.mp4", more="-aspect 4:3")))

    assert found.aspect == pytest.approx(4 / 3)


def test_progress_is_told(tmp_path: Path) -> None:
    """Progress only grows, and ends with the film."""
    told: list[Progress] = []
    asyncio.run(to_tiktok_vertical(a_video(), tmp_path / "out.mp4", on_progress=told.append))
    shares = [one.share for one in told]

    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1, abs=0.05)


def test_short_and_long_are_refused(tmp_path: Path) -> None:
    """What lasts too short or too long is refused before anything is encoded, with its length and what is allowed."""
    assert refused(a_video(s=1), tmp_path) == "lasts 1 s; allowed: 3 to 600 s"
    long = made("long.mp4", "-f lavfi -i color=black:s=64x64:r=1:d=700 -c:v libx264 -preset ultrafast")
    assert refused(long, tmp_path) == "lasts 700 s; allowed: 3 to 600 s"


def test_large_is_refused(tmp_path: Path) -> None:
    """A file over the limit is not even opened."""
    assert "allowed: 1 to 1000" in refused(a_video(), tmp_path, Limits(most_bytes=1000))


def test_a_full_disk_share_is_no_half_film(tmp_path: Path) -> None:
    """An encode that reaches its output limit is no success, however well ffmpeg says that it ended."""
    with pytest.raises(Exception, match="not 3 s long, not under 20000 bytes"):
        asyncio.run(to_tiktok_vertical(a_video(), tmp_path / "out.mp4", limits=Limits(most_output_bytes=20_000)))
    assert list(tmp_path.iterdir()) == []


def damaged(folder: Path, name: str) -> Path:
    """A file that is no video, or one with a fault, by the name of its fault."""
    whole = a_video(name="fast.mp4", more="-movflags +faststart")
    hole = bytearray(whole.read_bytes())
    hole[60_000:70_000] = b"\xff" * 10_000
    contents = {
        "empty": b"",
        "text": b"hello\n" * 100,
        "without its index": a_video().read_bytes()[:40_000],
        "cut off": whole.read_bytes()[:60_000],
        "with a hole": bytes(hole),
        "a picture": made("one.png", "-f lavfi -i color=red:s=64x64 -frames:v 1").read_bytes(),
        "a playlist": f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{whole}\n#EXT-X-ENDLIST\n".encode(),
        "a list of files": f"ffconcat version 1.0\nfile {whole}\n".encode(),
    }
    file = folder / ("list.m3u8" if name == "a playlist" else f"{name}.mp4")
    file.write_bytes(contents[name])
    return file


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("empty", "has 0 bytes"),
        ("text", "cannot be read as MP4, MOV, Matroska or WebM video"),
        ("without its index", "moov atom not found"),
        ("cut off", "cannot be read"),
        ("with a hole", "cannot be decoded to its end"),
        ("a picture", "is not one that is taken"),
        ("a playlist", "is not one that is taken"),
        ("a list of files", "is not one that is taken"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, told: str) -> None:
    """What is no video, or a broken one, is refused with its fault; no path of ours is told, no other file is read."""
    problem = refused(damaged(tmp_path, name), tmp_path)

    assert told in problem
    assert str(tmp_path) not in problem


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    """A recording without a picture is no video, whatever it is called."""
    assert "holds no moving picture" in refused(a_sound(), tmp_path)


def test_titles_forge_nothing() -> None:
    """What a file says in its titles is read by nobody: facts come from its packets."""
    lie = "title=Stream_#0:0:_Video:_h264,_1080x1920,_30_fps"
    found = asyncio.run(probe_video(a_video(name="lie.mp4", more=f"-metadata {lie}")))

    assert (found.width, found.height) == (640, 360)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is said to be so."""
    assert "cannot be opened" in refused(tmp_path / "none.mp4", tmp_path)


def children() -> set[int]:
    """The processes that this one has started and that still run."""
    tasks = Path("/proc/self/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


def test_time_over_ends_the_process(tmp_path: Path) -> None:
    """An encode that takes too long is killed; trying again may help, and nothing lies about."""
    before = children()
    with pytest.raises(TransientError, match="did not finish within"):
        asyncio.run(to_tiktok_vertical(a_video(s=8), tmp_path / "out.mp4", time_limit_s=0.3))

    assert children() <= before
    assert list(tmp_path.iterdir()) == []


def test_cancelling_ends_the_process(tmp_path: Path) -> None:
    """Whoever cancels the caller has ended ffmpeg when the caller has ended."""
    before = children()

    async def cancelled() -> None:
        begun = asyncio.Event()
        work = asyncio.create_task(
            to_tiktok_vertical(a_video(s=8), tmp_path / "out.mp4", on_progress=lambda _: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 30)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    started = time.monotonic()
    asyncio.run(cancelled())

    assert time.monotonic() - started < 30
    assert children() <= before
    assert list(tmp_path.iterdir()) == []


def test_the_environment_stays_here(tmp_path: Path) -> None:
    """ffmpeg is told nothing of the environment: a stranger's file meets a process without keys."""
    spy = tmp_path / "ffmpeg"
    spy.write_text(f'#!/bin/sh\nenv > {tmp_path}/seen\nexec {the_ffmpeg()} "$@"\n')
    spy.chmod(0o755)
    with settings_as(ffmpeg_path=spy):
        asyncio.run(probe_video(a_video()))
    seen = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}

    assert seen <= {"PWD", "SHLVL", "_", "OLDPWD"}
    assert "PATH" in os.environ


def test_no_ffmpeg_is_a_setting(tmp_path: Path) -> None:
    """An executable that is not there is named by its setting."""
    with pytest.raises(NotEnoughSettingsError, match="FFMPEG_PATH"):
        find_ffmpeg(tmp_path / "none")


def test_clips_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """A seed gives the same bytes each time, another seed others; the film is a real one."""
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        asyncio.run(render_clip(tmp_path / name, seed=seed, duration_s=3))
    first, second, other = ((tmp_path / name).read_bytes() for name in "abc")
    found = asyncio.run(probe_video(tmp_path / "a"))

    assert first == second != other
    assert (found.width, found.height, found.duration_s, found.audio) == (640, 360, 3, "aac")


def test_boxes_are_read_in_order(tmp_path: Path) -> None:
    """The index comes first where it was put first; a file that makes no sense has no order."""
    (tmp_path / "odd").write_bytes(b"\x00\x00\x00\x01moov" + b"\xff" * 7)

    assert outer_boxes(a_video(name="fast.mp4", more="-movflags +faststart"))[:2] == ["ftyp", "moov"]
    assert not starts_fast(a_video())
    assert not starts_fast(tmp_path / "odd")

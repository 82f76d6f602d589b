"""The stack of `army demo campaign`: of its own, made anew each time, and led to fake vendors only."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from shared.config import Settings, current_settings, process_environ

if TYPE_CHECKING:
    from local.stack import Stack

FAKES = ("ads", "shop", "studio", "tiktok")
KEPT = ("FFMPEG_PATH", "MOCK_LATENCY_SCALE", "ARMY_WORKSPACE_ID")
PACE = "0.05"  # fakes have done with a video at once


def demo_environ(mode: str) -> dict[str, str]:
    """This process's environment without our settings, but for those that lead nowhere: no token, address, account or
    database of the person who tries the demo may reach it."""
    ours = {name.upper() for name in Settings.model_fields}.difference(KEPT)
    given = {name: value for name, value in process_environ().items() if name not in ours}
    return {**given, "CLAUDE_MODE": "mock", "TIKTOK_PROVIDER_MODE": mode, "PUBLISH_PACE": PACE}


@contextmanager
def demo_stack(mode: str) -> Iterator[Stack]:
    """A running stack below ARMY_HOME, without anything of the last demo; it stays on disk until the next one."""
    from local.clean import DEMO, forget
    from local.stack import Stack

    folder = current_settings().army_home / DEMO
    problem = forget(folder)
    if problem is not None:
        raise click.ClickException(problem)
    fakes = FAKES if mode == "real" else ()
    beside = f", with fake {', '.join(fakes)}" if fakes else ""
    click.echo(f"starting a stack of its own in {folder}{beside}", err=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # ended from outside, the stack ends with it
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    with Stack(folder, demo_environ(mode), told=_indented, sweep_every_s=1.0, fsync=False, fakes=fakes) as stack:
        yield stack


def _indented(line: str) -> None:
    click.echo(f"  {line}", err=True)

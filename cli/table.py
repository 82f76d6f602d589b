"""Tables and lines on standard output, for people: as wide as the terminal, and nothing in them ever cropped."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH_OF_A_FILE = 160
READABLE_PROSE = 30  # columns
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for a table where it is a file or a pipe."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH_OF_A_FILE)


def plain(text: str) -> str:
    """The text without what could drive a terminal: captions and comments are written by anybody."""
    return _CONTROLS.sub("\ufffd", text)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    prose: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """Prints a table. Only `prose` is ever broken into lines: a cropped id or amount would be a wrong one.

    `numbers` stand to the right. In a narrow terminal the `spare` columns are left out, the first one first; columns
    without any value always are.
    """
    texts = [["" if value is None else plain(str(value)) for value in row] for row in rows]
    if not texts:
        line(f"{title}: none\n")
        return
    out = console()
    widths = _widths(columns, texts, prose)
    left_out = _left_out(widths, spare, out.width)
    drawn = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in widths.items():
        if name not in left_out:
            side: Literal["left", "right"] = "right" if name in numbers else "left"
            is_prose = name in prose
            drawn.add_column(
                name, justify=side, overflow="fold", no_wrap=not is_prose, min_width=None if is_prose else width
            )
    for row in texts:
        drawn.add_row(
            *(escape(cell) for name, cell in zip(columns, row, strict=True) if name in widths.keys() - left_out)
        )
    line(f"[bold]{escape(plain(title))}[/bold]")
    out.print(drawn, width=max(out.width, _needed(widths, left_out)), crop=False, no_wrap=True)
    line(f"(this terminal is too narrow for: {', '.join(left_out)}; --json has them)\n" if left_out else "")


def _widths(columns: Sequence[str], texts: Sequence[Sequence[str]], prose: Sequence[str]) -> dict[str, int]:
    """How wide each column is that has any value; prose counts as little as it can be read in."""
    widths = {}
    for at, name in enumerate(columns):
        widest = max(cell_len(row[at]) for row in texts)
        if widest:
            widths[name] = min(max(widest, cell_len(name)), READABLE_PROSE if name in prose else sys.maxsize)
    return widths


def _left_out(widths: dict[str, int], spare: Sequence[str], room: int) -> list[str]:
    left_out: list[str] = []
    for name in spare:
        if _needed(widths, left_out) <= room:
            break
        if name in widths:
            left_out.append(name)
    return left_out


def _needed(widths: dict[str, int], left_out: Sequence[str]) -> int:
    kept = [width for name, width in widths.items() if name not in left_out]
    return sum(kept) + 2 * (len(kept) - 1) + 1


def line(text: str) -> None:
    """Prints one line of markup. It is never broken, so that what is copied from it is whole."""
    console().print(text, soft_wrap=True)

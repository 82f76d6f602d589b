"""The outermost boxes of an MP4 file (ISO/IEC 14496-12): in which order its index and its pictures come."""

from __future__ import annotations

from pathlib import Path

MOST_BOXES = 1000


def outer_boxes(file: Path) -> list[str]:
    """The types of the outermost boxes, in order: `ftyp`, `moov`, `mdat`, … Stops where the file makes no sense."""
    found: list[str] = []
    end = file.stat().st_size
    with file.open("rb") as stream:
        at = 0
        while at + 8 <= end and len(found) < MOST_BOXES:
            stream.seek(at)
            head = stream.read(16)
            size = int.from_bytes(head[:4])
            found.append(head[4:8].decode("latin-1"))
            size = {0: end - at, 1: int.from_bytes(head[8:16])}.get(size, size)
            if size < 8:
                break
            at += size
    return found


def starts_fast(file: Path) -> bool:
    """Whether the index comes before the pictures, so that playing can begin before all of it has arrived."""
    boxes = outer_boxes(file)
    return "moov" in boxes and "mdat" in boxes and boxes.index("moov") < boxes.index("mdat")

"""Descriptions of listings: the shop keeps HTML, people and models read and write plain text."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

_BLOCKS = {"p", "div", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
_LINES = {"br", "li", "tr"}
# A last paragraph of nothing but hashtags, as with_hashtags writes it.
_TAIL = re.compile(r"\s*<p>\s*(#\w+(?:\s+#\w+)*)\s*</p>\s*$")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append("\n\n" if tag in _BLOCKS else "\n" if tag in _LINES else "")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append("\n\n" if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        self.parts.append(re.sub(r"\s+", " ", data))


def text_of_html(description: str) -> str:
    """What a buyer reads: a blank line between paragraphs, pictures left out."""
    reader = _Reader()
    reader.feed(description)
    reader.close()
    lines = [line.strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def html_of_text(text: str) -> str:
    """Paragraphs of the text, every sign of it as it stands there."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    return "".join(f"<p>{html.escape(part, quote=False).replace(chr(10), '<br>')}</p>" for part in paragraphs)


def hashtags_of(description: str) -> str:
    """The hashtags of the last paragraph, if it holds nothing else: "#glow #serum"."""
    found = _TAIL.search(description)
    return "" if found is None else found.group(1)


def with_hashtags(description: str, hashtags: str) -> str:
    """The HTML with these hashtags as its last paragraph, in place of those that stand there; the rest is untouched."""
    rest = _TAIL.sub("", description)
    return f"{rest}<p>{hashtags}</p>" if hashtags else rest

"""Descriptions of listings: HTML at the shop, plain text for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.listing_html import hashtags_of, html_of_text, text_of_html, with_hashtags


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("<p>One<br>two</p>", "One\ntwo"),
        ("<ul><li>a</li><li>b</li></ul>after", "a\nb\n\nafter"),
        ("plain   text\n only", "plain text only"),
        ("5 &lt; 6 &amp; 7", "5 < 6 & 7"),
        ('<p>x</p><img src="a.jpeg">', "x"),
        ("<p>never closed <b>at all", "never closed at all"),
    ],
)
def test_what_a_buyer_reads(html: str, text: str) -> None:
    """Blocks are paragraphs, breaks are lines, and broken HTML is no error."""
    assert text_of_html(html) == text


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_text_survives_the_shop(paragraphs: list[str]) -> None:
    """Whatever signs it holds, it reads the same after the way there and back."""
    text = "\n\n".join(paragraphs)

    assert text_of_html(html_of_text(text)) == text


def test_hashtags_are_the_last_paragraph() -> None:
    """They are found, replaced and taken away; a paragraph that only begins with one stays."""
    html = with_hashtags("<p>Fine.</p>", "#a #b")

    assert hashtags_of(html) == "#a #b"
    assert with_hashtags(html, "#c") == "<p>Fine.</p><p>#c</p>"
    assert with_hashtags(html, "") == "<p>Fine.</p>"
    assert hashtags_of("<p>#a is fine</p>") == ""

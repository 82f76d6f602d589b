"""Numbers, booleans and times as exports write them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.providers.dataset.values import MAX_COUNT, is_missing, moment, seconds, truth, whole_number
from shared.providers.text import clean_text

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.text("0123456789.,+-eE ", max_size=40),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
)


@given(ANYTHING)
def test_anything_is_read_or_unknown(raw: Any) -> None:
    """Whatever a cell holds, the answer is a value of the right kind or None, never an error."""
    count, flag, when, length = whole_number(raw), truth(raw), moment(raw), seconds(raw)

    assert count is None or (type(count) is int and 0 <= count <= MAX_COUNT)
    assert flag is None or type(flag) is bool
    assert when is None or type(when) is int
    assert length is None or 0 < length <= 86_400


@given(st.integers(0, MAX_COUNT))
def test_counts_survive_every_spelling(number: int) -> None:
    """A count is the same as a number, as text, with decimals of zero, and with grouped digits."""
    spellings = (number, str(number), f" {number} ", f"{number}.0", f"{number:,}", Decimal(number))

    assert {whole_number(spelling) for spelling in spellings} == {number}


@pytest.mark.parametrize(
    "raw",
    [
        *(
            "1.2K",
            "1e6",
            "12,34",
            "1.234",
            "-5",
            -5,
            1.5,
            True,
            "١٢٣",
            2**63,
            "9" * 40,
            "9" * 5_000,
            float("inf"),
            [],
            {},
        ),
        *(Decimal("1e999999999"), Decimal("NaN"), "0x10", "1_000"),
    ],
)
def test_inexact_counts_are_unknown(raw: Any) -> None:
    """What is rounded, negative, too large or no number is unknown; nothing is guessed."""
    assert whole_number(raw) is None


@pytest.mark.parametrize(("raw", "said"), [("TRUE", True), ("false", False), ("1", True), (0, False), ("maybe", None)])
def test_booleans_come_as_words(raw: Any, said: bool | None) -> None:
    """Booleans are read from words in any case and from 0 and 1."""
    assert truth(raw) is said


@pytest.mark.parametrize(
    "raw",
    [
        1582632671,
        "1582632671",
        1582632671.9,
        1582632671000,
        "1582632671000",
        "2020-02-25T12:11:11.000Z",
        "2020-02-25 12:11:11",
        "2020-02-25 12:11:11 UTC",
        "2020-02-25T14:11:11+02:00",
        datetime(2020, 2, 25, 12, 11, 11),
        datetime(2020, 2, 25, 12, 11, 11, tzinfo=UTC),
    ],
)
def test_moments_come_in_many_spellings(raw: Any) -> None:
    """Seconds, milliseconds, ISO text with and without a zone, and date cells are the same moment."""
    assert moment(raw) == 1582632671


@pytest.mark.parametrize(
    "raw", [0, "", "yesterday", 10**30, "0001-01-01", "9999-12-31", datetime.max, datetime.min, -1]
)
def test_impossible_moments_are_unknown(raw: Any) -> None:
    """Before TikTok and far in the future there are no videos."""
    assert moment(raw) is None


@pytest.mark.parametrize("raw", [None, "", "  ", "N/A", "null", "NaN", float("nan")])
def test_missing_is_seen(raw: Any) -> None:
    """Empty cells and the words exporters write for them are missing."""
    assert is_missing(raw)


def test_photo_posts_have_no_duration() -> None:
    """A duration of 0 means a photo post: unknown, not zero seconds."""
    assert (seconds(0), seconds("0"), seconds("15.5"), seconds(31)) == (None, None, 15.5, 31.0)


@given(st.text(st.characters(), max_size=300))
def test_clean_text_can_be_stored(text: str) -> None:
    """Cleaned text has no NUL and no lone surrogate, and is no longer than allowed."""
    cleaned = clean_text(text, 100)

    assert "\x00" not in cleaned
    assert cleaned.encode("utf-8")[:1] == cleaned[:1].encode("utf-8")[:1]
    assert len(cleaned) <= 100

"""What strangers and models write: cut, made safe, trimmed to fit, and its numbers checked."""

from __future__ import annotations

import pytest

from shared.agents.quoting import excerpt, lines
from shared.agents.scores.stated import numbers_not_in
from shared.agents.synthesis import unfenced
from shared.agents.trimming import MOST_CHARACTERS, trimmed_to_fit
from shared.core.canonical import canonical_json


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n\n b\t c", "a b c"),
        ("a\x00b\x07", "ab"),
        ("x\ud83dy", "xy"),
        ("مرحبا ✨👩‍🔬", "مرحبا ✨👩‍🔬"),
        ("abcdefghij", "abcdefghij"),
        ("abcdefghijk", "abcdefghi…"),
        ("", ""),
    ],
)
def test_excerpt(text: str, line: str) -> None:
    """One line, at most ten characters here, without what cannot be kept; other scripts and emoji stay whole."""
    assert excerpt(text, 10 if len(text) < 20 else 40) == line


def test_excerpt_of_a_huge_text() -> None:
    """Ten million characters are cut before they are looked at."""
    assert len(excerpt("a" * 10_000_000, 100)) == 100


def test_lines_keep_lines() -> None:
    """Several lines stay several lines; NUL and surrogates go."""
    assert lines("a\nb\x00\ud800c", 10) == "a\nbc"


def test_trimming_says_what_it_cut() -> None:
    """A list of 40 is cut to 12, and the cut names its path and its length."""
    kept, cut = trimmed_to_fit({"audit": {"found": list(range(40)), "text": "x" * 5000}})

    assert (kept["audit"]["found"], cut) == (list(range(12)), {"audit.found": 40})
    assert len(kept["audit"]["text"]) == 600


def test_small_outputs_stay_whole() -> None:
    """What fits is not touched."""
    given = {"a": {"b": [1, None, True, 0.5], "c": {"d": "e"}}}

    assert trimmed_to_fit(given) == (given, {})


def test_a_thousand_steps_fit() -> None:
    """Thousands of long outputs are cut until they fit, the first of them stay, and it is said how many there were."""
    kept, cut = trimmed_to_fit({f"step_{place}": {"text": ["y" * 900] * 5} for place in range(3000)})

    assert len(canonical_json(kept)) <= MOST_CHARACTERS
    assert list(kept)[:2] == ["step_0", "step_1"]
    assert (cut["outputs"], len(cut)) == (3000, 101)


@pytest.mark.parametrize(
    "text",
    [
        "It has 12,345 followers",
        "rose by 45.7%",
        "45.68 %",
        "46 percent",
        "on 2026-11-20",
        "id 7682177981450693651",
        "1234.5",
    ],
)
def test_numbers_of_the_data(text: str) -> None:
    """A number counts as itself, rounded, as per cent, or as part of a text."""
    data = {"a": 12345, "b": [0.4568], "c": "2026-11-20T12:00", "d": "7682177981450693651", "e": 1234.5}

    assert numbers_not_in(text, data)[1] == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("It has 99,999 followers", ["99,999"]),
        ("12.5 and 12.5 and 13", ["12.5", "13"]),
        ("up 45%", ["45"]),
        ("3 posts, 10 days, 11 hours", ["11"]),
        ("1. first\n12. twelfth\n", []),
        ("v2beta x9y", []),
    ],
)
def test_numbers_that_are_not_there(text: str, missing: list[str]) -> None:
    """Others are named, each once; small counts and the numbers of a list are passed over."""
    assert numbers_not_in(text, {"share": 0.4568})[1] == missing


def test_booleans_are_no_numbers() -> None:
    """True in the data does not vouch for a 100 in the text."""
    assert numbers_not_in("100 of them", {"is": True})[1] == ["100"]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [("```markdown\n# A\n```", "# A"), ("# A\n```\ncode\n```", "# A\n```\ncode\n```"), ("  # A\x00 \n", "# A")],
)
def test_unfenced(text: str, markdown: str) -> None:
    """A fence around the whole report is taken off; one inside stays."""
    assert unfenced(text) == markdown

"""Checks of what a model wrote: length, banned terms, and numbers, claims and addresses that the source lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.agents.outreach_messages import message_problems, names
from shared.agents.scores.texts import invented_in, problems_of, texts_in
from tests.support.campaigns import a_creator

SOURCE = {"title": "Brow gel 6 ml, cruelty-free", "price_usd": "12.50", "links": ["https://laku.example/brows"], "n": 3}


@pytest.mark.parametrize(
    "text",
    [
        "Brow gel 6 ml for $12.5, Cruelty Free",
        "Three looks; read on at https://laku.example/brows.",
        "3 looks with a brow gel",
        "Plain words without any claim",
    ],
)
def test_what_the_source_says_may_be_said(text: str) -> None:
    """Numbers in any spelling, claims with or without a hyphen, and addresses of the source pass."""
    assert problems_of(text, most=200, source=SOURCE) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Brow gel 60 ml", "the number 60"),
        ("Holds for 24h", "the number 24"),
        ("Save 20% today", "the number 20"),
        ("A vegan brow gel", "the claim 'vegan'"),
        ("Dermatologist approved", "the claim 'dermatologist'"),
        ("Free shipping on all orders", "the claim 'free shipping'"),
        ("Our bestselling gel", "the claim 'bestselling'"),
        ("Order at www.evil.example", "the address www.evil.example"),
        ("Write to me@evil.example", "the address me@evil.example"),
        ("As seen at @somebody", "the address @somebody"),
        ("Heals acne overnight results", "medical claim"),
        ("The best gel in the world", "superlative"),
        ("", "has 0 characters, and needs 1"),
        ("x" * 201, "has 201 characters, and may have 200"),
        ("A flawless finish", "uses 'flawless'"),
    ],
)
def test_what_is_made_up_is_named(text: str, told: str) -> None:
    """Each problem names the words that it is about."""
    found = problems_of(text, most=200, source=SOURCE, banned_terms=("Flawless",))

    assert any(told in problem for problem in found), found


def test_a_forbidden_claim_stays_forbidden() -> None:
    """That the present text already claims to heal is no licence to say it again."""
    assert problems_of("Heals acne", most=100, source="Heals acne") != ()


@given(st.text(max_size=300))
def test_any_text_can_be_checked(text: str) -> None:
    """Controls, surrogates and every script are read without an error; a text never invents what it is its own source
    of."""
    problems_of(text, most=100, source=SOURCE)

    assert invented_in(text, text) == []


def test_texts_are_found_at_any_depth() -> None:
    """Texts and numbers of lists and objects are the source, but no truth values and no nulls."""
    assert list(texts_in({"a": [1, "x", {"b": None}], "c": True, "d": 2.5})) == ["1", "x", "2.5"]


MESSAGE = (
    "Hello Mia, we are laku on TikTok and make brow gel. Your followers care about skincare as ours do. "
    "There is no offer yet; would you like to talk? A short no is fine."
)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((MESSAGE, "Hi Mia"), "needs 80"),
        (("Mia", "Zoe"), "does not name the creator"),
        (("There is no offer yet", "We loved your skincare"), "'we loved'"),
        (("There is no offer yet", "I've been following you"), "nobody has looked"),
        (("There is no offer yet", "Your latest video was great"), "'your latest video'"),
        (("There is no offer yet", "As agreed, here we go"), "'as agreed'"),
        (("There is no offer yet", "We pay a fee of $500"), "the number 500"),
        (("There is no offer yet", "You get free samples"), "the claim 'free samples'"),
    ],
)
def test_a_message_that_may_not_be_sent(change: tuple[str, str], told: str) -> None:
    """Too short, to nobody, pretending to know the creator, or promising what was not offered."""
    found = message_problems(MESSAGE.replace(*change), a_creator(), {"offer": ""}, ())

    assert any(told in problem for problem in found), found


def test_a_message_that_may_be_sent() -> None:
    """An honest message passes, whether it names the handle or the name; an empty name is named by nothing."""
    assert message_problems(MESSAGE, a_creator(), {"offer": ""}, ()) == ()
    assert names("Dear @GlowMia", a_creator(nickname=None))
    assert not names("Dear all", a_creator(nickname=" "))

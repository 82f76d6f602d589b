"""Answers that are given beforehand to the gates of a demo."""

from __future__ import annotations

import click
import pytest

from cli.client import ApiError
from cli.deciding import Answer, checked_answers, in_turn, parsed_answers

APPROVE = Answer("approve")
GATE = {"title": "Approve ad spend"}


@pytest.mark.parametrize(
    ("given", "answers"),
    [
        ("approve,approve", (APPROVE, APPROVE)),
        ("reject", (Answer("reject"),)),
        ("approve, reject:too loud", (APPROVE, Answer("reject", "too loud"))),
        ("approve,reject: no, not so: louder", (APPROVE, Answer("reject", "no, not so: louder"))),
    ],
)
def test_answers_are_read(given: str, answers: tuple[Answer, ...]) -> None:
    """One for each gate; commas and colons of a feedback are its own."""
    assert parsed_answers(given) == answers


@pytest.mark.parametrize("given", ["", "approve,", "perhaps", "approve:yes", "approve,perhaps", "Approve"])
def test_what_is_no_answer_is_refused(given: str) -> None:
    """It is named, with what is allowed."""
    with pytest.raises(click.BadParameter, match="is no answer: approve, reject, or reject:FEEDBACK"):
        parsed_answers(given)


@pytest.mark.parametrize("given", ["approve", "approve,approve,approve", "reject,approve"])
def test_there_is_one_for_each_gate(given: str) -> None:
    """Up to the first rejection, which ends the run; else it would wait for an answer that never comes."""
    with pytest.raises(click.BadParameter, match="the workflow has 4 gates, and a rejection ends it"):
        checked_answers(parsed_answers(given), 4)


def test_enough_answers() -> None:
    """All four, or up to a rejection."""
    checked_answers([APPROVE] * 4, 4)
    checked_answers([APPROVE, Answer("reject", "too loud")], 4)


def test_answers_come_in_turn() -> None:
    """One more gate than was thought of is an error that names it, not an approval."""
    decide = in_turn([APPROVE, Answer("reject")])

    assert (decide(GATE), decide(GATE)) == (APPROVE, Answer("reject"))
    with pytest.raises(ApiError, match="no answer is left for Approve ad spend"):
        decide(GATE)

"""The table of who makes which move is that of the statements, and its page is written from it."""

from __future__ import annotations

import re

import pytest

from docs.write import STATE_MACHINE, state_machine
from shared.core.moves import RUN, STEP, SUBJECTS, Move, Subject
from shared.core.status import StepStatus
from shared.store.sql import queries

subjects = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
moves = pytest.mark.parametrize(
    ("subject", "move"),
    [(subject, move) for subject in SUBJECTS for move in subject.moves],
    ids=lambda given: f"{given.seen}-{given.goal}" if isinstance(given, Move) else str(given.name),
)


def moving(table: str) -> set[str]:
    """The statements that set the status of rows of this table, or make such rows."""
    update = re.compile(
        rf"update {table}\b(?:(?!\bwhere\b|\bfrom {table}\b).)*?\bset\b(?:(?!\bwhere\b).)*?\bstatus = ", re.S
    )
    return {
        name
        for name, query in queries().items()
        if update.search(query.sql) or re.search(rf"insert into {table}\b", query.sql)
    }


def test_the_page_is_written_from_the_moves() -> None:
    """`make docs` after a change of the moves, or this fails."""
    assert STATE_MACHINE.read_text() == state_machine()


@subjects
def test_every_statement_that_moves_is_listed(subject: Subject) -> None:
    """A new statement that sets a status gets its rows in shared/core/moves.py."""
    listed = {name for move in subject.moves for name in move.by}

    assert moving(subject.table) == listed


@moves
def test_a_listed_statement_does_what_it_says(subject: Subject, move: Move) -> None:
    """It names the state it leads to, and the event it writes."""
    for name in move.by:
        sql = queries()[name].sql
        assert f"'{move.goal}'" in sql or move.goal == next(iter(subject.legal))
        assert move.tells is None or f"'{move.tells}'" in sql


@moves
def test_only_legal_moves_are_listed(subject: Subject, move: Move) -> None:
    """What no move allows, no statement claims to make."""
    assert move.seen is None or move.goal in subject.legal[move.seen]


@subjects
def test_a_move_is_listed_once(subject: Subject) -> None:
    """One row of the table for a move and its event."""
    found = [(move.seen, move.goal, move.by, move.tells) for move in subject.moves]

    assert len(found) == len(set(found))


def test_what_no_statement_makes_is_said() -> None:
    """The page does not pass over a legal move that nothing makes."""
    bare = Subject(STEP.name, STEP.table, STEP.legal, ())

    assert bare.of(StepStatus.QUEUED, StepStatus.RUNNING) == []
    assert len(list(bare.pairs())) == sum(len(goals) for goals in STEP.legal.values())
    assert len(RUN.of(*next(RUN.pairs()))) == 1

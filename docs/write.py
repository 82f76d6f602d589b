"""Writes the pages that are made from the code. `make docs` does it; a test compares.

python -m docs.write
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from shared.core.moves import SUBJECTS, Move, Subject

STATE_MACHINE = Path(__file__).parent / "state_machine.md"

HEAD = """\
# States and moves

Written by `make docs` from `shared/core/status.py` and `shared/core/moves.py`; a test compares it. Do not edit.

A state that nothing leaves is final: the row stays as it is. Each move is one guarded statement of
`shared/store/queries/`, named by its row's whole key, which also writes the event that tells it, or neither happens.
Triggers hold the same line underneath: what is not drawn here raises. A move without a statement is legal, and nothing
makes it yet.
"""


def state_machine() -> str:
    """The page: a drawing and a table for each thing that has states."""
    return "\n".join([HEAD, *[line for subject in SUBJECTS for line in _section(subject)]]).rstrip() + "\n"


def _section(subject: Subject) -> Iterator[str]:
    yield f"## A {subject.name}" if subject.name != "effect" else "## An effect"
    yield ""
    yield f"Rows of `{subject.table}`."
    yield ""
    yield from _drawing(subject)
    yield ""
    yield "| from | to | when | statement | event |"
    yield "|---|---|---|---|---|"
    yield from _rows(subject)
    yield ""


def _drawing(subject: Subject) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield from (f"    [*] --> {move.goal}" for move in subject.moves if move.seen is None)
    if not any(move.seen is None for move in subject.moves):
        yield f"    [*] --> {next(iter(subject.legal))}"
    yield from (f"    {seen} --> {goal}" for seen, goal in subject.pairs())
    yield from (f"    {state} --> [*]" for state, goals in subject.legal.items() if not goals)
    yield "```"


def _rows(subject: Subject) -> Iterator[str]:
    for goal in subject.legal:
        yield from (_row("(new)", move) for move in subject.of(None, goal))
    for seen, goal in subject.pairs():
        made = subject.of(seen, goal)
        yield from (_row(seen, move) for move in made)
        if not made:
            yield f"| {seen} | {goal} | | nothing makes it yet | |"


def _row(seen: StrEnum | str, move: Move) -> str:
    statements = ", ".join(f"`{name}`" for name in move.by)
    return f"| {seen} | {move.goal} | {move.when} | {statements} | {f'`{move.tells}`' if move.tells else ''} |"


def main() -> None:
    STATE_MACHINE.write_text(state_machine())
    print(f"wrote {STATE_MACHINE.name}")


if __name__ == "__main__":
    main()

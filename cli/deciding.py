"""Who decides at the gates of a demo: the person at the terminal, a list of answers, or always yes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import click

from cli.client import ApiError
from cli.table import plain
from shared.core.canonical import JsonObject

_NEXT = re.compile(r",(?=\s*(?:approve|reject)\b)")


@dataclass(frozen=True, slots=True)
class Answer:
    decision: Literal["approve", "reject"]
    feedback: str = ""


Decider = Callable[[JsonObject], Answer]


def parsed_answers(given: str) -> tuple[Answer, ...]:
    """`approve,reject:too loud` as answers: commas within a feedback belong to it. Raises `click.BadParameter`."""
    return tuple(_parsed(one.strip()) for one in _NEXT.split(given))


def _parsed(one: str) -> Answer:
    decision, _, feedback = one.partition(":")
    if decision == "approve" and not feedback:
        return Answer("approve")
    if decision == "reject":
        return Answer("reject", feedback.strip())
    raise click.BadParameter(f"{one!r} is no answer: approve, reject, or reject:FEEDBACK", param_hint="--answers")


def checked_answers(answers: Sequence[Answer], gates: int) -> None:
    """There must be one for each gate, or up to the first rejection. Raises `click.BadParameter`."""
    first = next((place for place, one in enumerate(answers, start=1) if one.decision == "reject"), gates)
    if len(answers) != first:
        told = f"{len(answers)} given; the workflow has {gates} gates, and a rejection ends it: name {first}"
        raise click.BadParameter(told, param_hint="--answers")


def always_approve(_gate: JsonObject) -> Answer:
    return Answer("approve")


def in_turn(answers: Sequence[Answer]) -> Decider:
    """The answers, one for each gate, in their order."""
    left = list(answers)

    def decide(gate: JsonObject) -> Answer:
        if not left:
            raise ApiError(f"no answer is left for {plain(gate['title'])}")
        return left.pop(0)

    return decide


def ask_person(gate: JsonObject) -> Answer:
    """Asks until there is an answer. `more` shows the proposal with nothing left out."""
    while True:
        said = click.prompt(f"{plain(gate['title'])}: approve, reject or more", err=True).strip().lower()
        if said in ("a", "approve", "y", "yes"):
            return Answer("approve")
        if said in ("r", "reject", "n", "no"):
            return Answer("reject", click.prompt("why", default="", show_default=False, err=True))
        if said in ("m", "more"):
            click.echo(plain(json.dumps(gate["proposal"], indent=2, ensure_ascii=False)))
        else:
            click.echo("a, r or m", err=True)

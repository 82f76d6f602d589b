"""The texts of mock accounts, from `wording.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from shared.providers.mock.dice import Dice


class Wording(BaseModel):
    """A caption with blanks, and what else is known of a post that carries it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    tags: tuple[str, ...]
    language: str = "en"
    ad: bool = False


class WordingBook(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    products: tuple[str, ...]
    shades: tuple[str, ...]
    captions: tuple[Wording, ...]
    risky: tuple[Wording, ...]
    hostile: tuple[Wording, ...]
    comments: tuple[str, ...]
    sounds: tuple[str, ...]
    bios: tuple[str, ...]


@cache
def wording_book() -> WordingBook:
    return WordingBook.model_validate(yaml.safe_load((Path(__file__).parent / "wording.yaml").read_text("utf-8")))


def filled(text: str, dice: Dice) -> str:
    """The text with its blanks filled."""
    book = wording_book()
    return text.format(product=dice.one_of(book.products), shade=dice.one_of(book.shades), number=dice.whole(3, 12))


def pick_wordings(dice: Dice, count: int, risky: int, hostile: int) -> list[Wording]:
    """`count` captions in a random order, some of them risky or hostile; ordinary ones repeat as late as possible."""
    book = wording_book()
    special = [*dice.some_of(book.risky, risky), *dice.some_of(book.hostile, hostile)][:count]
    ordinary: list[Wording] = []
    while len(ordinary) < count - len(special):
        ordinary += dice.some_of(book.captions, len(book.captions))
    return dice.some_of([*special, *ordinary[: count - len(special)]], count)

"""What `army fork` says about places in a run, and about prompts."""

from __future__ import annotations

from pathlib import Path

import click

from shared.core.canonical import JsonObject
from shared.core.prompts import EVERY_CALL


def named_place(given: str) -> tuple[str, str | None]:
    """`STEP` or `STEP:CALL`."""
    step, _, call = given.partition(":")
    return step, call or None


def changed_prompts(replaced: tuple[str, ...], appended: tuple[str, ...], begin: str) -> dict[str, JsonObject]:
    """The changes by step and call. Without a call it is every call of the step; of the step to begin at, the call that
    `begin` names."""
    found: dict[str, JsonObject] = {}
    first_step, first_call = named_place(begin)
    for option, what, texts in (("--prompt", "replace", replaced), ("--prompt-append", "append", appended)):
        for given in texts:
            place, equals, text = given.partition("=")
            if not equals or not place:
                raise click.BadParameter(f"{given!r} must read STEP=TEXT or STEP:CALL=@FILE", param_hint=option)
            step, call = named_place(place)
            call = call or (first_call if step == first_step else None) or EVERY_CALL
            change = found.setdefault(step, {}).setdefault(call, {})
            if what in change:
                raise click.BadParameter(f"{place!r} is given twice", param_hint=option)
            change[what] = _text(text, option)
    return found


def _text(given: str, option: str) -> str:
    """The text itself, or what is in the file that `@FILE` names."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise click.BadParameter(f"{given[1:]!r} cannot be read as text: {wrong}", param_hint=option) from wrong

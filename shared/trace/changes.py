"""A call that was asked otherwise before, in an earlier attempt or run: a difference that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.core.canonical import canonical_json
from shared.core.status import CallKind
from shared.trace.calls import Call

SHOWN = 80  # characters of a change, on each side
AROUND = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asked, part by part. `place` counts the calls of one kind and label within an attempt, from 0."""

    kind: CallKind
    label: str
    place: int
    parts: Mapping[str, str]


def parts_of(call: Call) -> dict[str, str]:
    """The parts of a call as text, by the names that people know them under."""
    if call.kind is not CallKind.LLM:
        return {"input": canonical_json(call.content.get("input", call.content))}
    found = {"model": call.model, "system prompt": call.system_prompt, "user prompt": call.user_prompt}
    return {name: text for name, text in found.items() if text is not None}


def told_change(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What differs, as one line: each changed part with the text around its first difference."""
    changed = [name for name in after if before.get(name) != after[name]]
    if not changed:
        return "asked differently before: its parameters have changed since"
    shown = "; ".join(f"{name}: {_shown(before.get(name, ''), after[name])}" for name in changed)
    return f"asked differently before; {shown}"


def _shown(before: str, after: str) -> str:
    same = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), None)
    start = max(0, (min(len(before), len(after)) if same is None else same) - AROUND)
    return f"{_excerpt(before, start)} is now {_excerpt(after, start)}"


def _excerpt(text: str, start: int) -> str:
    cut = " ".join(text[start : start + SHOWN].split())
    return f"“{'…' if start else ''}{cut}{'…' if start + SHOWN < len(text) else ''}”"

"""How an agent asks a model: a prompt file, the brand's voice, and blocks of data; an answer of a named shape."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TypeVar

from pydantic import BaseModel

from shared.agents.base import AgentResult
from shared.agents.quoting import lines
from shared.agents.records import Brand
from shared.core.canonical import JsonObject
from shared.errors import OutputInvalidError
from shared.llm.claude import call_claude_cached
from shared.llm.prompt import UNTRUSTED_NOTE
from shared.llm.result import ClaudeResult

Wanted = TypeVar("Wanted", bound=BaseModel)

JSON_FORM = "Form. Answer with one JSON object of the asked shape and nothing around it."
MOST_BRAND_TEXT = 6000  # characters of voice and of guidelines that a prompt carries
MOST_BRAND_TERMS = 100


def system_prompt(name: str, brand: Brand | None, *, form: str = JSON_FORM) -> str:
    """`prompts/<name>.md`, the ground rules, the form and the brand: the same bytes every time for the same brand."""
    rules = _prompt_file("ground_rules").replace("{{ untrusted_note }}", UNTRUSTED_NOTE)
    return "\n\n".join((_prompt_file(name), f"{rules}\n- {form}", brand_section(brand)))


def brand_section(brand: Brand | None) -> str:
    """How the brand speaks. Without a brand profile, generic defaults (X23)."""
    if brand is None:
        return (
            "## Brand\n\nNo brand profile is linked. Write neutrally, and suggest no tone of voice as if it were given."
        )
    parts = [f"## Brand: {lines(brand.name, 200)}"]
    parts += [f"Voice: {lines(brand.voice, MOST_BRAND_TEXT)}"] if brand.voice.strip() else []
    parts += [f"Guidelines: {lines(brand.guidelines, MOST_BRAND_TEXT)}"] if brand.guidelines.strip() else []
    if brand.banned_terms:
        terms = ", ".join(lines(term, 100) for term in brand.banned_terms[:MOST_BRAND_TERMS])
        parts.append(f"Never use these terms in anything you write: {terms}.")
    return "\n\n".join(parts)


async def ask(
    wanted: type[Wanted],
    *,
    system: str,
    task: str,
    blocks: Sequence[str],
    model: str,
    label: str,
    max_tokens: int,
    effort: str = "low",
) -> tuple[Wanted, ClaudeResult]:
    """One call for an answer of the shape `wanted`. What it says is advice: no number of it is used as a figure."""
    answer = await call_claude_cached(
        system_stable=system,
        user_message="\n\n".join((task, *blocks)),
        model=model,
        max_tokens=max_tokens,
        output_model=wanted,
        effort=effort,
        label=label,
    )
    if not isinstance(answer.parsed, wanted):
        raise OutputInvalidError(f"{label}: the answer is no {wanted.__name__}")
    return answer.parsed, answer


def result_of(output: JsonObject, answer: ClaudeResult | None) -> AgentResult:
    """An agent's result, with what its one call cost (A020); nothing and no model where none was asked."""
    if answer is None:
        return AgentResult(output)
    return AgentResult(output, cost_usd=answer.cost_usd, model_used=answer.model)


@cache
def _prompt_file(name: str) -> str:
    return files("shared.agents").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8").strip()

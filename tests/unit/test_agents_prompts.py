"""System prompts: the same bytes for the same brand, long enough to be cached, and free of what changes."""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.agents.asking import brand_section, system_prompt
from shared.agents.records import Brand
from shared.agents.registry import AGENT_REGISTRY
from shared.agents.synthesis import MARKDOWN_FORM
from shared.llm.lint import problems_of
from shared.llm.prompt import UNTRUSTED_NOTE

LAKU = Brand(name="Laku", voice="Warm, exact.", guidelines="No slang.", banned_terms=("anti-ageing", "flawless"))
NAMES = [
    *sorted(AGENT_REGISTRY),
    "ad_campaign_director.films",
    "listing_optimizer.summary",
    "synthesis",
    "synthesis.campaign_launch",
]


@pytest.mark.parametrize("name", NAMES)
def test_prompts_can_be_cached(name: str) -> None:
    """At least 512 tokens, no id and no time in it, without a brand as with one."""
    assert problems_of(system_prompt(name, None), 512) == []
    assert problems_of(system_prompt(name, LAKU), 512) == []


@pytest.mark.parametrize("name", NAMES)
def test_prompts_are_complete(name: str) -> None:
    """Role, data, task, ground rules and the word on untrusted data; no placeholder is left."""
    prompt = system_prompt(name, LAKU)

    assert prompt.startswith("# Role")
    assert UNTRUSTED_NOTE in prompt
    assert "{{" not in prompt
    assert "# What you are given" in prompt


@pytest.mark.parametrize("name", NAMES)
def test_prompts_are_stable(name: str) -> None:
    """Two brands that are equal give the same bytes; another voice gives others."""
    again = Brand.model_validate(LAKU.model_dump())

    assert system_prompt(name, LAKU) == system_prompt(name, again)
    assert system_prompt(name, LAKU) != system_prompt(name, LAKU.model_copy(update={"voice": "Loud."}))


def test_the_brand_speaks() -> None:
    """Voice, guidelines and banned terms stand in the prompt; empty parts do not."""
    section = brand_section(LAKU)

    assert section.startswith("## Brand: Laku")
    assert "Voice: Warm, exact." in section
    assert "anti-ageing, flawless" in section
    assert "Voice" not in brand_section(Brand(name="Bare"))


def test_without_a_brand() -> None:
    """Without a brand profile the prompt asks for neutral words (X23)."""
    assert "No brand profile is linked" in brand_section(None)


def test_a_hostile_brand_is_bounded() -> None:
    """A brand text of a million characters with a NUL is cut, and cleaned."""
    prompt = system_prompt("compliance", Brand(name="x\x00", voice="v" * 1_000_000, banned_terms=("t" * 5000,) * 500))

    assert len(prompt) < 40_000
    assert "\x00" not in prompt


def test_reports_are_asked_for_as_markdown() -> None:
    """The report's prompt asks for Markdown, the others for JSON."""
    assert MARKDOWN_FORM in system_prompt("synthesis", None, form=MARKDOWN_FORM)
    assert "one JSON object" not in system_prompt("synthesis", None, form=MARKDOWN_FORM)
    assert "one JSON object" in system_prompt("compliance", None)


def test_ids_do_not_reach_the_prompt() -> None:
    """The brand's id is no part of it: two workspaces with equal brands share the bytes."""
    assert str(UUID(int=1)) not in system_prompt("compliance", LAKU)

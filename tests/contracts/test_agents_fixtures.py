"""The mock model's fixtures: every variant fits the answer it stands for, on rich, thin and view-less accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from shared.agents.account_health import HealthAdvice
from shared.agents.audience_mapper import SegmentNames
from shared.agents.compliance import Judgements
from shared.agents.performance_feedback import PerformanceAdvice
from shared.agents.shadowban_sentinel import SentinelAdvice
from shared.agents.trend_watcher import TrendPicks
from shared.core.status import CallKind
from shared.llm.fixtures import Variant, find_fixture
from shared.llm.prompt import read_data_blocks
from tests.support.audits import AUDIT, MemoryRecords, MemoryRunLog, a_file_of, run_agent, scraped_items
from tests.support.exports import own_export

ANSWERS: dict[str, type[BaseModel]] = {
    "account_health": HealthAdvice,
    "shadowban_sentinel": SentinelAdvice,
    "performance_feedback": PerformanceAdvice,
    "audience_mapper": SegmentNames,
    "trend_watcher": TrendPicks,
    "compliance": Judgements,
}


@dataclass(frozen=True)
class Asked:
    """One question that an agent put to the model: the data of its blocks."""

    agent: str
    account: str
    data: dict[str, Any]


def accounts(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Inputs by name: the seeded accounts, and files that are thin, young, even, fallen, or without views."""
    yield "own", {"handle": "@lakucosmetics"}
    yield "competitor", {"handle": "@competitor_cosmetics", "target_type": "third_party"}
    even = scraped_items("even", 60)
    fallen = [item | {"playCount": 120, "diggCount": 9, "commentCount": 1, "shareCount": 1} for item in even[:7]]
    files = {
        "thin": ("thin", scraped_items("thin", 3)),
        "young": ("young", scraped_items("young", 8)),
        "even": ("even", even),
        "fallen": ("even", fallen + even[7:]),
        "download": ("laku", own_export(1, "laku", 60, 200)),
        "no_views": ("even", [item | {"playCount": None} for item in even]),
    }
    for name, (handle, content) in files.items():
        with a_file_of(content, folder, f"{name}.json") as dataset:
            yield name, {"handle": handle, "dataset": dataset}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """Every question of every agent on every account."""
    found = []
    for account, given in accounts(tmp_path_factory.mktemp("accounts")):
        for agent in AUDIT:
            log = MemoryRunLog()
            run_agent(agent(MemoryRecords()), {**given, **options(agent.name)}, log)
            prompts = [row.call.user_prompt for row in log.rows.list_rows() if row.call.kind is CallKind.LLM]
            found += [Asked(agent.name, account, read_data_blocks(prompt or "")) for prompt in prompts]
    return found


def options(agent: str) -> dict[str, Any]:
    """The sentinel is made to ask from the first signal on."""
    return {"confidence_threshold": 0} if agent == "shadowban_sentinel" else {}


def fitting(agent: str, data: dict[str, Any]) -> list[Variant]:
    """The variants that chance may choose among for this data."""
    variants = find_fixture(agent).variants
    return [one for one in variants if one.holds(data)] or [one for one in variants if one.when is None]


@pytest.mark.parametrize("agent", sorted(ANSWERS))
def test_answers_fit(agent: str, asked: list[Asked]) -> None:
    """Whatever variant is chosen for whatever account, the answer is of the shape that the agent asked for."""
    questions = [one for one in asked if one.agent == agent]

    assert questions
    for question in questions:
        for variant in fitting(agent, question.data):
            assert ANSWERS[agent].model_validate(json.loads(variant.text(question.data)))


@pytest.mark.parametrize("agent", sorted(ANSWERS))
def test_every_variant_is_used(agent: str, asked: list[Asked]) -> None:
    """There are two variants at least, and each fits one of the accounts."""
    variants = find_fixture(agent).variants
    used = {id(variant) for one in asked if one.agent == agent for variant in fitting(agent, one.data)}

    assert len(variants) >= 2
    assert [number for number, variant in enumerate(variants) if id(variant) not in used] == []


def test_thin_data_is_not_asked_about(asked: list[Asked]) -> None:
    """On three posts only what can be judged is asked: no score, no signal, no segment."""
    assert {one.agent for one in asked if one.account == "thin"} <= {"trend_watcher", "compliance"}


def test_unknown_views_reach_no_prompt_as_zero(asked: list[Asked]) -> None:
    """In the data of an account without views, none is a number."""
    questions = [one for one in asked if one.account in ("download", "no_views")]

    assert questions
    for question in questions:
        for post in [*question.data.get("top_posts", []), *question.data.get("bottom_posts", [])]:
            assert post["views"] is None
        for segment in question.data.get("segments", []):
            assert segment["share_of_views"] is None

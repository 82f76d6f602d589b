"""docs/scores.md against the code: its values, its weights, its example."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from shared.agents.account_health import HealthFigures, health_figures
from shared.agents.scores.health import WEIGHTS
from tests.support.accounts import a_post, an_account, two_windows

PAGE = (Path(__file__).parents[2] / "docs" / "scores.md").read_text(encoding="utf-8")
VALUES = re.findall(r"^\| `([A-Z_]+)` \| (\S+) \| `([a-z_.]+)` \|$", PAGE, re.MULTILINE)
EXAMPLE = PAGE.split("## An example by hand")[1]


@pytest.mark.parametrize(("name", "value", "module"), VALUES)
def test_values_are_the_codes(name: str, value: str, module: str) -> None:
    """Each value on the page is what the code uses."""
    assert getattr(import_module(f"shared.agents.{module}"), name) == float(value)


def test_weights_are_the_codes() -> None:
    """The weights of the scores on the page are those of the code."""
    assert {
        name: int(weight) for name, weight in re.findall(r"^\| `([a-z_]+)` \| (\d+) \| ", PAGE, re.MULTILINE)
    } == WEIGHTS


def example() -> HealthFigures:
    return health_figures(an_account((*two_windows({"views": 790}, {}), a_post(44.5))))


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_the_example_is_right(name: str) -> None:
    """The scores that the page works out by hand are those that the code gives."""
    stated = re.search(rf"^- `{name}`: .*?→ \*\*(.+?)\*\*", EXAMPLE, re.MULTILINE)

    assert stated is not None
    assert stated[1] == str(example().scores[name].value or "not enough data")


def test_the_examples_whole() -> None:
    """So are its overall score and its risk."""
    found = example()

    assert f"= 82.4 → **{found.overall.value}**" in EXAMPLE
    assert f"→ **{found.risk.level}**, on two of four" in EXAMPLE
    assert found.risk.canaries_known == 2

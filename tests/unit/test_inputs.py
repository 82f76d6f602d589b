"""input_map: what each form of a path means, and what a path that leads nowhere says."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.inputs import by_name, resolve_inputs
from shared.errors import InputUnresolvedError

BRIEF = {"handle": "ada", "budget": 5}
OUTPUTS: dict[str, Any] = {
    "research": {"contacts": [{"name": "Bo", "score": 7}, {"name": "Cy", "score": 9}], "note": None, "output": "o"},
    "score": {"top": "Cy"},
}
KEYS = ["research", "score", "pitch"]


def resolved(value: str, keys: list[str] = KEYS) -> Any:
    return resolve_inputs("pitch", {"x": value}, {}, BRIEF, OUTPUTS, keys)["x"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("brief.handle", "ada"),
        ("brief.budget", 5),
        ("brief", BRIEF),
        ("research.output.contacts[0].name", "Bo"),
        ("research.output.contacts[?score > `8`].name | [0]", "Cy"),
        ("research.output.note", None),
        ("score.output", {"top": "Cy"}),
        ("{{research.output.contacts}}", OUTPUTS["research"]["contacts"]),
        ("{{ step1.contacts }}", OUTPUTS["research"]["contacts"]),
        ("{{step2.top}}", "Cy"),
        ("Hello {{score.top}} and {{brief.handle}}", "Hello Cy and ada"),
        ("All: {{research.contacts[*].score}}", "All: [7,9]"),
        ("{{score.top}} ", "Cy "),
    ],
)
def test_each_form_resolves(value: str, expected: Any) -> None:
    """A lone reference keeps its type; among text it is text; steps are named by key or by number from 1."""
    assert resolved(value) == expected


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("brief.nothing", "finds no 'nothing'; there is: budget, handle"),
        ("research.output.contacts.name", "there is: list"),
        ("research.output.contacts[9]", "leads nowhere"),
        ("pitch.output.x", "needs the output of 'pitch', which has none"),
        ("elsewhere.output.x", "names no step 'elsewhere'"),
        ("{{step9.x}}", "names step 9, but there are 3"),
        ("{{ }}", "is not a path"),
        ("research.contacts", "must read research.output.<field>"),
        ("brief.[", "is not a JMESPath"),
    ],
)
def test_a_path_to_nowhere_names_step_field_and_path(value: str, told: str) -> None:
    """The error says where the path stands and what is wrong with it."""
    with pytest.raises(InputUnresolvedError) as refused:
        resolved(value)

    assert refused.value.step == "pitch"
    assert refused.value.field == "x"
    assert told in refused.value.message


def test_input_map_wins_over_options_over_brief() -> None:
    """The merged input: brief fields, under the step's options, under what input_map names."""
    given = resolve_inputs("s", {"a": "score.output.top"}, {"a": 1, "b": 2}, {"a": 0, "b": 0, "c": 0}, OUTPUTS, KEYS)

    assert given == {"a": "Cy", "b": 2, "c": 0}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{step1.contacts}} x", "{{research.contacts}} x"),
        ("{{ step2 }}", "{{score}}"),
        ("{{score.top}}", "{{score.top}}"),
        ("brief.handle", "brief.handle"),
    ],
)
def test_numbers_become_names(value: str, expected: str) -> None:
    """A stored step names its sources by key, so that it can be read without the other steps."""
    assert by_name(value, KEYS) == expected


def test_a_step_named_like_a_number_keeps_its_name() -> None:
    """A key wins over the count."""
    keys = ["other", "step1"]

    assert resolve_inputs("s", {"x": "{{step1.v}}"}, {}, {}, {"step1": {"v": 1}}, keys)["x"] == 1
    assert by_name("{{step1.v}}", keys) == "{{step1.v}}"

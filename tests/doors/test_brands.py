"""Brands: handed in, listed, spoken for by an agent; bad ones are refused by field."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support.doors import BRAND, BRANDS, BRIEF, BRIEFS, RUNS, Person, refusal, told

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "name"),
    ({"name": ""}, "name"),
    ({"name": " \n"}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\x00"}, "name"),
    ({"voice": None}, "voice"),
    ({"voice": ["warm"]}, "voice"),
    ({"voice": "x" * 6001}, "voice"),
    ({"guidelines": "x" * 6001}, "guidelines"),
    ({"guidelines": "\ud800"}, "guidelines"),
    ({"banned_terms": "miracle"}, "banned_terms"),
    ({"banned_terms": ["miracle", 5]}, "banned_terms.1"),
    ({"banned_terms": ["miracle", " "]}, "banned_terms.1"),
    ({"banned_terms": ["x" * 101]}, "banned_terms.0"),
    ({"banned_terms": ["x"] * 101}, "banned_terms"),
    ({"colour": "red"}, "colour"),
    ({"id": str(uuid4())}, "id"),
]


def test_a_brand_is_kept_and_listed(person: Person) -> None:
    """201 with its id; then it is read by its id, and listed, newest first."""
    first, second = (told(person.post(BRANDS, {**BRAND, "name": name})) for name in ("Aster", "Laku"))

    listed = told(person.get(BRANDS))["brands"]

    assert [brand["id"] for brand in listed] == [second["brand_id"], first["brand_id"]]
    assert told(person.get(f"{BRANDS}/{first['brand_id']}")) == listed[1]
    assert {name: listed[1][name] for name in BRAND} == BRAND


def test_a_name_is_enough(person: Person) -> None:
    """Voice, guidelines and banned terms may be left out."""
    made = told(person.post(BRANDS, {"name": "Aster"}))

    kept = told(person.get(f"{BRANDS}/{made['brand_id']}"))
    assert (kept["voice"], kept["guidelines"], kept["banned_terms"]) == ("", "", [])


def test_agents_speak_for_it(person: Person) -> None:
    """A run whose brief names the brand has it in its prompts."""
    brand_id = told(person.post(BRANDS, BRAND))["brand_id"]
    run_id = person.ended_run(brand_id=brand_id)
    (first, *_) = told(person.get(f"{RUNS}/{run_id}/agent-runs"))["agent_runs"]
    calls = told(person.get(f"/api/dashboard/agent-runs/{first['id']}/steps"))["steps"]

    (prompt,) = [call["system_prompt"] for call in calls if call["kind"] == "llm_call"]
    assert "Warm and plain." in prompt
    assert "Never use these terms in anything you write: miracle, flawless." in prompt


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_a_wrong_field_is_named(person: Person, wrong: dict[str, Any], field: str) -> None:
    """422 with the field, and no brand."""
    with person.writes_nothing():
        problem = refusal(person.post(BRANDS, {**BRAND, **wrong}), 422)

    assert problem["field"] == field


def test_a_name_is_required(person: Person) -> None:
    """Without a name there is no brand."""
    with person.writes_nothing():
        problem = refusal(person.post(BRANDS, {"voice": "Warm."}), 422)

    assert (problem["field"], problem["detail"]) == ("name", "name: is required")


def test_brands_stay_at_home(person: Person, stranger: Person) -> None:
    """Another workspace neither lists, reads nor names a brand."""
    brand_id = told(person.post(BRANDS, BRAND))["brand_id"]

    assert told(stranger.get(BRANDS)) == {"brands": []}
    assert refusal(stranger.get(f"{BRANDS}/{brand_id}"), 404)["field"] == "brand_id"
    with stranger.writes_nothing():
        assert refusal(stranger.post(BRIEFS, {**BRIEF, "brand_id": brand_id}), 422)["field"] == "brand_id"

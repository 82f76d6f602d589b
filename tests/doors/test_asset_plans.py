"""`POST /agents/plan-assets`: a plan for a brand of one's own workspace, nothing written, and wrong fields by name."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.support.doors import BRAND, BRANDS, PLAN_ASSETS, Doors, Person, refusal, told

GEL = {"name": "Brow gel", "pictures": ["https://x.example/gel.jpg"]}


@pytest.fixture
def brand_id(person: Person) -> str:
    made: str = told(person.post(BRANDS, BRAND))["brand_id"]
    return made


def planned(person: Person, brand_id: str, brief: Any) -> dict[str, Any]:
    with person.writes_nothing():
        found: dict[str, Any] = told(person.post(PLAN_ASSETS, {"brand_id": brand_id, "brief": brief}))
    return found


def test_a_plan(person: Person, brand_id: str) -> None:
    """Stages, gates and questions; it writes nothing."""
    plan = planned(person, brand_id, {"goal": "Spring.", "products": [GEL]})

    assert (plan["brand_id"], plan["brand"], plan["is_partial"]) == (brand_id, "Aster", False)
    assert [stage["key"] for stage in plan["stages"]] == [
        "brand_identity",
        "templates",
        "substrates",
        "composites",
        "distribution",
    ]
    assert [gate["stage"] for gate in plan["gates"]] == [stage["key"] for stage in plan["stages"]]
    assert plan["questions_for_customer"] == []


def test_a_sentence_will_do(person: Person, brand_id: str) -> None:
    """Of a brief that is plain text a part is planned, and the rest is asked for."""
    plan = planned(person, brand_id, "A spring launch for people with sensitive skin")

    assert plan["is_partial"]
    (question,) = plan["questions_for_customer"]
    assert (question["key"], question["blocks"]) == ("products", ["substrates", "composites", "distribution"])


def test_products_of_the_shop(person: Person, brand_id: str) -> None:
    """Where the brief lists none and names an account: what is on sale there, and the plan says so."""
    plan = planned(person, brand_id, {"goal": "Spring.", "handle": "@LakuCosmetics"})
    sold = [one for one in plan["products"] if not one["missing"]]

    assert sold
    assert {one["made_from"] for one in sold} == {"description"}
    assert f"the {len(plan['products'])} on sale in the shop of @lakucosmetics" in plan["notes"][0]
    listed = planned(person, brand_id, {"goal": "Spring.", "handle": "@lakucosmetics", "products": [GEL]})
    assert [one["name"] for one in listed["products"]] == ["Brow gel"]


def test_an_unknown_brand(person: Person, stranger: Person, brand_id: str) -> None:
    """One that nobody has, and one of another workspace, are refused alike."""
    unknown = str(uuid4())
    for asked, given in ((person, unknown), (stranger, brand_id)):
        with asked.writes_nothing():
            problem = refusal(asked.post(PLAN_ASSETS, {"brand_id": given, "brief": {"products": [GEL]}}), 422)
        assert problem["field"] == "brand_id"
        assert problem["detail"] == f"brand_id: there is no brand {given} in this workspace"


def test_nobody_plans_without_a_token(doors: Doors, person: Person, brand_id: str) -> None:
    """401, as at every door for people."""
    with person.writes_nothing():
        refusal(doors.knock("POST", PLAN_ASSETS, "no", json={"brand_id": brand_id, "brief": "x"}), 401)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"brief": None}, "brief"),
        ({"brief": 5}, "brief"),
        ({"brief": {"gate_granularity": "hourly"}}, "brief.gate_granularity"),
        ({"brief": {"products": [GEL, {"name": 5}]}}, "brief.products.1.name"),
        ({"brief": {"products": [GEL, {"name": "a\x00"}]}}, "brief.products.1.name"),
        ({"brief": {"products": [{"name": "\ud800"}]}}, "brief.products.0.name"),
        ({"brief": {"handle": "no handle"}}, "brief.handle"),
        ({"brief": {"assets": [{"key": "a", "layer": "templates", "depends_on": ["a"]}]}}, "brief.assets.0.depends_on"),
        ({"brand_id": "x"}, "brand_id"),
        ({"brand": "x"}, "brand"),
    ],
)
def test_a_wrong_field_is_named(person: Person, brand_id: str, wrong: dict[str, Any], field: str) -> None:
    """422 with the field, in our own words."""
    with person.writes_nothing():
        problem = refusal(person.post(PLAN_ASSETS, {"brand_id": brand_id, "brief": "x", **wrong}), 422)

    assert problem["field"] == field


def test_what_is_missing_is_named(person: Person) -> None:
    """Both fields are required."""
    problem = refusal(person.post(PLAN_ASSETS, {}), 422)

    assert [one["field"] for one in problem["errors"]] == ["brand_id", "brief"]


def test_names_from_right_to_left(person: Person, brand_id: str) -> None:
    """They come back as they were sent."""
    plan = planned(person, brand_id, {"goal": "אביב", "products": [{**GEL, "name": "ג׳ל לגבות"}]})

    assert plan["products"][0]["name"] == "ג׳ל לגבות"
    assert "ג׳ל לגבות" in plan["stages"][2]["assets"][0]["title"]


def test_as_many_products_as_there_may_be(person: Person, brand_id: str) -> None:
    """Five hundred, with a gate for each asset; one more is refused."""
    many = [{**GEL, "product_id": str(at)} for at in range(500)]
    plan = planned(person, brand_id, {"products": many, "gate_granularity": "per_asset"})

    assert len(plan["gates"]) == 2 + 3 * 500
    problem = refusal(person.post(PLAN_ASSETS, {"brand_id": brand_id, "brief": {"products": [*many, GEL]}}), 422)
    assert (problem["field"], problem["detail"]) == ("brief.products", "brief.products: must have at most 500 items")

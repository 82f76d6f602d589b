"""Plans of assets: five layers, no cycle, nothing dangling, gates as fine as asked, and questions for what is open."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from shared.agents.records import Brand
from shared.core.wording import problems_of
from shared.errors import InvalidInputError
from shared.workflows.asset_brief import LAYERS, AssetBrief
from shared.workflows.asset_plan import AssetPlan, plan_assets

ASTER = Brand(name="Aster", voice="Warm and plain.")
GEL = {"product_id": "p-1", "name": "Brow gel", "pictures": ["https://x.example/gel.jpg"]}
TINT = {"product_id": "p-2", "name": "Lip tint", "description": "A sheer tint."}
GOAL = {"goal": "A spring launch."}


def planned(brand: Brand = ASTER, **brief: Any) -> AssetPlan:
    return plan_assets(UUID(int=1), brand, AssetBrief.model_validate({**GOAL, **brief}))


def own(key: str, *depends_on: str, layer: str = "templates") -> dict[str, Any]:
    return {"key": key, "layer": layer, "depends_on": list(depends_on)}


def keys_of(plan: AssetPlan) -> dict[str, list[str]]:
    return {stage.key: [asset.key for asset in stage.assets] for stage in plan.stages}


def asked(plan: AssetPlan) -> dict[str, str]:
    return {one.key: one.question for one in plan.questions_for_customer}


def all_assets(plan: AssetPlan) -> list[str]:
    return [asset.key for stage in plan.stages for asset in stage.assets]


def test_five_layers() -> None:
    """Each product through all of them, in the formats of the channels; nothing is left to ask."""
    plan = planned(products=[GEL, TINT], channels=["tiktok_feed", "tiktok_ads", "tiktok_shop"])
    made_from = {asset.key: asset.depends_on for stage in plan.stages for asset in stage.assets}

    assert keys_of(plan) == {
        "brand_identity": ["brand_kit"],
        "templates": ["template_video_9x16", "template_image_1x1"],
        "substrates": ["substrate_p1", "substrate_p2"],
        "composites": [f"composite_{p}_{f}_1" for p in ("p1", "p2") for f in ("video_9x16", "image_1x1")],
        "distribution": [f"{c}_{p}_1" for p in ("p1", "p2") for c in ("tiktok_feed", "tiktok_ads", "tiktok_shop")],
    }
    assert [stage.depends_on for stage in plan.stages] == [(), *((layer,) for layer in LAYERS[:-1])]
    assert made_from["composite_p1_image_1x1_1"] == ("template_image_1x1", "substrate_p1")
    assert made_from["tiktok_ads_p2_1"] == ("composite_p2_video_9x16_1",)
    assert [one.made_from for one in plan.products] == ["pictures", "description"]
    assert (plan.is_partial, plan.questions_for_customer, plan.stripped_dependencies) == (False, (), ())


def test_the_same_brief_gives_the_same_plan() -> None:
    """To the last byte."""
    first, second = (planned(products=[GEL, TINT], variants=3, gate_granularity="per_asset") for _ in range(2))

    assert first.model_dump_json() == second.model_dump_json()


@pytest.mark.parametrize(
    ("assets", "field", "told"),
    [
        ([own("a", "b"), own("b", "a")], "brief.assets.0.depends_on", "a cycle: a -> b -> a"),
        ([own("x"), own("a", "a")], "brief.assets.1.depends_on", "a cycle: a -> a"),
        (
            [own("a", "composite_p1_video_9x16_1")],
            "brief.assets.0.depends_on",
            "a cycle: a is made in templates, and composite_p1_video_9x16_1 after that, in composites",
        ),
        ([own("a"), own("a")], "brief.assets.1.key", "a is used twice"),
        ([own("brand_kit")], "brief.assets.0.key", "brand_kit is used twice"),
    ],
)
def test_cycles_raise(assets: list[dict[str, Any]], field: str, told: str) -> None:
    """Round two assets, on itself, against the order of the layers; and so does a key that is taken."""
    with pytest.raises(InvalidInputError) as refused:
        planned(products=[GEL], assets=assets)

    assert (refused.value.field, refused.value.problem) == (field, told)


def test_a_long_cycle_is_found() -> None:
    """A thousand assets in a ring."""
    ring = [own(f"a{at}", f"a{(at + 1) % 1000}") for at in range(1000)]
    with pytest.raises(InvalidInputError, match="a cycle"):
        planned(products=[GEL], assets=ring)


def test_dangling_dependencies_are_stripped() -> None:
    """Also on what is not planned because a product is incomplete; what is there stays, each once."""
    hero = own("hero", "brand_kit", "nowhere", "brand_kit", "substrate_p2", layer="composites")
    plan = planned(products=[GEL, {"name": "Lip tint"}], assets=[hero])
    (made,) = [asset for asset in plan.stages[3].assets if asset.key == "hero"]

    assert made.depends_on == ("brand_kit",)
    assert [(one.asset, one.depends_on) for one in plan.stripped_dependencies] == [
        ("hero", "nowhere"),
        ("hero", "substrate_p2"),
    ]


def test_own_assets_stand_behind_what_they_are_made_from() -> None:
    """Whatever order they are listed in."""
    plan = planned(products=[GEL], assets=[own("third", "second"), own("second", "first"), own("first", "brand_kit")])

    assert keys_of(plan)["templates"] == ["template_video_9x16", "first", "second", "third"]


@pytest.mark.parametrize(
    ("granularity", "covers"),
    [
        ("none", []),
        ("per_stage", [1, 1, 5, 5, 5]),
        ("per_batch", [1, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1]),
        ("per_asset", [1] * 17),
    ],
)
def test_gates_are_as_fine_as_asked(granularity: str, covers: list[int]) -> None:
    """Together they cover each asset once, in order; what a gate holds comes after all that it covers."""
    products = [{**GEL, "product_id": f"p{at}"} for at in range(5)]
    plan = planned(products=products, gate_granularity=granularity, batch_size=2)
    place = {key: at for at, key in enumerate(all_assets(plan))}

    assert [len(gate.covers) for gate in plan.gates] == covers
    assert [key for gate in plan.gates for key in gate.covers] == (all_assets(plan) if covers else [])
    assert [key for stage in plan.stages for key in stage.gates] == [gate.key for gate in plan.gates]
    for gate in plan.gates:
        assert all(place[held] > max(place[key] for key in gate.covers) for held in gate.holds)


@pytest.mark.parametrize("granularity", ["per_stage", "per_batch", "per_asset"])
def test_nothing_is_made_before_what_it_is_made_from_was_seen(granularity: str) -> None:
    """Every asset but the brand kit is held by a gate over each that it is made from."""
    plan = planned(products=[GEL, TINT], variants=2, gate_granularity=granularity, batch_size=3, assets=[own("a")])
    seen = {(key, held) for gate in plan.gates for key in gate.covers for held in gate.holds}
    together = {(key, other) for gate in plan.gates for key in gate.covers for other in gate.covers}

    for stage in plan.stages:
        for asset in stage.assets:
            for name in asset.depends_on:
                assert granularity == "per_stage" or (name, asset.key) in seen | together
    assert plan.gates[-1].holds == ()


@pytest.mark.parametrize("products", [None, []])
def test_no_products_is_a_part_and_a_question(products: list[Any] | None) -> None:
    """Brand and templates are planned, and nobody has to look at layers that are empty."""
    plan = planned(products=products)

    assert (plan.is_partial, len(all_assets(plan))) == (True, 2)
    assert asked(plan) == {"products": "Which products are the assets for? Name each, with a picture or a description."}
    assert [gate.stage for gate in plan.gates] == ["brand_identity", "templates"]


def test_an_incomplete_list_is_a_part_and_questions() -> None:
    """What is known of is planned; what is missing is asked for, by product."""
    plan = planned(products=[GEL, {"name": "Lip tint"}, {"description": "Red."}, {}], products_total=6)
    (whole, tint, red, nothing) = plan.products

    assert [asset.product for asset in plan.stages[2].assets] == [whole.ref]
    assert (tint.missing, red.missing, nothing.missing) == (("material",), ("name",), ("name", "material"))
    assert plan.is_partial
    assert asked(plan) == {
        "products": "There should be 6 products, and 4 are listed: which are the other 2?",
        "products_without_name": 'What is the name of "product 3", "product 4"?',
        "products_without_material": (
            'What does it look like: is there a picture or a description of "Lip tint", "product 4"?'
        ),
    }


def test_more_products_than_said() -> None:
    """All are planned, and it is asked whether that is meant."""
    plan = planned(products=[GEL, TINT], products_total=1)

    assert (plan.is_partial, list(asked(plan))) == (False, ["products"])
    assert len(plan.stages[2].assets) == 2


def test_a_product_listed_twice_is_one() -> None:
    """By its id, or by its name in any spelling; the second line fills in what the first leaves open."""
    bare = {"product_id": "p-1", "name": "Brow gel"}
    plan = planned(products=[bare, GEL, {"name": "  BROW  gel "}, TINT])

    assert [(one.product_id, one.made_from) for one in plan.products] == [("p-1", "pictures"), ("p-2", "description")]
    assert plan.notes == ("lines about a product that was listed before: 2; each product is counted once",)
    assert not plan.questions_for_customer


def test_two_descriptions_of_one_product_are_asked_about() -> None:
    """The first line is planned for."""
    plan = planned(products=[TINT, {**TINT, "description": "A matte stick."}])

    assert (len(plan.products), plan.is_partial) == (1, False)
    assert asked(plan)["products_told_differently"].startswith('Which description is right for "Lip tint"?')


def test_one_name_with_two_ids_is_two_products() -> None:
    """A shop may sell two things of one name."""
    plan = planned(products=[GEL, {**GEL, "product_id": "p-9"}])

    assert [one.product_id for one in plan.products] == ["p-1", "p-9"]


def test_a_bare_brand_and_no_goal_are_asked_about() -> None:
    """Neither stops the plan."""
    plan = planned(Brand(name="Aster"), goal=" ", products=[GEL])

    assert (list(asked(plan)), plan.is_partial) == (["goal", "brand_voice"], False)


@pytest.mark.parametrize("name", ["ג׳ל לגבות", "جل الحواجب", "眉凝胶", "🧴" * 40, "a\u202eb", "<b>gel</b>\n[x](y)"])
def test_names_of_any_script(name: str) -> None:
    """Titles hold the name in one line; keys are made of places and stay plain."""
    plan = planned(products=[{**GEL, "name": name}])

    assert all(key.isascii() and len(key) <= 64 for key in all_assets(plan))
    title = plan.stages[2].assets[0].title
    assert plan.products[0].name in title
    assert "\n" not in title


def test_a_huge_list() -> None:
    """As many products as a brief may have, in every channel and variant: thousands of assets and gates, once each."""
    products = [{**GEL, "product_id": str(at), "name": f"Gel {at}"} for at in range(500)]
    plan = planned(
        products=products,
        channels=["tiktok_feed", "tiktok_ads", "tiktok_shop"],
        variants=5,
        gate_granularity="per_asset",
    )

    assert len(all_assets(plan)) == len(set(all_assets(plan))) == 3 + 500 * (1 + 10 + 15)
    assert len(plan.gates) == len(all_assets(plan))


def test_a_question_about_many_names_a_few() -> None:
    """And says how many more there are; all are listed by reference."""
    (question,) = planned(products=[{"name": f"Gel {at}"} for at in range(30)]).questions_for_customer

    assert question.question.endswith('"Gel 9" and 20 more?')
    assert len(question.about) == 30


def test_text_is_the_goal() -> None:
    """A brief may be a sentence."""
    assert AssetBrief.model_validate("A spring launch.").goal == "A spring launch."


@pytest.mark.parametrize(
    ("brief", "field"),
    [
        ({"gate_granularity": "per_shift"}, "gate_granularity"),
        ({"batch_size": 0}, "batch_size"),
        ({"variants": 6}, "variants"),
        ({"channels": []}, "channels"),
        ({"channels": ["myspace"]}, "channels.0"),
        ({"handle": "@@"}, "handle"),
        ({"products": [GEL] * 501}, "products"),
        ({"products": [{"name": "x" * 301}]}, "products.0.name"),
        ({"products": [{"colour": "red"}]}, "products.0.colour"),
        ({"assets": [own("A B")]}, "assets.0.key"),
        ({"assets": [own("a", layer="attic")]}, "assets.0.layer"),
        ({"sku": 1}, "sku"),
        (5, ""),
    ],
)
def test_a_wrong_brief_names_its_field(brief: Any, field: str) -> None:
    """Every field has bounds."""
    with pytest.raises(ValidationError) as refused:
        AssetBrief.model_validate(brief)

    assert [path for path, _ in problems_of(refused.value)] == [field]

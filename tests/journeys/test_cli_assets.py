"""`army plan-assets`: for people and for programs, a part and a whole, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.terminal import Terminal, all_of, one_sentence, usage

BRIEF = {
    "goal": "Spring",
    "products": [{"name": "Brow [gel]", "pictures": ["https://x.example/a.jpg"]}, {"name": "Lip tint"}],
    "assets": [{"key": "hero", "layer": "composites", "depends_on": ["nowhere"]}],
}


@pytest.fixture
def brand_id(terminal: Terminal) -> str:
    made: str = terminal.army_json("brands", "add", "--name", "Aster")["brand_id"]
    return made


def test_a_plan_is_shown(terminal: Terminal, brand_id: str, tmp_path: Path) -> None:
    """Layers, assets, gates, what to ask, and what was left out; for programs the plan as the API gives it."""
    file = tmp_path / "brief.json"
    file.write_text(json.dumps(BRIEF), encoding="utf-8")
    words = ["plan-assets", "--brand-id", brand_id, "--brief-file", str(file), "--gates", "per_asset"]

    people, programs = all_of(terminal, [words, [*words, "--json"]])

    assert (people.code, people.err) == (0, "")
    plan = programs.json
    assert plan["is_partial"]
    for text in (
        "assets of Aster, a part of it: questions are open",
        "composite_p1_video_9x16_1",
        "Approve Brand kit of Aster",
        "Brow [gel]",
        'is there a picture or a description of "Lip tint"? (waiting for it: substrates, composites, distribution)',
        "left out: hero is made from nowhere, which is not in the plan",
    ):
        assert text in people.out, text


def test_the_shops_products_in_short(terminal: Terminal, brand_id: str) -> None:
    """Options alone make a brief; long lists are cut, and the plan without gates says so."""
    words = ["--brief", "Spring", "--handle", "@lakucosmetics", "--gates", "none", "--channel", "tiktok_shop"]
    said = terminal.army("plan-assets", "--brand-id", brand_id, *words, "--variants", "5")

    assert said.code == 0, said.err
    assert "no gates: nobody is asked between the layers" in said.out
    assert "more assets; --json has them all" in said.out
    assert "on sale in the shop of @lakucosmetics" in said.out
    assert "template_image_1x1" in said.out


def test_nothing_known_yet(terminal: Terminal, brand_id: str) -> None:
    """A brand alone: two assets, and three questions."""
    said = terminal.army("plan-assets", "--brand-id", brand_id)

    assert said.code == 0, said.err
    for question in (
        "What are the assets for",
        'How does "Aster" look and speak',
        "Which products are the assets for",
    ):
        assert question in said.out


def test_what_is_refused(terminal: Terminal, brand_id: str, tmp_path: Path) -> None:
    """One sentence that names the field, or how the command is used."""
    broken, wrong = tmp_path / "broken.json", tmp_path / "list.json"
    broken.write_text("{")
    wrong.write_text("[]")
    unknown = str(uuid4())
    refused = [
        (["--brand-id", unknown], f"brand_id: there is no brand {unknown} in this workspace"),
        (["--brand-id", brand_id, "--variants", "9"], "brief.variants: must be at most 5"),
        (["--brand-id", brand_id, "--brief-file", str(broken)], "broken.json is not JSON in UTF-8"),
        (["--brand-id", brand_id, "--brief-file", str(wrong)], "list.json must hold a JSON object: the brief"),
    ]
    said = all_of(terminal, [["plan-assets", *words] for words, _ in refused])
    for one, (_, told) in zip(said, refused, strict=True):
        assert one_sentence(one) == told
    assert "'hourly' is not one of" in usage(terminal.army("plan-assets", "--brand-id", brand_id, "--gates", "hourly"))

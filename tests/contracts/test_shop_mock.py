"""The mock shop and creator marketplace: equal everywhere, and with something to do for each agent."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.config import Settings, use_settings
from shared.errors import InvalidInputError
from shared.providers.records import Creators, Product, Products
from shared.providers.shop import read_products, search_creators


@pytest.fixture(autouse=True)
def mock_mode() -> None:
    use_settings(Settings())


def products(handle: str = "lakucosmetics", **more: Any) -> Products:
    return asyncio.run(read_products(handle, **more))


def creators(keyword: str = "skincare", **more: Any) -> Creators:
    return asyncio.run(search_creators(keyword, **more))


def test_equal_in_every_process() -> None:
    """Another process, with another hash seed, sees the same shop and the same creators."""
    code = (
        "import asyncio; from shared.providers.shop import *; "
        "print(asyncio.run(read_products('lakucosmetics')).model_dump_json(), "
        "asyncio.run(search_creators('skincare')).model_dump_json(), end='')"
    )

    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )

    assert told.stdout == f"{products().model_dump_json()} {creators().model_dump_json()}"


def test_a_shop_has_weak_and_good_listings() -> None:
    """Over some handles there are both, and what is weak says why and sells worse."""
    found = [product for handle in ("a1", "b2", "c3", "d4") for product in products(handle).products]
    weak = [product for product in found if product.issues]
    good = [product for product in found if not product.issues]

    def sold(listed: list[Product]) -> float:
        return sum(product.units_sold or 0 for product in listed) / sum(product.views or 0 for product in listed)

    assert min(len(weak), len(good)) >= 5
    assert all(product.quality_tier == "POOR" and len(product.title) < 40 for product in weak)
    assert all(len(product.title) >= 40 for product in good)
    assert sold(weak) < sold(good) / 2


def test_a_listing_is_the_same_by_its_id() -> None:
    """Asked for by id, a listing is what the whole shop showed; the order is that of the ids."""
    shop = products().products

    assert products(product_ids=(shop[2].id, shop[0].id)).products == (shop[2], shop[0])


def test_creators_are_within_the_range() -> None:
    """As many followers as asked for, each once, with what an overlap is computed from."""
    found = creators(min_followers=10_000, max_followers=50_000, limit=100).creators

    assert len(found) >= 10
    assert len({creator.open_id for creator in found}) == len({creator.handle for creator in found}) == len(found)
    assert all(10_000 <= (creator.followers or 0) <= 50_000 for creator in found)
    assert all(creator.age_ranges and creator.major_gender and creator.languages for creator in found)


def test_the_keyword_comes_first() -> None:
    """Those who sell such things stand before those who do not."""
    near = ["Skincare" in creator.categories for creator in creators(limit=100).creators]

    assert True in near
    assert near == sorted(near, reverse=True)


@pytest.mark.parametrize(
    ("field", "ask"),
    [
        ("handle", lambda: read_products("no such/handle")),
        ("limit", lambda: read_products("x", limit=0)),
        ("product_ids", lambda: read_products("x", product_ids=("1",) * 201)),
        ("limit", lambda: search_creators("x", limit=101)),
        ("max_followers", lambda: search_creators("x", min_followers=10, max_followers=9)),
    ],
)
def test_impossible_questions_are_refused(field: str, ask: Any) -> None:
    """The error names the field."""
    question: Coroutine[Any, Any, object] = ask()
    with pytest.raises(InvalidInputError) as refused:
        asyncio.run(question)

    assert refused.value.field == field


@pytest.mark.parametrize("keyword", ["", "\x00\ud800", "x" * 10_000, "\u202egnp"])
def test_any_keyword_is_an_answer(keyword: str) -> None:
    """A keyword comes from a brief, so it may hold anything."""
    assert creators(keyword).creators

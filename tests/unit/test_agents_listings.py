"""Listings against the median of their own shop, and texts against the shop's rules."""

from __future__ import annotations

from typing import Any

import pytest

from shared.agents.listing_optimizer import OptimizerInput, chosen_listings, in_short
from shared.agents.listing_versions import ListingVersion, checked, judged, listing_effect
from shared.agents.records import Brand
from shared.agents.scores.listings import (
    body_of,
    hashtags_of,
    said_words,
    shop_figures,
    text_score,
    unsaid_in,
    weakest_first,
)
from shared.effects.update_listing import UpdateListing
from shared.errors import InvalidInputError
from shared.providers.records import ListingIssue, Product
from tests.support.campaigns import SENTENCE, a_product, a_segment, a_shop

PLAIN = [a_product(f"p{place}") for place in range(5)]


def weak_kinds(**fields: Any) -> set[str]:
    """What is found weak of one listing in a shop of five plain ones."""
    figures = shop_figures(a_shop(*PLAIN, a_product("x", **fields)))
    return {one.kind for one in figures.listings[-1].weak}


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({}, set()),
        ({"clicks": 75}, {"low_click_rate"}),
        ({"clicks": 76}, set()),
        ({"units_sold": 7}, {"low_conversion"}),
        ({"units_sold": 0}, {"low_conversion"}),
        ({"views": 199, "clicks": 1}, set()),
        ({"clicks": 49, "units_sold": 0}, {"low_click_rate"}),
        ({"views": None}, set()),
        ({"units_sold": None}, set()),
        ({"title": "x" * 39}, {"title_short"}),
        ({"title": "x" * 40}, set()),
        ({"title": "x" * 256}, {"title_long"}),
        ({"description": ""}, {"description_missing"}),
        ({"description": "#only #tags"}, {"description_missing"}),
        ({"description": "short"}, {"description_short"}),
        ({"issues": [ListingIssue(field="MAIN_IMAGE", code="BLURRED")]}, {"issue"}),
    ],
)
def test_what_is_weak(fields: dict[str, Any], kinds: set[str]) -> None:
    """A rate of three quarters of the median or less; titles under 40 and over 255; what the shop itself names. Rates
    on fewer than 200 views or 50 clicks, and unknown ones, are not judged."""
    assert weak_kinds(**{"clicks": 100, "units_sold": fields.get("clicks", 100) // 10, **fields}) == kinds


def test_a_small_shop_has_no_median() -> None:
    """On three listings nothing underperforms, and it is said why."""
    figures = shop_figures(a_shop(*PLAIN[:2], a_product("x", clicks=51, units_sold=0)))

    assert (figures.median_click_rate, figures.median_conversion) == (None, None)
    assert figures.reason == (
        "the click rate is known of 3 listings, 4 are needed; the conversion is known of 3 listings, 4 are needed"
    )
    assert not any(one.underperforms for one in figures.listings)
    assert figures.listings[-1].conversion.reason == "the shop has no median"


def test_a_median_of_zero_compares_nothing() -> None:
    """Where most listings sell nothing, none is called weak for it."""
    figures = shop_figures(a_shop(*(a_product(f"p{place}", units_sold=0) for place in range(5))))

    assert figures.median_conversion == 0
    assert {one.conversion.reason for one in figures.listings} == {"the shop's median is zero"}


def test_what_is_not_on_sale_is_passed_over() -> None:
    """Drafts and frozen listings are counted, and neither compared nor rewritten."""
    figures = shop_figures(a_shop(*PLAIN, a_product("d", status="DRAFT", title="x")))

    assert (len(figures.listings), figures.not_on_sale) == (5, 1)


def test_the_weakest_come_first() -> None:
    """Listings that sell below their views lead; then the number of faults, then how often they are seen."""
    shop = a_shop(
        *PLAIN,
        a_product("short", title="x"),
        a_product("bare", title="x", description=""),
        a_product("seen", title="x", views=5000, clicks=500, units_sold=50),
        a_product("slow", clicks=60, units_sold=6),
    )

    assert [one.product_id for one in weakest_first(shop_figures(shop).listings)] == ["slow", "bare", "seen", "short"]


def test_only_what_words_can_mend_is_rewritten() -> None:
    """A blurred picture alone is no reason for a rewrite; without a weakness the result says so."""
    issue = ListingIssue(field="MAIN_IMAGE", code="BLURRED")
    figures = shop_figures(a_shop(*PLAIN, a_product("x", issues=[issue])))

    assert chosen_listings(figures, OptimizerInput(handle="x")) == []
    assert in_short(figures, []) == "None of the 6 listings shows a weakness that other words could mend."


def test_named_listings_are_taken_in_their_order() -> None:
    """The brief's products are rewritten whether weak or not; one that is not on sale is refused by name."""
    figures = shop_figures(a_shop(*PLAIN))
    given = OptimizerInput(handle="x", product_ids=("p3", "p1", "p3"))

    assert [one.product_id for one in chosen_listings(figures, given)] == ["p3", "p1"]
    with pytest.raises(InvalidInputError, match="no listing 'p9' on sale in this shop; on sale: p0, p1"):
        chosen_listings(figures, OptimizerInput(handle="x", product_ids=("p9",)))


def test_hashtags_stand_in_the_last_paragraph() -> None:
    """They are the listing's; hashtags in a sentence belong to it."""
    product = a_product(description="A #nice gel.\n\n#Brows #gel")

    assert (body_of(product), hashtags_of(product)) == ("A #nice gel.", ("nice", "brows", "gel"))


def test_scores_of_texts() -> None:
    """35 for the title, 25 for the description, 10 for hashtags, 30 for keywords; rescaled without keywords."""
    full = ("x" * 40, "y" * 200, ("a", "b", "c"))

    assert text_score(*full, []) == 100
    assert text_score("x" * 20, "y" * 100, (), []) == 43  # (17.5 + 12.5) of 70
    assert text_score("x" * 256, "y" * 200, ("a", "b", "c"), []) == 50
    assert text_score(*full, ["brow gel"]) == 70
    assert text_score("Brow  GEL" + "x" * 40, *full[1:], ["brow gel", "soap brows"]) == 85
    assert text_score(*full[:2], tuple("abcdefghijk"), []) == 93


def test_search_words_must_be_borne_out() -> None:
    """People search for ceramides; a listing that names none may not use the word, in whatever spelling."""
    product = a_product(search_words=("brow gel", "ceramide gel"))

    assert said_words(product) == ["brow gel"]
    assert unsaid_in("A Ceramide-Gel", product) == ["ceramide gel"]
    assert unsaid_in("gel #ceramidegel", product) == ["ceramide gel"]
    assert unsaid_in("A gel", product) == []


def a_version(**fields: Any) -> ListingVersion:
    given = {
        "title": "Clear brow gel in a tube, with its own brush",
        "description": SENTENCE * 5,
        "hashtags": ["#Brows", "browgel", "beauty"],
        "why": "w",
    }
    return ListingVersion.model_validate({**given, **fields})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"title": "x" * 256}, "title: has 256 characters"),
        ({"title": " "}, "title: has 0 characters"),
        ({"title": "Clear vegan brow gel"}, "title: the claim 'vegan'"),
        ({"description": "Holds for 24 hours"}, "description: the number 24"),
        ({"description": "A flawless gel"}, "description: uses 'flawless'"),
        ({"hashtags": ["no tag"]}, "hashtags: 'no tag' is no hashtag"),
        ({"hashtags": [f"t{'x' * place}" for place in range(11)]}, "hashtags: there are 11"),
        ({"description": "x" * 4001}, "description: has 4001 characters"),
    ],
)
def test_versions_with_a_problem(fields: dict[str, Any], told: str) -> None:
    """Each is kept with its problem, and never proposed."""
    product = a_product(title="Gel", description="")
    version = checked(a_version(**fields), product, Brand(name="Laku", banned_terms=("flawless",)))
    figures = shop_figures(a_shop(*PLAIN, product)).listings[-1]

    assert any(told in problem for problem in version.problems), version.problems
    assert judged(product, figures, [version]).outcome == "no_version_passed"


def rewrite(product: Product, *versions: ListingVersion) -> Any:
    figures = shop_figures(a_shop(*PLAIN, product)).listings[-1]
    return judged(
        product, figures, [checked(one, product, None, [a_segment("s1", "5minutebrows")]) for one in versions]
    )


def test_the_best_version_is_proposed() -> None:
    """Of versions without a problem the one with the highest score; topic hashtags of the audience are no claims."""
    weak = a_product("x", title="Brow gel, clear, a tube with a brush", description="A brow gel.")
    found = rewrite(weak, a_version(hashtags=["5minutebrows"]), a_version(), a_version(title="Vegan gel"))

    assert (found.outcome, found.proposed) == ("proposed", 1)
    assert [bool(one.problems) for one in found.versions] == [False, False, True]
    payload = UpdateListing.model_validate(listing_effect(found).payload)
    assert (payload.product_id, payload.hashtags) == ("x", ("brows", "browgel", "beauty"))


def test_only_what_differs_is_changed() -> None:
    """A field that stays as it is is left out of the proposal."""
    product = a_product("x", title="Brow gel", description=f"{SENTENCE * 5}".strip() + "\n\n#brows #browgel #beauty")
    payload = listing_effect(rewrite(product, a_version(description=SENTENCE * 5))).payload

    assert (payload["description"], payload["hashtags"]) == (None, None)
    assert payload["title"] == "Clear brow gel in a tube, with its own brush"


def test_no_better_no_proposal() -> None:
    """A version that scores no better than the present text is not proposed, and the figures are told."""
    found = rewrite(a_product("x"), a_version())

    assert (found.outcome, found.proposed) == ("no_version_better", None)
    assert found.reason == "The best version scores 100 against 100 now; 5 points more are asked for."


def test_no_versions_at_all() -> None:
    """A model that writes none proposes nothing."""
    assert rewrite(a_product("x", title="x")).reason == "No version passed the checks: the model wrote none."

"""Which listings sell below what the shop itself lets expect, and how well a listing's text follows the rules.

A listing is compared with the median of its own shop, never with other shops. Rates on few views or clicks are not
computed: a rate of one sale in three clicks says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from shared.agents.quoting import excerpt
from shared.agents.scores.figures import Figures, median, rounded
from shared.providers.records import Product, Products

LEAST_VIEWS = 200  # of a listing, before its click rate is computed
LEAST_CLICKS = 50  # of a listing, before its conversion is computed
LEAST_LISTINGS = 4  # with a known rate, before the shop has a median
WEAK = 0.75  # of the median, and below
TITLE_SHORT = 40  # characters: the shop's own diagnosis TITLE_LESS_THAN_40_CHARACTERS
TITLE_MOST = 255
DESCRIPTION_FULL = 200
KEYWORDS = 8
HASHTAGS_FULL = 3
HASHTAGS_MOST = 10
LEAST_GAIN = 5  # points that a version must score above the present text

Weakness = Literal[
    "low_click_rate", "low_conversion", "title_short", "title_long", "description_missing", "description_short", "issue"
]
_TEXT_FIELDS = ("TITLE", "DESCRIPTION")
_HASHTAG = re.compile(r"(?<!\w)#(\w{1,100})")
_WORD = re.compile(r"\w+")


class Weak(Figures):
    """One weakness with its evidence in words. `by_text` says whether other words can mend it."""

    kind: Weakness
    evidence: str
    by_text: bool


class Rate(Figures):
    """A rate, and how it compares with the shop's median. `reason` says why one of the two is unknown."""

    value: float | None
    ratio: float | None
    reason: str | None = None


class ListingFigures(Figures):
    """How one listing does. `score` is of its present text, 0-100."""

    product_id: str
    title: str
    views: int | None
    clicks: int | None
    units_sold: int | None
    click_rate: Rate
    conversion: Rate
    weak: tuple[Weak, ...]
    score: int

    @property
    def underperforms(self) -> bool:
        return any(one.kind in ("low_click_rate", "low_conversion") for one in self.weak)


class ShopFigures(Figures):
    """The listings on sale, and the medians that they are held against. `reason`: why there is no median."""

    listings: tuple[ListingFigures, ...]
    not_on_sale: int
    median_click_rate: float | None
    median_conversion: float | None
    reason: str | None


def shop_figures(shop: Products) -> ShopFigures:
    """The figures of every listing that is on sale, in the shop's order."""
    sold = [product for product in shop.products if product.status == "ACTIVATE"]
    clicks, sales = [_click_rate(one) for one in sold], [_conversion(one) for one in sold]
    click_median, sale_median = _median_of(clicks), _median_of(sales)
    listings = tuple(
        _figures(product, _held(click, click_median), _held(sale, sale_median))
        for product, click, sale in zip(sold, clicks, sales, strict=True)
    )
    short = [
        f"{name} is known of {_known(rates)} listings, {LEAST_LISTINGS} are needed"
        for name, rates in (("the click rate", clicks), ("the conversion", sales))
        if _known(rates) < LEAST_LISTINGS
    ]
    return ShopFigures(
        listings=listings,
        not_on_sale=len(shop.products) - len(sold),
        median_click_rate=rounded(click_median),
        median_conversion=rounded(sale_median),
        reason="; ".join(short) or None,
    )


def weakest_first(listings: Iterable[ListingFigures]) -> list[ListingFigures]:
    """Listings that have a weakness: those that sell below their views first, then by how many, then the most seen."""
    weak = [one for one in listings if one.weak]
    return sorted(weak, key=lambda one: (not one.underperforms, -len(one.weak), -(one.views or 0), one.product_id))


def _click_rate(product: Product) -> Rate:
    if product.views is None or product.clicks is None:
        return Rate(value=None, ratio=None, reason="views or clicks are unknown")
    if product.views < LEAST_VIEWS:
        return Rate(value=None, ratio=None, reason=f"{product.views} views, {LEAST_VIEWS} are needed")
    return Rate(value=rounded(product.clicks / product.views), ratio=None)


def _conversion(product: Product) -> Rate:
    if product.clicks is None or product.units_sold is None:
        return Rate(value=None, ratio=None, reason="clicks or sales are unknown")
    if product.clicks < LEAST_CLICKS:
        return Rate(value=None, ratio=None, reason=f"{product.clicks} clicks, {LEAST_CLICKS} are needed")
    return Rate(value=rounded(product.units_sold / product.clicks), ratio=None)


def _known(rates: Sequence[Rate]) -> int:
    return sum(rate.value is not None for rate in rates)


def _median_of(rates: Sequence[Rate]) -> float | None:
    values = [rate.value for rate in rates if rate.value is not None]
    return median(values) if len(values) >= LEAST_LISTINGS else None


def _held(rate: Rate, shop_median: float | None) -> Rate:
    if rate.value is None:
        return rate
    if not shop_median:
        why = "the shop has no median" if shop_median is None else "the shop's median is zero"
        return rate.model_copy(update={"reason": why})
    return rate.model_copy(update={"ratio": rounded(rate.value / shop_median)})


def _figures(product: Product, click: Rate, sale: Rate) -> ListingFigures:
    return ListingFigures(
        product_id=product.id,
        title=excerpt(product.title, TITLE_MOST),
        views=product.views,
        clicks=product.clicks,
        units_sold=product.units_sold,
        click_rate=click,
        conversion=sale,
        weak=(
            *_weak_rate("low_click_rate", "click rate", click),
            *_weak_rate("low_conversion", "conversion", sale),
            *_weak_text(product),
        ),
        score=text_score(product.title, body_of(product), hashtags_of(product), said_words(product)),
    )


def _weak_rate(kind: Weakness, name: str, rate: Rate) -> list[Weak]:
    if rate.ratio is None or rate.ratio > WEAK or rate.value is None:
        return []
    told = f"{name} {rate.value:.2%}, {rate.ratio:.2f} times the shop's median"
    return [Weak(kind=kind, evidence=told, by_text=True)]


def _weak_text(product: Product) -> list[Weak]:
    title, body = len(product.title.strip()), len(body_of(product))
    rules: tuple[tuple[bool, Weakness, str], ...] = (
        (title < TITLE_SHORT, "title_short", f"the title has {title} characters, {TITLE_SHORT} are asked for"),
        (title > TITLE_MOST, "title_long", f"the title has {title} characters, {TITLE_MOST} are allowed"),
        (body == 0, "description_missing", "there is no description"),
        (0 < body < DESCRIPTION_FULL, "description_short", f"the description has {body} characters"),
    )
    found = [Weak(kind=kind, evidence=told, by_text=True) for is_so, kind, told in rules if is_so]
    return [*found, *_weak_by_the_shop(product)]


def _weak_by_the_shop(product: Product) -> list[Weak]:
    """What the shop's own diagnosis names. A picture is not mended by words."""
    return [
        Weak(
            kind="issue",
            evidence=f"{excerpt(one.field, 60)}: {excerpt(one.code, 100)}",
            by_text=one.field.upper() in _TEXT_FIELDS,
        )
        for one in product.issues
    ]


def hashtags_of(product: Product) -> tuple[str, ...]:
    """The hashtags of a listing: a shop has no field for them, so they stand in the description."""
    return tuple(dict.fromkeys(tag.lower() for tag in _HASHTAG.findall(product.description)))


def body_of(product: Product) -> str:
    """The description without the paragraph of hashtags at its end."""
    text = product.description.strip()
    before, _, last = text.rpartition("\n")
    words = last.split()
    return before.strip() if words and all(word.startswith("#") for word in words) else text


def text_score(title: str, body: str, hashtags: Sequence[str], keywords: Sequence[str]) -> int:
    """0-100: how well a listing's text follows the shop's rules. It says nothing of what it will sell.

    Title 35 (full from 40 characters on, none above 255), description 25 (full from 200 on), hashtags 10 (full from 3
    to 10, half above), keywords 30: the share of the first 8 that occur. Without keywords the rest counts for all.
    """
    length = len(title.strip())
    parts: list[tuple[float, float]] = [
        (35, 0.0 if length > TITLE_MOST else min(1.0, length / TITLE_SHORT)),
        (25, min(1.0, len(body.strip()) / DESCRIPTION_FULL)),
        (10, _hashtag_share(len(hashtags))),
    ]
    wanted = keywords_of(keywords)
    if wanted:
        said = " ".join(_words(f"{title} {body} {' '.join(hashtags)}"))
        parts.append((30, sum(word in said for word in wanted) / len(wanted)))
    total = sum(weight for weight, _ in parts)
    return int(100 * sum(weight * share for weight, share in parts) / total + 0.5)


def keywords_of(words: Iterable[str]) -> list[str]:
    """The first 8 search words, each once, in the form in which they are looked up."""
    cleaned = (" ".join(_words(word)) for word in words)
    return list(dict.fromkeys(word for word in cleaned if word))[:KEYWORDS]


def said_words(product: Product) -> list[str]:
    """The search words that the listing itself bears out: each of their words stands in it."""
    said = set(_words(f"{product.title} {product.description}"))
    return [word for word in keywords_of(product.search_words) if said.issuperset(word.split())]


def unsaid_words(product: Product) -> list[str]:
    """What people search for, and the listing does not say that the product is. Somebody who knows may add it."""
    said = said_words(product)
    return [word for word in keywords_of(product.search_words) if word not in said]


def unsaid_in(text: str, product: Product) -> list[str]:
    """The search words of the text, spelt in one or in several words, that the listing does not bear out."""
    words = _words(text)
    spaced, joined = f" {' '.join(words)} ", set(words)
    return [one for one in unsaid_words(product) if f" {one} " in spaced or one.replace(" ", "") in joined]


def _hashtag_share(count: int) -> float:
    return 0.5 if count > HASHTAGS_MOST else min(1.0, count / HASHTAGS_FULL)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())

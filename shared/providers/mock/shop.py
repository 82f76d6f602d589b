"""The mock shop and creator marketplace: the same in every process and on every day (B035, C063)."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from shared.providers.mock.dice import Dice
from shared.providers.mock.shapes import mock_book
from shared.providers.records import Creator, Creators, ListingIssue, Product, Products

CREATORS = 144  # how many the marketplace has
_CENT = Decimal("0.01")
_AGES = ("18-24", "25-34", "35-44", "45-54", "55+")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Goods(_Strict):
    short: str
    long: str
    words: tuple[str, ...]
    price: tuple[int, int]


class _Issue(_Strict):
    code: str
    how_to_solve: str


class _Names(_Strict):
    first: tuple[str, ...]
    second: tuple[str, ...]
    categories: tuple[str, ...]
    regions: tuple[str, ...]
    languages: dict[str, str]


class _ShopBook(_Strict):
    window_days: int
    products: tuple[_Goods, ...]
    sentences: tuple[str, ...]
    issues: dict[Literal["title", "description"], _Issue]
    creators: _Names


@cache
def _book() -> _ShopBook:
    return _ShopBook.model_validate(yaml.safe_load((Path(__file__).parent / "shop.yaml").read_text("utf-8")))


def mock_products(handle: str, limit: int) -> Products:
    """The mock shop of a handle: five to nine listings, some of them weak."""
    dice = Dice(handle, "shop")
    ids = [str(1_729_000_000_000_000_000 + dice.whole(0, 10**15)) for _ in range(dice.whole(5, 9))]
    return Products(
        source="mock",
        source_name="mock data",
        as_of=mock_book().as_of,
        window_days=_book().window_days,
        products=tuple(mock_product(product_id) for product_id in ids[:limit]),
        notes=("The shop is invented from the handle.",),
    )


def mock_product(product_id: str) -> Product:
    """The listing with this id; every id has one."""
    book, dice = _book(), Dice(product_id, "product")
    goods, is_weak = dice.one_of(book.products), dice.yes(0.5)
    description = " ".join(dice.some_of(book.sentences, 2 if is_weak else 6))
    views = round(dice.log_between(400, 30_000))
    clicks = round(views * dice.between(0.03, 0.06) * (0.5 if is_weak else 1.0))
    units = round(clicks * dice.between(0.02, 0.06) * (0.4 if is_weak else 1.0))
    price = (Decimal(dice.whole(*goods.price)) - _CENT).quantize(_CENT)
    return Product(
        id=product_id,
        title=goods.short if is_weak else goods.long,
        description=description,
        price_usd=price,
        stock=dice.whole(0, 400),
        views=views,
        clicks=clicks,
        units_sold=units,
        gmv_usd=price * units,
        quality_tier="POOR" if is_weak else "GOOD",
        issues=_issues(book) if is_weak else (),
        search_words=goods.words,
        smart_titles=(goods.long,) if is_weak else (),
    )


def _issues(book: _ShopBook) -> tuple[ListingIssue, ...]:
    return tuple(
        ListingIssue(field=field.upper(), code=issue.code, how_to_solve=issue.how_to_solve)
        for field, issue in book.issues.items()
    )


def mock_creators(keyword: str, min_followers: int, max_followers: int, limit: int) -> Creators:
    """Creators with as many followers, those who are near the keyword first."""
    found = [creator for creator in _all_creators() if min_followers <= (creator.followers or 0) <= max_followers]
    found.sort(key=lambda creator: (not _is_near(creator, keyword), creator.open_id))
    return Creators(
        source="mock",
        source_name="mock data",
        as_of=mock_book().as_of,
        creators=tuple(found[:limit]),
        notes=("The creators are invented.",),
    )


@cache
def _all_creators() -> tuple[Creator, ...]:
    return tuple(_creator(number) for number in range(CREATORS))


def _is_near(creator: Creator, keyword: str) -> bool:
    words = {word.lower() for word in keyword.split()}
    return any(word in text.lower() for word in words for text in (creator.handle, *creator.categories))


def _creator(number: int) -> Creator:
    names, dice = _book().creators, Dice(str(number), "creator")
    first, second = names.first[number // len(names.second)], names.second[number % len(names.second)]
    followers, region = round(dice.log_between(2_000, 400_000)), dice.one_of(names.regions)
    units = round(dice.log_between(5, 2_000))
    oldest = dice.whole(0, 2)
    return Creator(
        open_id=f"uAC{number:04d}{dice.whole(10**9, 10**10 - 1)}",
        handle=f"{first}with{second}",
        nickname=second.capitalize(),
        followers=followers,
        region=region,
        categories=tuple(dice.some_of(names.categories, 2)),
        average_views=round(followers * dice.between(0.05, 0.6)),
        engagement_rate=round(dice.between(0.015, 0.11), 4),
        units_sold_30d=units,
        gmv_usd_30d=(Decimal(units) * dice.whole(8, 30)).quantize(_CENT),
        age_ranges=_AGES[oldest : oldest + 2],
        major_gender="female" if dice.yes(0.8) else "male",
        major_gender_share=round(dice.between(0.55, 0.92), 2),
        languages=(names.languages[region],),
    )

"""The products of a brief: each once, which of them can be planned for, and what has to be asked about the others."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.agents.quoting import excerpt
from shared.workflows.asset_brief import BriefedProduct, Layer

NAME_CHARACTERS = 120
NAMED = 10  # products that a question lists by name
OF_PRODUCTS: tuple[Layer, ...] = ("substrates", "composites", "distribution")


class Question(BaseModel):
    """Something that only the customer knows. `blocks`: the layers that miss something until it is answered; `about`:
    the products meant, by `ref`."""

    model_config = ConfigDict(frozen=True)

    key: str
    question: str
    blocks: tuple[Layer, ...] = ()
    about: tuple[str, ...] = ()


class PlannedProduct(BaseModel):
    """A product of the plan. `missing`: why nothing is planned for it; `made_from`: what its pictures come from."""

    model_config = ConfigDict(frozen=True)

    ref: str
    product_id: str
    name: str
    made_from: Literal["pictures", "description"] | None
    missing: tuple[str, ...] = ()


def sorted_out(given: Sequence[BriefedProduct]) -> tuple[list[PlannedProduct], list[Question], list[str]]:
    """The products, each once; what to ask about them; and what was made of those that were listed twice."""
    merged, twice, differing = _merged(given)
    found = [_planned(f"p{place}", one) for place, one in enumerate(merged, start=1)]
    questions = [
        *_lacking("name", "What is the name of", found),
        *_lacking("material", "What does it look like: is there a picture or a description of", found),
        *_differing([found[at] for at in differing]),
    ]
    notes = [f"lines about a product that was listed before: {twice}; each product is counted once"] if twice else []
    return found, questions, notes


def _merged(given: Sequence[BriefedProduct]) -> tuple[list[BriefedProduct], int, list[int]]:
    """Each product once, how many lines were about one that came before, and the places of those that were told of in
    two ways. What one line leaves open another may fill in."""
    kept: list[BriefedProduct] = []
    by_id: dict[str, int] = {}
    by_name: dict[str, int] = {}
    differing: dict[int, None] = {}
    for one in given:
        product_id, name = one.product_id.strip(), _folded(one.name)
        at = by_id.get(product_id) if product_id else None
        if at is None and name in by_name and not (product_id and kept[by_name[name]].product_id.strip()):
            at = by_name[name]  # two products of one name with different ids are two products
        if at is None:
            at = len(kept)
            kept.append(one)
        else:
            if _differ(kept[at], one):
                differing[at] = None
            kept[at] = _filled(kept[at], one)
        _remember(at, product_id, by_id)
        _remember(at, name, by_name)
    return kept, len(given) - len(kept), sorted(differing)


def _remember(at: int, name: str, places: dict[str, int]) -> None:
    if name:
        places.setdefault(name, at)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _differ(first: BriefedProduct, other: BriefedProduct) -> bool:
    pairs = ((first.name, other.name), (first.description, other.description))
    return any(_folded(one) and _folded(two) and _folded(one) != _folded(two) for one, two in pairs)


def _filled(first: BriefedProduct, other: BriefedProduct) -> BriefedProduct:
    return first.model_copy(
        update={
            "product_id": first.product_id.strip() or other.product_id,
            "name": first.name if first.name.strip() else other.name,
            "description": first.description if first.description.strip() else other.description,
            "pictures": tuple(dict.fromkeys((*first.pictures, *other.pictures))),
        }
    )


def _planned(ref: str, one: BriefedProduct) -> PlannedProduct:
    has_pictures = any(picture.strip() for picture in one.pictures)
    made_from: Literal["pictures", "description"] | None = "pictures" if has_pictures else None
    if made_from is None and one.description.strip():
        made_from = "description"
    name = excerpt(one.name, NAME_CHARACTERS)
    missing = [*(["name"] if not name else []), *(["material"] if made_from is None else [])]
    return PlannedProduct(
        ref=ref, product_id=one.product_id.strip(), name=name, made_from=made_from, missing=tuple(missing)
    )


def called(product: PlannedProduct) -> str:
    """How a product is spoken of: its name, or else its id or its place."""
    return product.name or (f"product {product.product_id}" if product.product_id else f"product {product.ref[1:]}")


def _lacking(what: str, asked: str, products: Iterable[PlannedProduct]) -> list[Question]:
    about = [one for one in products if what in one.missing]
    if not about:
        return []
    key = f"products_without_{what}"
    refs = tuple(one.ref for one in about)
    return [Question(key=key, question=f"{asked} {_listed(about)}?", blocks=OF_PRODUCTS, about=refs)]


def _differing(products: Sequence[PlannedProduct]) -> list[Question]:
    if not products:
        return []
    told = f"Which description is right for {_listed(products)}? Each is listed twice, and the first line was taken."
    return [Question(key="products_told_differently", question=told, about=tuple(one.ref for one in products))]


def _listed(products: Sequence[PlannedProduct]) -> str:
    names = ", ".join(f'"{called(one)}"' for one in products[:NAMED])
    return names if len(products) <= NAMED else f"{names} and {len(products) - NAMED} more"

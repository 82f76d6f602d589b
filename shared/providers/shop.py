"""Reading a shop's listings and the creator marketplace: what agents call (X26).

Each read is one `provider_call` in the trace, and is answered from the journal when a step is entered again. Account
data files hold neither listings nor creators, so in dataset mode these are the mock's, and the answer says so.
"""

from __future__ import annotations

from typing import Protocol

from shared.config import Settings, current_settings
from shared.core.accounts import Vendor
from shared.core.canonical import Json
from shared.core.status import CallKind
from shared.errors import InvalidInputError
from shared.providers.accounts.access import Asked, asked_here
from shared.providers.handles import normal_handle
from shared.providers.records import Creators, Products
from shared.providers.text import clean_text
from shared.trace.journal import durable

MAX_KEYWORD = 200


class ShopSource(Protocol):
    """Where listings and creators come from. Handles are given in their normal form."""

    async def products(self, handle: str, product_ids: tuple[str, ...], limit: int) -> Products: ...

    async def creators(self, keyword: str, min_followers: int, max_followers: int, limit: int) -> Creators: ...


class MockShop:
    """Answers for every handle."""

    async def products(self, handle: str, product_ids: tuple[str, ...], limit: int) -> Products:
        from shared.providers.mock.shop import mock_product, mock_products

        found = mock_products(handle, limit)
        if product_ids:
            chosen = tuple(mock_product(product_id) for product_id in product_ids[:limit])
            return found.model_copy(update={"products": chosen})
        return found

    async def creators(self, keyword: str, min_followers: int, max_followers: int, limit: int) -> Creators:
        from shared.providers.mock.shop import mock_creators

        return mock_creators(keyword, min_followers, max_followers, limit)


def shop_source(settings: Settings, whose: Asked | None = None) -> ShopSource:
    """The shop of the mode that is set; in real mode `whose`, else that of the agent run around this call."""
    if settings.tiktok_provider_mode == "real":
        from shared.providers.shop_real import RealShop

        return RealShop(settings, whose or asked_here(Vendor.SHOP))
    return MockShop()


async def read_products(
    handle: str, *, product_ids: tuple[str, ...] = (), limit: int = 50, whose: Asked | None = None
) -> Products:
    """The listings of the account's shop with how they did and what is weak; only these, if ids are given. Outside of
    an agent run, `whose` says for which workspace and brand.

    Raises `InvalidInputError` for `handle`, `product_ids` or `limit`, `ProviderRefusedError` and `ProviderDownError`.
    """
    name = normal_handle(handle)
    _check("limit", limit, 1, 200)
    if len(product_ids) > 200:
        raise InvalidInputError("product_ids", f"{len(product_ids)} ids; allowed: 200 at most")

    async def read() -> Json:
        found = await shop_source(current_settings(), whose).products(name, product_ids, limit)
        return found.model_dump(mode="json")

    request = {"handle": name, "product_ids": list(product_ids), "limit": limit}
    return Products.model_validate(await durable(CallKind.PROVIDER, "tiktok_shop.read_products", read, request))


async def search_creators(
    keyword: str, *, min_followers: int = 5_000, max_followers: int = 250_000, limit: int = 20
) -> Creators:
    """Creators of the marketplace who sell such things, with what is known of their followers.

    Raises `InvalidInputError` for a range that makes no sense, and what `read_products` raises.
    """
    words = clean_text(keyword.strip(), MAX_KEYWORD)
    _check("limit", limit, 1, 100)
    _check("min_followers", min_followers, 0, 1_000_000_000)
    _check("max_followers", max_followers, min_followers, 1_000_000_000)

    async def read() -> Json:
        source = shop_source(current_settings())
        found = await source.creators(words, min_followers, max_followers, limit)
        return found.model_dump(mode="json")

    request = {"keyword": words, "min_followers": min_followers, "max_followers": max_followers, "limit": limit}
    return Creators.model_validate(await durable(CallKind.PROVIDER, "tiktok_shop.search_creators", read, request))


def _check(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInputError(field, f"{value} is out of range; allowed: {low} to {high}")

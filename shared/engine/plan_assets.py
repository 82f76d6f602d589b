"""Plans a brand's assets: its profile, the products of the brief or of the shop, and the plan. Writes nothing (X48)."""

from __future__ import annotations

import asyncio
from uuid import UUID

from shared.agents.records import Brand
from shared.core.accounts import Vendor
from shared.engine.rooms import Rooms
from shared.errors import InvalidInputError, NotEnoughSettingsError, ProviderRefusedError
from shared.providers.accounts.access import Asked
from shared.providers.records import Product
from shared.providers.shop import read_products
from shared.workflows.asset_brief import AssetBrief, BriefedProduct
from shared.workflows.asset_plan import AssetPlan, plan_assets

MOST_READ = 200  # what one reading of a shop gives
ON_SALE = "ACTIVATE"


def asset_plan(workspace_id: UUID, brand_id: UUID, brief: AssetBrief, rooms: Rooms) -> AssetPlan:
    """The plan. Raises `InvalidInputError` for a brand that this workspace does not have and for what is wrong in the
    brief, and `ProviderDownError`."""
    rows = rooms.store.move(workspace_id, "load_brand", brand_id=brand_id)
    if not rows:
        raise InvalidInputError("brand_id", f"there is no brand {brand_id} in this workspace")
    row = rows[0]
    brand = Brand(name=row.name, voice=row.voice, guidelines=row.guidelines, banned_terms=tuple(row.banned_terms))
    notes: tuple[str, ...] = ()
    if brief.products is None and brief.handle is not None:
        whose = Asked(Vendor.SHOP, workspace_id, brand_id=brand_id)
        brief, notes = _with_the_shops(brief, brief.handle, whose)
    return plan_assets(brand_id, brand, brief, notes)


def _with_the_shops(brief: AssetBrief, handle: str, whose: Asked) -> tuple[AssetBrief, tuple[str, ...]]:
    """The brief with the products that the account's shop sells, and where they come from."""
    try:
        shop = asyncio.run(read_products(handle, limit=MOST_READ, whose=whose))
    except (ProviderRefusedError, NotEnoughSettingsError) as refused:
        told = f"the shop of @{handle} cannot be read: {refused.message}; list the products in the brief"
        raise InvalidInputError("brief.handle", told) from refused
    sold = [product for product in shop.products if product.status == ON_SALE]
    notes = [f"the products are the {len(sold)} on sale in the shop of @{handle} ({shop.source_name})", *shop.notes]
    if len(shop.products) >= MOST_READ:
        notes.append(f"only the first {MOST_READ} listings of the shop were read")
    products = tuple(_briefed(product) for product in sold)
    return brief.model_copy(update={"products": products}), tuple(notes)


def _briefed(product: Product) -> BriefedProduct:
    """A listing as a brief would name it. A shop's reading holds no pictures."""
    return BriefedProduct(
        product_id=product.id[:64], name=product.title[:300], description=product.description[:10_000]
    )

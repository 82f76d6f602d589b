"""What a plan of assets is made from: the brief, its products, and the assets that it asks for by name (X48)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.core.definitions import Key
from shared.errors import InvalidInputError
from shared.providers.handles import normal_handle

Layer = Literal["brand_identity", "templates", "substrates", "composites", "distribution"]
Granularity = Literal["per_stage", "per_batch", "per_asset", "none"]
Channel = Literal["tiktok_feed", "tiktok_shop", "tiktok_ads"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
MOST_PRODUCTS = 500
MOST_OWN_ASSETS = 1_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BriefedProduct(_Part):
    """A product as the customer lists it. It can be planned for with a name, and a picture or a description."""

    product_id: Annotated[str, Field(max_length=64)] = ""
    name: Annotated[str, Field(max_length=300)] = ""
    description: Annotated[str, Field(max_length=10_000)] = ""
    pictures: Annotated[tuple[Annotated[str, Field(max_length=2_000)], ...], Field(max_length=50)] = ()


class OwnAsset(_Part):
    """An asset that the customer names, besides those that follow from products and channels."""

    key: Key
    layer: Layer
    title: Annotated[str, Field(max_length=200)] = ""
    depends_on: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=64)], ...], Field(max_length=200)] = ()


class AssetBrief(_Part):
    """What is wanted. Plain text is the `goal` alone.

    `products` left out: those of the shop of `handle`, if one is given. `products_total`: how many there should be.
    """

    goal: Annotated[str, Field(max_length=10_000)] = ""
    handle: Annotated[str, Field(max_length=65)] | None = None
    products: Annotated[tuple[BriefedProduct, ...], Field(max_length=MOST_PRODUCTS)] | None = None
    products_total: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=3)] = ("tiktok_feed",)
    variants: Annotated[int, Field(ge=1, le=5)] = 1
    gate_granularity: Granularity = "per_stage"
    batch_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    assets: Annotated[tuple[OwnAsset, ...], Field(max_length=MOST_OWN_ASSETS)] = ()

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_goal(cls, given: Any) -> Any:
        return {"goal": given} if isinstance(given, str) else given

    @field_validator("handle")
    @classmethod
    def _normal(cls, handle: str | None) -> str | None:
        if handle is None:
            return None
        try:
            return normal_handle(handle)
        except InvalidInputError as wrong:
            raise ValueError(wrong.problem) from None

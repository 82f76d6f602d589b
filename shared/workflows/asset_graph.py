"""The assets of a plan and what each is made from: five layers, no dangling dependency, no cycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from shared.core.graph import CycleError, execution_order
from shared.errors import InvalidInputError
from shared.workflows.asset_brief import LAYERS, AssetBrief, Channel, Layer, OwnAsset
from shared.workflows.asset_products import PlannedProduct

BRAND_KIT = "brand_kit"
FORMATS: Mapping[Channel, str] = {
    "tiktok_feed": "video_9x16",
    "tiktok_ads": "video_9x16",
    "tiktok_shop": "image_1x1",
}
WORDS = {
    "video_9x16": "upright video, 9:16",
    "image_1x1": "square picture, 1:1",
    "tiktok_feed": "the TikTok feed",
    "tiktok_ads": "TikTok ads",
    "tiktok_shop": "the TikTok shop",
}


class PlannedAsset(BaseModel):
    """One thing to make. `product` is a product's `ref`."""

    model_config = ConfigDict(frozen=True)

    key: str
    layer: Layer
    kind: str
    title: str
    depends_on: tuple[str, ...] = ()
    product: str | None = None
    format: str | None = None
    channel: str | None = None


class Stripped(BaseModel):
    """A dependency that was left out: the plan has no asset of that key."""

    model_config = ConfigDict(frozen=True)

    asset: str
    depends_on: str


def planned_assets(
    brand: str, brief: AssetBrief, products: Sequence[PlannedProduct]
) -> tuple[list[PlannedAsset], list[Stripped]]:
    """Every asset after those that it is made from, layer by layer, and what was stripped.

    Raises `InvalidInputError` with the field of the brief for a key that is used twice, a cycle, or an asset that is
    made from one of a later layer.
    """
    derived = list(_derived(brand, brief, products))
    known = {asset.key: asset.layer for asset in derived}
    for place, own in enumerate(brief.assets):
        if own.key in known:
            raise InvalidInputError(f"brief.assets.{place}.key", f"{own.key} is used twice")
        known[own.key] = own.layer
    assets, stripped = [*derived], []
    for place, own in enumerate(brief.assets):
        asset, left_out = _own(own, known)
        _check_layers(place, asset, known)
        assets.append(asset)
        stripped += left_out
    return _in_order(assets, brief.assets), stripped


def _derived(brand: str, brief: AssetBrief, products: Sequence[PlannedProduct]) -> Iterator[PlannedAsset]:
    """What follows from the brand, the channels and the products that can be planned for."""
    yield PlannedAsset(key=BRAND_KIT, layer="brand_identity", kind="brand_kit", title=f"Brand kit of {brand}")
    channels = list(dict.fromkeys(brief.channels))
    formats = list(dict.fromkeys(FORMATS[channel] for channel in channels))
    for format_ in formats:
        yield PlannedAsset(
            key=f"template_{format_}",
            layer="templates",
            kind="template",
            title=f"Template: {WORDS[format_]}",
            depends_on=(BRAND_KIT,),
            format=format_,
        )
    for product in products:
        if not product.missing:
            yield from _of_product(product, channels, formats, brief.variants)


def _of_product(
    product: PlannedProduct, channels: Sequence[Channel], formats: Sequence[str], variants: int
) -> Iterator[PlannedAsset]:
    """A product's substrate, its composites, and one for each channel of each."""
    ref, substrate = product.ref, f"substrate_{product.ref}"
    kind = "cutout" if product.made_from == "pictures" else "render"
    told = "Cut-out" if kind == "cutout" else "Render from the description"
    yield PlannedAsset(
        key=substrate,
        layer="substrates",
        kind=kind,
        title=f"{told}: {product.name}",
        depends_on=(BRAND_KIT,),
        product=ref,
    )
    for variant in range(1, variants + 1):
        numbered = f", variant {variant}" if variants > 1 else ""
        for format_ in formats:
            yield PlannedAsset(
                key=f"composite_{ref}_{format_}_{variant}",
                layer="composites",
                kind="composite",
                title=f"{product.name}: {WORDS[format_]}{numbered}",
                depends_on=(f"template_{format_}", substrate),
                product=ref,
                format=format_,
            )
        for channel in channels:
            yield PlannedAsset(
                key=f"{channel}_{ref}_{variant}",
                layer="distribution",
                kind="delivery",
                title=f"{product.name}: for {WORDS[channel]}{numbered}",
                depends_on=(f"composite_{ref}_{FORMATS[channel]}_{variant}",),
                product=ref,
                format=FORMATS[channel],
                channel=channel,
            )


def _own(own: OwnAsset, known: Mapping[str, Layer]) -> tuple[PlannedAsset, list[Stripped]]:
    """An asset that the brief names, without the dependencies that lead nowhere."""
    wanted = dict.fromkeys(own.depends_on)
    asset = PlannedAsset(
        key=own.key,
        layer=own.layer,
        kind="own",
        title=own.title.strip() or own.key.replace("_", " "),
        depends_on=tuple(name for name in wanted if name in known),
    )
    return asset, [Stripped(asset=own.key, depends_on=name) for name in wanted if name not in known]


def _check_layers(place: int, asset: PlannedAsset, known: Mapping[str, Layer]) -> None:
    """The layers are made one after the other: what needs a later one would wait for itself."""
    for name in asset.depends_on:
        if LAYERS.index(known[name]) > LAYERS.index(asset.layer):
            told = f"a cycle: {asset.key} is made in {asset.layer}, and {name} after that, in {known[name]}"
            raise InvalidInputError(f"brief.assets.{place}.depends_on", told)


def _in_order(assets: Sequence[PlannedAsset], own: Sequence[OwnAsset]) -> list[PlannedAsset]:
    by_layer = sorted(assets, key=lambda asset: LAYERS.index(asset.layer))
    by_key = {asset.key: asset for asset in by_layer}
    try:
        order = execution_order({key: asset.depends_on for key, asset in by_key.items()})
    except CycleError as cycle:
        places = [place for place, one in enumerate(own) if one.key in cycle.keys]
        raise InvalidInputError(f"brief.assets.{places[0]}.depends_on", f"a cycle: {cycle}") from cycle
    return sorted((by_key[key] for key in order), key=lambda asset: LAYERS.index(asset.layer))

"""Where people look at assets before what is made from them: after each stage, each batch, each asset, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from shared.workflows.asset_brief import Granularity, Layer
from shared.workflows.asset_graph import PlannedAsset


class PlannedGate(BaseModel):
    """A decision. It `covers` the assets that are looked at; those that it `holds` are not begun before."""

    model_config = ConfigDict(frozen=True)

    key: str
    stage: Layer
    title: str
    covers: tuple[str, ...]
    holds: tuple[str, ...] = ()


def planned_gates(
    stages: Mapping[Layer, Sequence[PlannedAsset]], granularity: Granularity, batch_size: int
) -> list[PlannedGate]:
    """The gates in the order in which they come. A stage without assets has none."""
    if granularity == "none":
        return []
    filled = [(layer, assets) for layer, assets in stages.items() if assets]
    if granularity == "per_stage":
        return list(_per_stage(filled))
    size = 1 if granularity == "per_asset" else batch_size
    return list(_per_batch(filled, size))


def _per_stage(filled: Sequence[tuple[Layer, Sequence[PlannedAsset]]]) -> Iterator[PlannedGate]:
    """Each holds the whole next stage that has assets."""
    following = [tuple(asset.key for asset in assets) for _, assets in filled[1:]]
    for (layer, assets), held in zip(filled, [*following, ()], strict=True):
        yield PlannedGate(
            key=f"approve_{layer}",
            stage=layer,
            title=f"Approve {layer.replace('_', ' ')}",
            covers=tuple(asset.key for asset in assets),
            holds=held,
        )


def _per_batch(filled: Sequence[tuple[Layer, Sequence[PlannedAsset]]], size: int) -> Iterator[PlannedGate]:
    """Each holds what is made directly from one of its assets, other than those that it covers."""
    made_from: dict[str, list[str]] = {}
    for _, assets in filled:
        for asset in assets:
            for name in asset.depends_on:
                made_from.setdefault(name, []).append(asset.key)
    for layer, assets in filled:
        batches = [assets[start : start + size] for start in range(0, len(assets), size)]
        for number, batch in enumerate(batches, start=1):
            covers = tuple(asset.key for asset in batch)
            held = dict.fromkeys(name for key in covers for name in made_from.get(key, ()))
            yield PlannedGate(
                key=f"approve_{layer}_{number}",
                stage=layer,
                title=_title(layer, batch, number, len(batches), size),
                covers=covers,
                holds=tuple(name for name in held if name not in covers),
            )


def _title(layer: Layer, batch: Sequence[PlannedAsset], number: int, total: int, size: int) -> str:
    if size == 1:
        return f"Approve {batch[0].title}"
    return f"Approve {layer.replace('_', ' ')}, batch {number} of {total}"

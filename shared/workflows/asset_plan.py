"""Plans the assets of a brand: five layers, the gates between them, and what the customer has to be asked (X48).

Nothing is judged here that a model would be needed for: the same brand and brief give the same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.agents.quoting import excerpt
from shared.agents.records import Brand
from shared.workflows.asset_brief import LAYERS, AssetBrief, Granularity, Layer
from shared.workflows.asset_gates import PlannedGate, planned_gates
from shared.workflows.asset_graph import PlannedAsset, Stripped, planned_assets
from shared.workflows.asset_products import NAME_CHARACTERS, OF_PRODUCTS, PlannedProduct, Question, sorted_out


class Stage(BaseModel):
    """A layer: its assets, each behind those of this layer that it is made from, and its gates by key."""

    model_config = ConfigDict(frozen=True)

    key: Layer
    title: str
    depends_on: tuple[Layer, ...]
    assets: tuple[PlannedAsset, ...]
    gates: tuple[str, ...]


class AssetPlan(BaseModel):
    """The plan. `is_partial`: something is left out until a question is answered."""

    model_config = ConfigDict(frozen=True)

    brand_id: UUID
    brand: str
    gate_granularity: Granularity
    is_partial: bool
    stages: tuple[Stage, ...]
    gates: tuple[PlannedGate, ...]
    questions_for_customer: tuple[Question, ...]
    products: tuple[PlannedProduct, ...]
    stripped_dependencies: tuple[Stripped, ...]
    notes: tuple[str, ...]


def plan_assets(brand_id: UUID, brand: Brand, brief: AssetBrief, notes: Sequence[str] = ()) -> AssetPlan:
    """The plan for a brief whose products are known, or not: `notes` say where they come from.

    Raises `InvalidInputError`, with the field of the brief, for a cycle and for a key that is used twice.
    """
    products, unclear, told = sorted_out(brief.products or ())
    name = excerpt(brand.name, NAME_CHARACTERS)
    assets, stripped = planned_assets(name, brief, products)
    by_layer: dict[Layer, list[PlannedAsset]] = {layer: [] for layer in LAYERS}
    for asset in assets:
        by_layer[asset.layer].append(asset)
    gates = planned_gates(by_layer, brief.gate_granularity, brief.batch_size)
    questions = (*_of_brief(name, brand, brief), *_of_count(brief, products), *unclear)
    return AssetPlan(
        brand_id=brand_id,
        brand=name,
        gate_granularity=brief.gate_granularity,
        is_partial=any(question.blocks for question in questions),
        stages=tuple(_stage(layer, by_layer[layer], gates) for layer in LAYERS),
        gates=tuple(gates),
        questions_for_customer=questions,
        products=tuple(products),
        stripped_dependencies=tuple(stripped),
        notes=(*notes, *told),
    )


def _stage(layer: Layer, assets: Sequence[PlannedAsset], gates: Sequence[PlannedGate]) -> Stage:
    at = LAYERS.index(layer)
    return Stage(
        key=layer,
        title=layer.replace("_", " ").capitalize(),
        depends_on=LAYERS[max(at - 1, 0) : at],
        assets=tuple(assets),
        gates=tuple(gate.key for gate in gates if gate.stage == layer),
    )


def _of_brief(name: str, brand: Brand, brief: AssetBrief) -> list[Question]:
    """What the plan can do without, and the people who make the assets cannot."""
    questions = []
    if not brief.goal.strip():
        questions.append(Question(key="goal", question="What are the assets for, and whom should they reach?"))
    if not brand.voice.strip() and not brand.guidelines.strip():
        told = f'How does "{name}" look and speak? Its profile has neither a voice nor guidelines.'
        questions.append(Question(key="brand_voice", question=told))
    return questions


def _of_count(brief: AssetBrief, products: Sequence[PlannedProduct]) -> list[Question]:
    """Whether the list of products is whole."""
    listed, total = len(products), brief.products_total
    if not listed:
        told = "Which products are the assets for? Name each, with a picture or a description."
        return [Question(key="products", question=told, blocks=OF_PRODUCTS)]
    if total is None or total == listed:
        return []
    if total > listed:
        told = f"There should be {total:,} products, and {listed:,} are listed: which are the other {total - listed:,}?"
        return [Question(key="products", question=told, blocks=OF_PRODUCTS)]
    told = f"There should be {total:,} products, and {listed:,} are listed: are all of them meant?"
    return [Question(key="products", question=told, about=tuple(one.ref for one in products))]

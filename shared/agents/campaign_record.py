"""What a workflow with gates decided, did and cost, as Markdown: made from the run's own data, never by a model.

The words above it may be a model's; these tables are what happened. Everything in them that somebody wrote, a title, a
note, a vendor's answer, is one inert line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.agents.creatives import GateEffect
from shared.agents.quoting import excerpt, inert
from shared.core.canonical import JsonObject
from shared.core.definitions import APPROVAL_NODE, WORKFLOW_NODE
from shared.core.money import ZERO, show_usd

MOST_EFFECTS = 200
ADS = "launch_campaign"
STATUS_WORDS = {
    "done": "done",
    "proposed": "not released",
    "released": "released, not done yet",
    "doing": "under way",
    "refused": "refused",
    "unknown": "unknown: nobody can tell whether it happened",
}


class Effect(GateEffect):
    """An effect as a gate's output lists it, with its money and the vendor's reason if it was refused."""

    amount_usd: Decimal | None = None
    released_usd: Decimal | None = None
    error: str | None = None


class Decision(BaseModel):
    """A gate's output. `decision` is `approved` or `rejected`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    decision: str
    by: tuple[str, ...] = ()
    note: str | None = None
    effects: tuple[Effect, ...] = ()


class PastStep(BaseModel):
    """A step before the report. `cost_usd` is what its model calls came to; None where nothing is known of it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    agent_name: str
    label: str = ""
    status: str
    output: dict[str, Any] | None = None
    cost_usd: Decimal | None = Field(None, ge=0)

    @property
    def decision(self) -> Decision | None:
        """What a gate put out; None for other steps, and for a gate that has put out nothing that can be read."""
        if self.agent_name != APPROVAL_NODE or self.output is None:
            return None
        try:
            return Decision.model_validate(self.output)
        except ValidationError:
            return None

    @property
    def paid_usd(self) -> Decimal | None:
        """What the step cost; of one that ran a workflow, what that run cost, unless it was an earlier one."""
        if self.agent_name != WORKFLOW_NODE or self.output is None:
            return self.cost_usd
        return ZERO if self.output.get("reused") else amount_of(self.output.get("cost_usd"))


def amount_of(told: object) -> Decimal | None:
    """An amount as an output tells it, in US dollars; None for what is none."""
    try:
        amount = Decimal(told) if isinstance(told, str) else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() and amount >= 0 else None


def has_gates(steps: Mapping[str, PastStep]) -> bool:
    return any(step.agent_name == APPROVAL_NODE for step in steps.values())


def costs_of(steps: Mapping[str, PastStep]) -> JsonObject:
    """What the run cost so far, in US dollars as text: models by step, renders, and what ads were released to spend.

    A step's cost holds what its renders cost; that part is told apart from the models'.
    """
    renders = {key: _studio(step) for key, step in steps.items()}
    models = {key: max(ZERO, cost - renders[key]) for key, step in steps.items() if (cost := step.paid_usd) is not None}
    released = [effect.released_usd or ZERO for effect in effects_of(steps) if _is_spending(effect)]
    return {
        "models_usd": _text(sum(models.values(), ZERO)),
        "by_step_usd": {key: _text(cost) for key, cost in models.items() if cost},
        "studio_usd": _text(sum(renders.values(), ZERO)),
        "ads_released_usd": _text(sum(released, ZERO)),
    }


def effects_of(steps: Mapping[str, PastStep]) -> list[Effect]:
    """The effects of all gates, in the order of the steps."""
    return [effect for step in steps.values() if step.decision for effect in step.decision.effects]


def record_md(steps: Mapping[str, PastStep]) -> str:
    """The record of a workflow with gates."""
    inner = list(_inner(steps))
    parts = ["## What it rests on", _table(("what", "run", "made"), iter(inner))] if inner else []
    parts += ["## Decisions", _table(("gate", "decision", "by", "note"), _decisions(steps))]
    effects = effects_of(steps)
    parts += ["## What was done", *_effects(effects)]
    parts += ["## What it cost", _table(("what", "US dollars"), _costs(steps))]
    return "\n\n".join(parts)


def _inner(steps: Mapping[str, PastStep]) -> Iterator[tuple[str, ...]]:
    """The runs that steps of this one started, or took over."""
    for key, step in steps.items():
        output = step.output or {}
        if step.agent_name == WORKFLOW_NODE and isinstance(output.get("run_id"), str):
            reused = output.get("reused")
            told = str(reused.get("told")) if isinstance(reused, Mapping) else "for this one"
            yield step.label or key, output["run_id"], told


def _decisions(steps: Mapping[str, PastStep]) -> Iterator[tuple[str, ...]]:
    for key, step in steps.items():
        if step.agent_name != APPROVAL_NODE:
            continue
        found = step.decision
        if found is None:
            yield step.label or key, f"none: {step.status}", "", ""
        else:
            yield step.label or key, found.decision, ", ".join(found.by) or "nobody named", found.note or ""


def _effects(effects: Sequence[Effect]) -> list[str]:
    """Every effect with what became of it; of very many the first ones, and how many there were."""
    if not effects:
        return ["Nothing was proposed to be done, or no gate was decided."]
    head = ("kind", "what", "status", "vendor's reference", "released")
    told = [_table(head, (_row(effect) for effect in effects[:MOST_EFFECTS]))]
    if len(effects) > MOST_EFFECTS:
        told.append(f"These are the first {MOST_EFFECTS} of {len(effects)}.")
    return told


def _row(effect: Effect) -> tuple[str, ...]:
    status = STATUS_WORDS.get(effect.status, effect.status)
    if effect.error and effect.status != "done":
        status = f"{status}: {effect.error}"
    receipt = effect.receipt or {}
    reference = " ".join(str(receipt[name]) for name in ("vendor", "reference", "url") if receipt.get(name))
    released = "" if effect.released_usd is None else f"${effect.released_usd:.2f}"
    return effect.kind.replace("_", " "), effect.title or effect.key, status, reference or "none", released


def _is_spending(effect: Effect) -> bool:
    """Money that is released and may still be spent. What was refused, or never let go, spends nothing."""
    return effect.kind == ADS and effect.status in ("released", "doing", "done", "unknown")


def _costs(steps: Mapping[str, PastStep]) -> Iterator[tuple[str, ...]]:
    costs = costs_of(steps)
    for key, cost in costs["by_step_usd"].items():
        what = "the run of" if steps[key].agent_name == WORKFLOW_NODE else "model calls of"
        yield f"{what} {steps[key].label or key}", show_usd(Decimal(cost))
    yield "all of these; the call for this report is not in it", show_usd(Decimal(costs["models_usd"]))
    if Decimal(costs["studio_usd"]):
        yield "renders by Studio", f"${Decimal(costs['studio_usd']):.2f}"
    yield "what ads may spend: a bound, not what they spent", f"${Decimal(costs['ads_released_usd']):.2f}"


def _studio(step: PastStep) -> Decimal:
    """What renders cost, as the step that ordered them put out."""
    found = amount_of((step.output or {}).get("studio_cost_usd")) if step.status == "succeeded" else None
    return found or ZERO


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """One line in which no mark acts, and no bar ends the cell."""
    return inert(excerpt(text, 300).replace("\\", "\\\\")).replace("|", "\\|")


def _text(amount: Decimal) -> str:
    return f"{amount:f}"

"""A step that is done for each item of a list: it is spread into one step for each, and collects what they put out.

claimed → no items yet: its list becomes steps, in lanes → waiting, without compute
        → every item has ended → it succeeds with their outputs, or fails as its join says
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.agents.base import AgentResult
from shared.core.canonical import Json, JsonObject
from shared.core.conditions import joined
from shared.core.ids import new_id
from shared.core.status import StepStatus
from shared.engine.admission import admit_move, as_array, let_in
from shared.engine.attempt import Attempt
from shared.engine.load_steps import load_move
from shared.engine.relay import WakeUp, wake_steps
from shared.engine.rooms import Rooms
from shared.errors import ItemsFailedError
from shared.store.documents import as_jsonb
from shared.store.session import Step

MOST_ITEMS = 20_000
PARALLEL = 10  # items at once, where the definition does not say
OF_THE_WHOLE = frozenset({"for_each", "max_parallel", "when", "join", "on_failure", "item_sources"})
KEYS_TOLD = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """A step that was spread. The items to go on with at once are loaded and ready; `admitted` was let in besides."""

    following: list[Any]
    admitted: list[WakeUp]


def is_whole(step: Any) -> bool:
    """Whether the loaded step stands for all items of a list, and is no agent's work itself."""
    return "for_each" in step.definition


def spread(attempt: Attempt, step: Any, items: Sequence[Json], room: int, rooms: Rooms) -> Spread | None:
    """Makes a step of each item, all or none, and wakes the first of them, but for `room` that are followed here. None
    if the step is not ours any more, or its run has ended."""
    ids = sorted(str(new_id()) for _ in items)  # in the order of the items
    made_of = [{"id": own_id, "item": item} for own_id, item in zip(ids, items, strict=True)]
    parallel = step.definition.get("max_parallel", PARALLEL)
    follow = [UUID(str(row["id"])) for row in made_of[: min(room, parallel)]]
    values = {
        "run_id": attempt.run_id,
        "step_id": attempt.step_id,
        "attempt": attempt.number,
        "items": as_jsonb(made_of),
        "max_parallel": parallel,
        "definition": as_jsonb(of_one_item(step.definition)),
        "sources": as_jsonb(step.definition["item_sources"]),
        "follow": as_array(follow),
        "grace_s": rooms.settings.sweep_grace_s,
    }
    moves: list[Step] = [("lock_run", {"run_id": attempt.run_id}), ("spread_step", values)]
    moves.append(load_move(attempt.run_id, follow))
    if "budget_usd" in step.definition:
        moves.append(("lock_spending", {"workspace_id": attempt.workspace_id}))
        moves.append(("cap_run", {"run_id": attempt.run_id, "has_step_caps": True}))
    _, made, loaded, *_, admitted = rooms.store.move_all(attempt.workspace_id, [*moves, admit_move(rooms)])
    let = let_in(attempt.workspace_id, admitted)
    if not made:
        wake_steps(rooms, let)
        return None
    return Spread([found for found in loaded if found.can_claim], let)


def of_one_item(definition: JsonObject) -> JsonObject:
    """The definition of one item's step. Whatever the item before it in its lane came to, it is done; whether its own
    failure fails the whole is for the whole to say."""
    own = {name: value for name, value in definition.items() if name not in OF_THE_WHOLE}
    return {**own, "join": "done", "on_failure": "skip"}


def collected(step: Any) -> AgentResult:
    """What the items put out, in order; null for one that failed. Raises `ItemsFailedError` as the step's join says."""
    items = step.sources or []
    failed = [at for at, item in enumerate(items) if item["status"] != StepStatus.SUCCEEDED]
    if joined(step.definition.get("join", "all"), len(items), len(failed), 0):
        raise ItemsFailedError(_told(items, failed))
    outputs = [item["output"] for item in items]
    return AgentResult(output={"items": outputs, "failed": failed, "count": len(items)})


def _told(items: Sequence[JsonObject], failed: Sequence[int]) -> str:
    names = ", ".join(items[at]["key"] for at in failed[:KEYS_TOLD])
    more = f" and {len(failed) - KEYS_TOLD} more" if len(failed) > KEYS_TOLD else ""
    return f"{len(failed)} of {len(items)} items failed: {names}{more}"

"""What people see of approvals and effects. Money is text, times are ISO 8601 in UTC, as in `read_run`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.core.canonical import JsonObject
from shared.core.gates import differences
from shared.core.status import EffectStatus, GateStatus
from shared.engine.hold_effects import read_hold
from shared.engine.read_run import no_run, shown_row
from shared.engine.rooms import Rooms
from shared.errors import InvalidInputError, NotFoundError

EFFECT_IN_LIST = ("id", "step", "kind", "title", "amount_usd")


def list_approvals(
    workspace_id: UUID, status: GateStatus, run_id: UUID | None, before: datetime | None, limit: int, rooms: Rooms
) -> list[JsonObject]:
    """Approvals of this status, newest first; of one run if it is named. Of proposals only the effects, in short."""
    which = {"status": status, "run_id": run_id, "before": before, "limit": limit}
    return [_in_list(shown_row(row)) for row in rooms.store.move(workspace_id, "gates_newest_first", **which)]


def _in_list(gate: JsonObject) -> JsonObject:
    proposal = gate.pop("proposal")
    effects = [{name: effect[name] for name in EFFECT_IN_LIST} for effect in proposal.get("effects", [])]
    return {**gate, "effects": effects}


def read_approval(workspace_id: UUID, step_id: UUID, since: str | None, rooms: Rooms) -> JsonObject:
    """One approval, whole, with what it showed before. `since`: also what changed after the proposal of this digest.

    Raises `NotFoundError`, and `InvalidInputError` for a digest that it never had.
    """
    rows = rooms.store.move(workspace_id, "gate_shown", step_id=step_id)
    if not rows:
        raise NotFoundError(f"there is no approval for step {step_id} in this workspace", field="step_id")
    gate = shown_row(rows[0])
    revisions = [shown_row(row) for row in rooms.store.move(workspace_id, "revisions_of_gate", gate_id=rows[0].id)]
    shown = {**gate, "revisions": revisions}
    return shown if since is None else {**shown, "differences": _since(since, gate, revisions)}


def _since(digest: str, gate: JsonObject, revisions: list[JsonObject]) -> list[JsonObject]:
    for one in (gate, *reversed(revisions)):
        if one["digest"] == digest:
            return differences(one["proposal"], gate["proposal"])
    raise InvalidInputError("since", "no proposal of this approval had this digest")


def list_effects(
    workspace_id: UUID, status: EffectStatus | None, before: datetime | None, limit: int, rooms: Rooms
) -> JsonObject:
    """Effects, newest first, and who holds everything back, if anybody does."""
    rows = rooms.store.move(workspace_id, "effects_newest_first", status=status, before=before, limit=limit)
    return {"effects": [shown_row(row) for row in rows], "hold": read_hold(workspace_id, rooms)}


def effects_of_run(workspace_id: UUID, run_id: UUID, rooms: Rooms) -> JsonObject:
    """Every effect of a run in the order of its steps, payloads and receipts whole."""
    runs, rows = rooms.store.move_all(
        workspace_id, [("run_status", {"run_id": run_id}), ("effects_of_run", {"run_id": run_id})]
    )
    if not runs:
        raise no_run(run_id)
    return {"effects": [shown_row(row) for row in rows], "hold": read_hold(workspace_id, rooms)}

"""Fairness: of each workspace only so many steps have a task or are at work; the others wait in its backlog.

Whoever puts steps into the backlog, or ends one that was admitted, lets in what there is room for, in the same
transaction or the next. Should it die in between, the sweep does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.engine.relay import WakeUp
from shared.engine.rooms import Rooms
from shared.store.session import Step


def admit_move(rooms: Rooms) -> Step:
    """Sent last in a transaction that put steps into the backlog: its rows are `let_in`."""
    return "admit_steps", {"most": rooms.settings.workspace_steps, "grace_s": rooms.settings.sweep_grace_s}


def let_in(workspace_id: UUID, rows: Sequence[Any]) -> list[WakeUp]:
    """The steps that were admitted, of whatever run, oldest first. Each needs a task, or is gone on with here."""
    ordered = sorted(rows, key=lambda row: row.step_id)
    return [WakeUp(workspace_id, row.run_id, row.step_id, row.generation, reason="admitted") for row in ordered]


def as_array(ids: Iterable[UUID]) -> str:
    """Ids as the text of a uuid[] parameter."""
    return "{" + ",".join(str(one) for one in ids) + "}"

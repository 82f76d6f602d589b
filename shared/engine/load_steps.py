"""Loading steps: all that is needed to decide about them, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.engine.admission import as_array
from shared.store.session import Step


def load_move(run_id: UUID, step_ids: Sequence[UUID]) -> Step:
    """The statement that loads steps of one run: a row for each that is there, in this order."""
    return "load_steps", {"run_id": run_id, "step_ids": as_array(step_ids)}

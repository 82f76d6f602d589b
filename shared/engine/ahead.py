"""What one request knows of the steps that come next, so that they are claimed in the network wait that settles the
steps before them.

The successors of a step are loaded as it is claimed. Once every step that one of them waits for has been done here, its
input follows from what these put out, and nothing is read again. What is not known here is loaded when it is ready.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from shared.core.canonical import Json, JsonObject
from shared.core.definitions import SENTINELS, WORKFLOW_NODE
from shared.core.status import StepStatus
from shared.engine.items import is_whole
from shared.store.documents import as_read_back

MOST_KNOWN = 64  # ends, and steps to come, that a request keeps: what a long chain leaves behind is let go


class Ahead:
    """The steps to come of one run, and the ends of those that were done here."""

    def __init__(self) -> None:
        self._to_come: OrderedDict[UUID, Any] = OrderedDict()
        self._ends: OrderedDict[UUID, tuple[int, JsonObject]] = OrderedDict()

    def unknown_after(self, steps: Iterable[Any], most: int) -> list[UUID]:
        """The successors of these steps that are still to be loaded, `most` of each."""
        found = dict.fromkeys(successor for step in steps for successor in step.successors[:most])
        return [step_id for step_id in found if step_id not in self._to_come]

    def keep(self, rows: Iterable[Any]) -> None:
        """Loaded steps that are not ready yet."""
        for row in rows:
            if _is_plain(row):
                self._to_come[row.id] = row
        _trim(self._to_come)

    def done(self, step: Any, output: Json) -> None:
        """A step was done here, and is being settled."""
        end = {
            "id": str(step.id),
            "key": step.key,
            "agent_name": step.agent_name,
            "label": step.label,
            "status": StepStatus.SUCCEEDED.value,
            "output": as_read_back(output),
        }
        self._ends[step.id] = step.idx, end
        _trim(self._ends)

    def undone(self, step: Any) -> None:
        """It was not settled after all."""
        self._ends.pop(step.id, None)

    def ready(self, step_ids: Sequence[UUID]) -> list[Any]:
        """Those of the steps that are ready once what was done here is settled, as they will be loaded then."""
        keys = {end["key"] for _, end in self._ends.values()}
        waiting = [self._to_come[step_id] for step_id in step_ids if step_id in self._to_come]
        return [self._loaded(row) for row in waiting if keys.issuperset(row.depends_on) and self._has_sources(row)]

    def _has_sources(self, row: Any) -> bool:
        return all(source in self._ends for source in row.source_ids)

    def _loaded(self, row: Any) -> Any:
        ends = [self._ends[source] for source in dict.fromkeys(row.source_ids)]
        sources = [end for _, end in sorted(ends, key=lambda placed: placed[0])]
        return row._replace(status=StepStatus.QUEUED.value, sources=sources or None)


def _is_plain(row: Any) -> bool:
    """An agent's step that has not begun. Gates, reports, lists and runs inside read more than what steps put out."""
    is_agents = row.agent_name not in SENTINELS and row.agent_name != WORKFLOW_NODE
    return is_agents and row.status == StepStatus.PENDING and row.parent_step_id is None and not is_whole(row)


def _trim(kept: OrderedDict[UUID, Any]) -> None:
    while len(kept) > MOST_KNOWN:
        kept.popitem(last=False)

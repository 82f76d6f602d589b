"""A store that dies at a chosen statement, as a process would: what was committed stays, what follows never happens."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.errors import StoreBusyError
from shared.store.session import Step, Store
from shared.store.wire import Row


class DyingStore(Store):
    """The real store, until the query `name` is asked for once more than `after` times."""

    def __init__(self, alive: Store, name: str, *, after: int) -> None:
        self.__dict__.update(alive.__dict__)
        self._name, self._left = name, after

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        if any(name == self._name for name, _ in steps):
            if self._left == 0:
                raise StoreBusyError(f"died before {self._name}")
            self._left -= 1
        return super().move_all(workspace_id, steps)

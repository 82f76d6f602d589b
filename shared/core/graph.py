"""The order of a DAG: Kahn's algorithm, ties in the order of the definition (B060)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush


class CycleError(ValueError):
    """The steps named wait for each other."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(" -> ".join(keys))
        self.keys = tuple(keys)


def successors_of(depends_on: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The arrows turned round: for each key, the keys that wait for it."""
    after: dict[str, list[str]] = {key: [] for key in depends_on}
    for key, before in depends_on.items():
        for name in dict.fromkeys(before):
            after[name].append(key)
    return after


def execution_order(depends_on: Mapping[str, Collection[str]]) -> list[str]:
    """Every key after all it depends on; among the ready, the one defined first. Raises `CycleError`."""
    place = {key: at for at, key in enumerate(depends_on)}
    after = successors_of(depends_on)
    waiting = {key: len(set(before)) for key, before in depends_on.items()}
    ready = [(place[key], key) for key, count in waiting.items() if count == 0]
    heapify(ready)
    order: list[str] = []
    while ready:
        _, key = heappop(ready)
        order.append(key)
        for name in after[key]:
            waiting[name] -= 1
            if waiting[name] == 0:
                heappush(ready, (place[name], name))
    if len(order) < len(depends_on):
        raise CycleError(_a_cycle(depends_on, set(order)))
    return order


def _a_cycle(depends_on: Mapping[str, Collection[str]], done: set[str]) -> list[str]:
    """Walks back from any step that never got ready until a key comes round again."""
    path: list[str] = []
    at = next(key for key in depends_on if key not in done)
    while at not in path:
        path.append(at)
        at = next(name for name in depends_on[at] if name not in done)
    return [*path[path.index(at) :], at]


class Ancestors:
    """Which keys are always done before which. Every arrow is followed once, however much is asked afterwards."""

    def __init__(self, depends_on: Mapping[str, Collection[str]]) -> None:
        """Raises `CycleError`."""
        self._bit = {key: 1 << at for at, key in enumerate(depends_on)}
        self._before: dict[str, int] = {}  # a set of keys, as the bits of one number
        for key in execution_order(depends_on):
            found = 0
            for name in depends_on[key]:
                found |= self._before[name] | self._bit[name]
            self._before[key] = found

    def comes_before(self, name: str, key: str) -> bool:
        """True if `name` is always done before `key` starts."""
        return bool(self._before[key] & self._bit[name])

"""Agents and stores for tests that stop a run at a chosen point."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.status import CallKind
from shared.engine.execute_step import end_loop
from shared.errors import ProviderDownError
from shared.store.session import Step, Store
from shared.store.wire import Row
from shared.trace.calls import Answer, Call
from shared.trace.journal import journaled
from tests.support.agents import Anything

T = TypeVar("T")
CENT = Decimal("0.01")


class Point:
    """What happens inside the calls of a `CallingAgent`: set by the test, per label. Counts what was really asked."""

    def __init__(self) -> None:
        self.acts: dict[str, Callable[[], Any]] = {}
        self.asked: list[str] = []
        self.reached, self.closed = threading.Event(), threading.Event()

    async def hang(self) -> None:
        """A call that never answers; `closed` is set when it is cut off."""
        self.reached.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.closed.set()

    def away(self) -> None:
        raise ProviderDownError("away")

    def broken(self) -> None:
        raise ValueError("broken")


@contextmanager
def calling_agent(*labels: str) -> Iterator[Point]:
    """An agent named `calling` that makes one billable call of a cent for each label, and gives the labels back."""
    point = Point()

    async def call(label: str, given: Any) -> Any:
        async def act() -> Answer:
            point.asked.append(label)
            done = point.acts.get(label, lambda: None)()
            if asyncio.iscoroutine(done):
                await done
            return Answer(output=f"{label}!", cost_usd=CENT)

        return (
            await journaled(Call(CallKind.LLM, label, {"given": given}, billable=True, user_prompt="?"), act)
        ).output

    class CallingAgent(BaseAgent):
        name = "calling"
        Input = Anything
        Output = Anything

        async def _execute(self, ctx: AgentContext) -> AgentResult:
            answers = [await call(label, ctx.input.get("about")) for label in labels]
            point.acts.get("end", lambda: None)()
            return AgentResult(output={"answers": answers}, cost_usd=CENT * len(labels))

    AGENT_REGISTRY["calling"] = CallingAgent
    try:
        yield point
    finally:
        del AGENT_REGISTRY["calling"]


def at_once(acts: Sequence[Callable[[], T]]) -> list[Future[T]]:
    """Starts each in a thread of its own, all together. `result()` of each waits for it and raises what it raised."""
    together = threading.Barrier(len(acts))

    def act(one: Callable[[], T], told: Future[T]) -> None:
        together.wait(10)
        try:
            result = one()
        except BaseException as wrong:
            end_loop()
            told.set_exception(wrong)
        else:
            end_loop()
            told.set_result(result)

    found: list[Future[T]] = [Future() for _ in acts]
    for one, told in zip(acts, found, strict=True):
        threading.Thread(target=act, args=(one, told), daemon=True).start()
    return found


class HookedStore(Store):
    """The real store, which does something once, just before the query `name` is first sent."""

    def __init__(self, real: Store, name: str, hook: Callable[[], object]) -> None:
        self.__dict__.update(real.__dict__)
        self._name, self._hook = name, hook
        self.is_done = False

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        if not self.is_done and any(name == self._name for name, _ in steps):
            self.is_done = True
            self._hook()
        return super().move_all(workspace_id, steps)

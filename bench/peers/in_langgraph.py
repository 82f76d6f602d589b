"""LangGraph with its checkpointer for Postgres: a node a step, in one process, as its own documents show it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from bench.dag import Document, Shape, given_to, text_of, worked

CONNECTIONS = 20
Node = Callable[[Document], Awaitable[Document]]


def _node(key: str, before: tuple[str, ...]) -> Node:
    """What a node leaves in the state is the record of its step: input and output."""

    async def node(state: Document) -> Document:
        given = given_to(key, state["run"], [state[name]["output"]["digest"] for name in before])
        return {key: {"input": given, "output": worked(given)}}

    return node


def _graph(of: Shape, saver: Any) -> Any:
    fields: dict[str, Any] = {"run": int, "text": str, **dict.fromkeys(of.depends_on, dict)}
    graph = StateGraph(type("State", (), {"__annotations__": fields}))
    for key, before in of.depends_on.items():
        graph.add_node(f"do_{key}", _node(key, before))
        earlier = [f"do_{name}" for name in before]
        graph.add_edge(earlier if len(earlier) > 1 else earlier[0] if earlier else START, f"do_{key}")
    graph.add_edge(f"do_{of.last}", END)
    return graph.compile(checkpointer=saver)


class LangGraph:
    """`durability="sync"`: what a level came to is committed before the next one begins. The default is "async"."""

    def __init__(self) -> None:
        self._graphs: dict[str, Any] = {}

    async def start(self, folder: Path, url: str) -> None:
        # The settings that the checkpointer's own documents ask of a connection.
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        self._pool = AsyncConnectionPool(url, max_size=CONNECTIONS, open=False, kwargs=options)
        await self._pool.open()
        self._saver = AsyncPostgresSaver(self._pool)
        await self._saver.setup()

    async def prepare(self, of: Shape) -> None:
        self._graphs[of.name] = _graph(of, self._saver)

    async def run(self, of: Shape, number: int) -> int:
        config = {"configurable": {"thread_id": str(uuid.uuid4())}, "recursion_limit": of.size + 10}
        given = {"run": number, "text": text_of(number)}
        state = await self._graphs[of.name].ainvoke(given, config, durability="sync")
        return int(state[of.last]["output"]["digest"])

    async def stop(self) -> None:
        await self._pool.close()


def make() -> LangGraph:
    return LangGraph()

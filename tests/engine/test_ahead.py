"""A step is claimed in the transaction that settles those before it: with the input it would have been loaded with, and
not at all if anything came in between."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from shared.core.canonical import Json
from shared.engine.control import Ask, pause_run
from shared.engine.execute_step import StepTask, end_loop, execute_step
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.work_steps import StepOutcome
from shared.store.connection import ConstraintError
from shared.store.documents import as_jsonb, as_read_back
from shared.store.session import Step, Store
from shared.store.wire import Row, Statement
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow

READER = {
    "all": "first.output.echo",
    "said": "{{first.echo.number}} and {{first.echo.odd.deep}}",
    "who": "brief.handle",
}
READING = workflow(step("first", options={"number": 1e16}), step("second", "first", input_map=READER))
ODD = {"zz": 1, "a": 2, "é": 3, "deep": {"b": [1.0, -0.0, 1e300, 1e-7, True, None], "": ""}, "number": 1e16}


class Between(Store):
    """The real store. Just before it takes the second claim, what is asked of the first is done."""

    def __init__(self, alive: Store, act: Any) -> None:
        self.__dict__.update(alive.__dict__)
        self._act, self._claims = act, 0

    def move_all(self, workspace_id: UUID, steps: Sequence[Step]) -> list[list[Row]]:
        self._claims += any(name == "claim_steps" for name, _ in steps)
        act, self._act = (self._act, None) if self._claims == 2 else (None, self._act)
        if act is not None:
            act(steps)
        return super().move_all(workspace_id, steps)


@pytest.fixture
def going_on(rooms: Rooms) -> Rooms:
    return replace(rooms, settings=rooms.settings.model_copy(update={"continue_within_s": 60.0}))


def test_the_input_is_the_one_that_would_be_loaded(
    going_on: Rooms, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """In the request of the step before it or in one of its own, a step is given the same, to the order of its keys."""
    given = []
    for way in (going_on, rooms):
        run = started(READING, workspace, way, brief={"handle": "x", "odd": ODD})
        queue.deliver_all(way)
        given.append(steps_of(run.run_id, workspace, way)["second"]["output_jsonb"]["echo"])

    assert json.dumps(given[0]) == json.dumps(given[1])
    assert given[0]["said"].startswith("10000000000000000 and")


def test_documents_read_back_as_postgres_gives_them(store: Store) -> None:
    """A thousand documents of every kind of value and key, against what Postgres makes of them."""
    dice = random.Random(7)
    documents = [_document(dice, 3) for _ in range(1000)]
    with store.pool().connection() as connection:
        read = connection.exchange([Statement("select $1::jsonb", [as_jsonb(one)]) for one in documents])

    assert [json.dumps(row[0]) for (row,) in read] == [json.dumps(as_read_back(one)) for one in documents]


def _document(dice: random.Random, depth: int) -> Json:
    kind = dice.randrange(8 if depth else 6)
    if kind == 7:
        return {_text(dice): _document(dice, depth - 1) for _ in range(dice.randrange(6))}
    if kind == 6:
        return [_document(dice, depth - 1) for _ in range(dice.randrange(4))]
    plain = [_text(dice), dice.randrange(-(10**20), 10**20), dice.random() < 0.5, -0.0, _float(dice), "1e5"]
    return plain[kind]


def _float(dice: random.Random) -> float:
    return dice.choice([1, -1]) * dice.random() * 10.0 ** dice.randrange(-300, 300)


def _text(dice: random.Random) -> str:
    return "".join(dice.choice('abz é\u0000\ud800😀\u200f\\"') for _ in range(dice.randrange(5)))


def test_a_pause_in_between_claims_nothing(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The run is paused while the first step works: that one is settled, the second is not begun."""
    run = started(READING, workspace, going_on, brief={"handle": "x", "odd": ODD})

    def pause(_: object) -> None:
        pause_run(Ask(workspace, run.run_id, "t", None), going_on)

    queue.deliver_all(replace(going_on, store=Between(going_on.store, pause)))

    found = steps_of(run.run_id, workspace, going_on)
    assert [(found[key]["status"], found[key]["attempt"]) for key in ("first", "second")] == [
        ("succeeded", 1),
        ("queued", 0),
    ]


def test_what_was_taken_over_gives_no_input(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """While a first executor worked, its lease ended, and another did the step and what follows. The first one's output
    counts for nothing, and the second step is done once."""
    run = started(READING, workspace, going_on, brief={"handle": "x", "odd": ODD})
    (wake,) = queue.held
    step_id = UUID(wake.body["step_id"])

    def take_over(_: object) -> None:
        overdue = Statement(
            "update tiktok_workflow_steps set leased_until = now() - interval '1 s' where id = $1::uuid", [step_id]
        )
        with going_on.store.pool().connection() as connection:
            in_workspace = Statement("select set_config('app.workspace_id', $1::text, true)", [workspace])
            connection.exchange([in_workspace, overdue])
        another = threading.Thread(target=_executed, args=(StepTask(workspace, run.run_id, step_id), going_on))
        another.start()
        another.join()

    outcome = queue.deliver(queue.held.pop(0), replace(going_on, store=Between(going_on.store, take_over)))

    assert outcome == StepOutcome.NOT_OURS
    found = steps_of(run.run_id, workspace, going_on)
    assert [(found[key]["status"], found[key]["attempt"]) for key in ("first", "second")] == [
        ("succeeded", 2),
        ("succeeded", 1),
    ]
    assert read_run(workspace, run.run_id, going_on)["status"] == "succeeded"


def _executed(task: StepTask, rooms: Rooms) -> None:
    execute_step(task, rooms)
    end_loop()


def test_a_claim_that_is_refused_loses_no_result(going_on: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The database refuses what the next step would be given: the step before it is settled all the same."""
    run = started(READING, workspace, going_on, brief={"handle": "x", "odd": ODD})

    def refuse(steps: Sequence[Step]) -> None:
        if any(name == "succeed_steps" for name, _ in steps):
            raise ConstraintError({"C": "23514", "M": "refused"})

    queue.deliver_all(replace(going_on, store=Between(going_on.store, refuse)))

    found = steps_of(run.run_id, workspace, going_on)
    assert found["first"]["status"] == "succeeded"
    assert found["second"]["status"] == "succeeded"

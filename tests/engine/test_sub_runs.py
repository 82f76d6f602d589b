"""Steps that run a workflow of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import RetryPolicy, WorkflowDef
from shared.engine.control import Ask, cancel_run
from shared.engine.decide import Decision, decide
from shared.engine.earlier_run import Again
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.start_run import Parent
from shared.engine.sweep import sweep
from shared.engine.take_brief import Caller
from shared.engine.waiting import receive_signal
from shared.engine.work_steps import StepOutcome
from shared.errors import InvalidDefinitionError, StoreBusyError
from tests.support.ageing import pass_time
from tests.support.dying import DyingStore
from tests.support.escrow import registered_effects
from tests.support.inner import ended, inner_of, runs, stored
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow
from tests.support.spending import SpendingAgent, spending_agent
from tests.support.stopping import Point, calling_agent

INNER = workflow(step("a"), step("b", "a", input_map={"seen": "a.output.echo.topic"}), slug="inner")


@pytest.fixture
def point() -> Iterator[Point]:
    with calling_agent("one", "two") as made:
        yield made


def test_a_step_runs_a_workflow(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Its input is the inner run's brief; what the last steps of that put out is its own output."""
    stored(workspace, rooms, INNER)
    outer = workflow(
        step("first"),
        runs("inner", "sub", "first", input_map={"topic": "first.output.echo.handle"}),
        step("last", "sub", input_map={"seen": "sub.output.outputs.b.echo.seen"}),
    )
    run = started(outer, workspace, rooms)

    queue.deliver_all(rooms)

    assert ended(run.run_id, workspace, rooms)["status"] == "succeeded"
    steps = steps_of(run.run_id, workspace, rooms)
    assert steps["last"]["input_jsonb"]["seen"] == "x"
    (inner,) = inner_of(run.run_id, workspace, rooms)
    found = ended(inner, workspace, rooms)
    assert (found["parent_run_id"], found["depth"], found["brief_jsonb"]["topic"]) == (str(run.run_id), 1, "x")
    output = steps["sub"]["output_jsonb"]
    assert (output["run_id"], output["status"], list(output["outputs"])) == (str(inner), "succeeded", ["b"])


def test_it_waits_without_compute(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """While the inner run goes on, the step holds no lease and has no wake-up; a stray one changes nothing."""
    stored(workspace, rooms, INNER)
    run = started(workflow(runs()), workspace, rooms)
    first = queue.held.pop(0)

    assert queue.deliver(first, rooms) == StepOutcome.WAITING

    assert steps_of(run.run_id, workspace, rooms)["sub"]["status"] == "waiting"
    assert [wake.body["run_id"] for wake in queue.held] == [str(inner_of(run.run_id, workspace, rooms)[0])]
    assert queue.deliver(first, rooms) == StepOutcome.DONE_BEFORE


def test_its_failure_is_the_steps(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The step fails, names the inner run and says what was wrong there; its own policies apply."""
    stored(workspace, rooms, workflow(step("a", agent="broken"), slug="inner"))
    outer = workflow(runs(on_failure="continue"), step("last", "sub", input_map={"seen": "sub.output.outputs"}))
    run = started(outer, workspace, rooms)

    queue.deliver_all(rooms)

    found = ended(run.run_id, workspace, rooms)
    sub, last = found["steps"]
    assert (found["status"], sub["status"], sub["error_class"]) == ("succeeded", "failed", "sub_workflow_failed")
    assert f"run {inner_of(run.run_id, workspace, rooms)[0]} of inner failed: step 'a': broken" in sub["error_message"]
    assert last["input_jsonb"]["seen"] is None


def test_a_retry_is_another_run(point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Where its policy says so, the step starts the workflow again."""
    point.acts["two"] = point.broken
    stored(workspace, rooms, workflow(step("a", agent="calling"), slug="inner"))
    policy = RetryPolicy(max_attempts=2, backoff_s=0, on=("sub_workflow_failed",))
    run = started(workflow(runs(retry=policy)), workspace, rooms)
    while queue.held:
        queue.deliver_when_due(queue.held.pop(0), rooms)

    assert ended(run.run_id, workspace, rooms)["status"] == "failed"
    assert len(inner_of(run.run_id, workspace, rooms)) == 2


@pytest.mark.parametrize(
    ("outer", "told"),
    [
        (workflow(runs("nowhere")), "there is no workflow 'nowhere'"),
        (workflow(runs("audit", options={"nonsense": 1})), "nonsense"),
        (workflow(runs("audit", options={"handle": "x" * 99})), "handle"),
    ],
)
def test_what_cannot_be_started_fails_the_step(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, outer: WorkflowDef, told: str
) -> None:
    """No workflow of that name, or a brief that it does not take: told by field, and no run is written."""
    stored(workspace, rooms, workflow(step("a", agent="account_health"), slug="audit"))
    run = started(outer, workspace, rooms)

    queue.deliver_all(rooms)

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "failed"
    assert told in found["error_message"]
    assert inner_of(run.run_id, workspace, rooms) == []


def test_an_inner_brief_is_spelled_as_any_other(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The account that a step is given, in its one spelling."""
    stored(workspace, rooms, workflow(step("a"), slug="inner"))
    run = started(workflow(runs(options={"handle": "@Nova.Beauty"})), workspace, rooms)

    queue.deliver_all(rooms)

    (inner,) = inner_of(run.run_id, workspace, rooms)
    assert read_run(workspace, inner, rooms)["brief_jsonb"]["handle"] == "nova.beauty"


def test_a_cancel_reaches_the_inner_run(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Two deep: all of them end."""
    stored(workspace, rooms, INNER, workflow(runs(), slug="middle"))
    run = started(workflow(runs("middle")), workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    queue.deliver(queue.held.pop(0), rooms)
    (middle,) = inner_of(run.run_id, workspace, rooms)
    (inner,) = inner_of(middle, workspace, rooms)

    cancel_run(Ask(workspace, run.run_id, "ada"), rooms)

    assert {ended(one, workspace, rooms)["status"] for one in (run.run_id, middle, inner)} == {"cancelled"}


def test_a_failing_run_ends_the_inner_one(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Beside the step that waits another one fails the run: nobody waits for the inner run any more."""
    stored(workspace, rooms, INNER)
    run = started(workflow(runs(), step("bad", agent="broken")), workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    (inner,) = inner_of(run.run_id, workspace, rooms)

    queue.deliver_all(rooms)

    assert ended(run.run_id, workspace, rooms)["status"] == "failed"
    found = ended(inner, workspace, rooms)
    assert (found["status"], found["cancel_reason"]) == ("cancelled", "the step that waited for it has ended")


def test_an_orphan_finds_out_for_itself(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The process died between cancelling the outer run and the inner one: its next step is not begun."""
    stored(workspace, rooms, INNER)
    run = started(workflow(runs()), workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    (inner,) = inner_of(run.run_id, workspace, rooms)
    dying = replace(rooms, store=DyingStore(rooms.store, "orphaned_runs", after=0))
    with pytest.raises(StoreBusyError):
        cancel_run(Ask(workspace, run.run_id, "ada"), dying)
    assert read_run(workspace, inner, rooms)["status"] == "running"

    assert queue.deliver(queue.held.pop(0), rooms) == StepOutcome.CANCELLED

    assert ended(inner, workspace, rooms)["status"] == "cancelled"


@pytest.mark.parametrize("how", ["cancel", "failure"])
def test_an_orphan_that_waits_finds_out_too(rooms: Rooms, queue: HeldQueue, workspace: UUID, how: str) -> None:
    """The process died before it ended the inner run, which stands at a gate and has no wake-up of its own: the sweep
    comes to it, and the gate is closed."""
    stored(workspace, rooms, workflow(step("a"), step("ask", "a", agent="approval_gate"), slug="inner"))
    bad = step("bad", "wait", agent="picky", input_map={"name": "wait.output.sent"})
    with registered_effects():
        wait = step("wait", agent="patient", options={"key": "go"})
        run = started(workflow(runs(), wait, bad), workspace, rooms)
        queue.deliver_all(rooms)
        (inner,) = inner_of(run.run_id, workspace, rooms)
        assert len(gates_of(inner, workspace, rooms)) == 1
        dying = replace(rooms, store=DyingStore(rooms.store, "orphaned_runs", after=0))
        if how == "failure":
            receive_signal(workspace, "go", "bad", "t", rooms)
        with pytest.raises(StoreBusyError):
            cancel_run(Ask(workspace, run.run_id, "ada"), dying) if how == "cancel" else queue.deliver_all(dying)
        assert read_run(workspace, inner, rooms)["status"] == "running"

        pass_time(inner, 3600, rooms, queue)

    assert ended(inner, workspace, rooms)["status"] == "cancelled"
    assert gates_of(inner, workspace, rooms) == []


def test_a_cancelled_inner_run_fails_the_step(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Somebody ends the inner run alone: the step that waits for it is woken and says so."""
    stored(workspace, rooms, INNER)
    run = started(workflow(runs()), workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)

    cancel_run(Ask(workspace, inner_of(run.run_id, workspace, rooms)[0], "bob"), rooms)
    queue.deliver_all(rooms)

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "failed"
    assert "of inner cancelled: cancelled by bob" in found["error_message"]


@pytest.mark.parametrize("seed", range(4))
def test_disorder_starts_it_once(rooms: Rooms, queue: HeldQueue, workspace: UUID, seed: int) -> None:
    """Wake-ups repeated and out of order, for each of five items: five inner runs, each waited for."""
    stored(workspace, rooms, INNER)
    each = runs("inner", "sub", for_each="brief.topics", max_parallel=2, input_map={"topic": "item"})
    run = started(workflow(each), workspace, rooms, brief={"topics": list("abcde")})

    queue.deliver_shuffled(rooms, seed)

    found = ended(run.run_id, workspace, rooms)
    assert found["status"] == "succeeded"
    items = found["steps"][0]["output_jsonb"]["items"]
    assert [item["outputs"]["b"]["echo"]["seen"] for item in items] == list("abcde")
    assert len({item["run_id"] for item in items}) == 5


@pytest.mark.parametrize("at", ["wait_for_sub_run", "wake_parent", "sub_run_of_step"])
def test_a_death_at_any_move_is_survived(rooms: Rooms, queue: HeldQueue, workspace: UUID, at: str) -> None:
    """Starting and waiting are one transaction, ending and waking are another: whatever is lost is done again, once."""
    eager = rooms.settings.model_copy(update={"sweep_grace_s": 0.0, "step_lease_s": 0.2, "continue_within_s": 60.0})
    alive = replace(rooms, settings=eager)
    stored(workspace, rooms, INNER)
    dying = replace(alive, store=DyingStore(rooms.store, at, after=1 if at == "sub_run_of_step" else 0))
    run = started(workflow(runs(), step("last", "sub")), workspace, dying, brief={"topic": "x"})
    with pytest.raises(StoreBusyError):
        queue.deliver_all(dying)
    queue.held.clear()

    for _ in range(10_000):
        sweep(alive)
        while queue.held:
            wake = queue.held.pop(0)
            if wake.body["workspace_id"] == str(workspace):
                queue.deliver(wake, alive)
        if read_run(workspace, run.run_id, alive)["status"] != "running":
            break

    assert ended(run.run_id, workspace, rooms)["status"] == "succeeded"
    assert len(inner_of(run.run_id, workspace, rooms)) == 1


def test_a_redrive_answers_from_the_inner_journals(
    point: Point, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """The inner run is done again, and pays only for what it had not been answered."""
    point.acts["two"] = point.broken
    stored(workspace, rooms, workflow(step("a", agent="calling"), slug="inner"))
    run = started(workflow(runs()), workspace, rooms)
    queue.deliver_all(rooms)
    assert point.asked == ["one", "two"]
    point.acts.clear()

    new = repeat_run(Again("redrive", run.run_id), Caller(workspace, "ada"), rooms)
    queue.deliver_all(rooms)

    assert ended(new.run_id, workspace, rooms)["status"] == "succeeded"
    assert point.asked == ["one", "two", "two"]
    (inner,) = inner_of(new.run_id, workspace, rooms)
    assert read_run(workspace, inner, rooms)["forked_from_run_id"] == str(inner_of(run.run_id, workspace, rooms)[0])


def test_runs_inside_of_a_run_share_its_cap(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Two of them side by side may together spend no more than the outer run; the proof of each counts them all."""
    with spending_agent():
        stored(
            workspace, rooms, workflow(step("s", agent="spending", input_map={"calls": "brief.calls"}), slug="inner")
        )
        one = step("one", agent="workflow", workflow="inner", input_map={"calls": "brief.calls"})
        run = started(
            workflow(one, one.model_copy(update={"key": "two"})),
            workspace,
            rooms,
            brief={"calls": 15},
            budget_usd=Decimal("0.60"),
        )
        queue.deliver_all(rooms)

    (cap,) = rooms.store.move(workspace, "caps_of_run", run_id=run.run_id)
    assert Decimal("0.50") <= cap.used_usd <= Decimal("0.60")
    for key in ("one", "two"):
        (inner,) = inner_of(run.run_id, workspace, rooms, key)
        assert rooms.store.move(workspace, "caps_of_run", run_id=inner) == [cap]
        (proved,) = rooms.store.move(workspace, "caps_to_prove", run_id=inner)
        assert proved.ledger_usd == cap.used_usd


def gates_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "gates_newest_first", status="open", run_id=run_id, before=None, limit=5)


def test_runs_go_only_so_deep(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A run that is five deep starts none, even if a definition was changed to say so."""
    stored(workspace, rooms, INNER)
    run = started(workflow(runs()), workspace, rooms)
    deep = started(workflow(runs()), workspace, rooms, parent=Parent(run.run_id, UUID(int=0), 5, run.run_id))

    queue.deliver_all(rooms)

    assert "5 deep" in ended(deep.run_id, workspace, rooms)["error_message"]


def test_what_runs_itself_is_refused(rooms: Rooms, workspace: UUID) -> None:
    """At once, round a corner, or too deep: when the definition is stored, by step and field."""
    stored(workspace, rooms, INNER, workflow(runs("inner"), slug="w1"))
    for depth in range(2, 6):
        stored(workspace, rooms, workflow(runs(f"w{depth - 1}"), slug=f"w{depth}"))
    for definition, told in [
        (workflow(runs("inner"), slug="inner"), "runs itself"),
        (workflow(runs("w1"), slug="inner"), "inner -> w1 -> inner"),
        (workflow(runs("w5"), slug="w6"), "5 deep"),
        (workflow(runs("nowhere")), "there is no workflow 'nowhere'"),
    ]:
        with pytest.raises(InvalidDefinitionError) as refused:
            stored(workspace, rooms, definition)
        assert refused.value.field == "steps.sub.workflow"
        assert told in refused.value.problem


@pytest.fixture
def spending() -> Iterator[type[SpendingAgent]]:
    with spending_agent() as agent:
        yield agent


@pytest.mark.parametrize("depth", [1, 2])
def test_the_cap_of_a_step_bounds_the_runs_inside(
    spending: type[SpendingAgent], rooms: Rooms, queue: HeldQueue, workspace: UUID, depth: int
) -> None:
    """At any depth: the call that would pass it is not made, its step asks for more money by the cap's name, and one
    who allows it lets the run go on. The proof of the inner run counts what the cap does."""
    calls = {"calls": "brief.calls"}
    inner = workflow(step("s", agent="spending", input_map=calls), slug="inner")
    stored(workspace, rooms, inner, workflow(runs("inner", input_map=calls), slug="middle"))
    capped = runs(["inner", "middle"][depth - 1], budget_usd=Decimal("0.20"), input_map=calls)
    run = started(workflow(capped), workspace, rooms, brief={"calls": 10}, budget_usd=Decimal("9"))

    queue.deliver_all(rooms)

    innermost = run.run_id
    for _ in range(depth):
        (innermost,) = inner_of(innermost, workspace, rooms)
    assert steps_of(innermost, workspace, rooms)["s"]["status"] == "pending_approval"
    (gate,) = gates_of(innermost, workspace, rooms)
    step_id = steps_of(run.run_id, workspace, rooms)["sub"]["id"]
    assert (gate.kind, gate.proposal["cap"], gate.proposal["cap_id"]) == ("budget", "step", step_id)
    proved = {cap.scope: cap for cap in rooms.store.move(workspace, "caps_to_prove", run_id=innermost)}
    assert proved["step"].used_usd == proved["step"].ledger_usd == spending.asked * Decimal("0.03") <= Decimal("0.20")

    decide(Decision(workspace, gate.step_id, "ada", (), "approve", gate.digest, up_to_usd=Decimal(2)), rooms)
    queue.deliver_all(rooms)

    assert spending.asked == 10
    assert ended(run.run_id, workspace, rooms)["status"] == "succeeded"
    proved = {cap.scope: cap for cap in rooms.store.move(workspace, "caps_to_prove", run_id=run.run_id)}
    assert proved["step"].used_usd == proved["step"].ledger_usd == Decimal("0.30")


@pytest.mark.parametrize(
    ("own", "outer", "whole", "expected"),
    [("0.06", "9", "9", "own"), ("9", "0.06", "9", "outer"), ("9", "9", "0.06", "run")],
)
def test_the_tightest_of_nested_caps_is_named(
    spending: type[SpendingAgent],
    rooms: Rooms,
    queue: HeldQueue,
    workspace: UUID,
    own: str,
    outer: str,
    whole: str,
    expected: str,
) -> None:
    """The step's own, that of the step that waits for its run, the run's: whichever leaves least; none is passed."""
    one = step("s", agent="spending", budget_usd=Decimal(own), options={"calls": 3})
    stored(workspace, rooms, workflow(one, slug="inner"))
    definition = workflow(runs("inner", budget_usd=Decimal(outer)))

    run = started(definition, workspace, rooms, budget_usd=Decimal(whole))
    queue.deliver_all(rooms)

    (inner,) = inner_of(run.run_id, workspace, rooms)
    (gate,) = gates_of(inner, workspace, rooms)
    named = {
        "own": steps_of(inner, workspace, rooms)["s"]["id"],
        "outer": steps_of(run.run_id, workspace, rooms)["sub"]["id"],
        "run": str(run.run_id),
    }
    assert (gate.proposal["cap_id"], spending.asked) == (named[expected], 1)

"""Cancel, pause and resume, at every point of a run's life and all at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.core.status import RunStatus
from shared.engine.control import Ask, cancel_run, pause_run, resume_run
from shared.engine.pause_scope import pause_scope, read_pauses, resume_scope
from shared.engine.prove import prove_run
from shared.engine.read_run import read_agent_run, read_agent_runs, read_run, stream_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.work_steps import StepOutcome
from shared.errors import ConflictError, NotFoundError
from shared.llm.claude import call_claude_cached
from shared.store.session import Store
from tests.support.agents import Anything
from tests.support.escrow import registered_effects
from tests.support.model_calls import real_mode
from tests.support.queues import HeldQueue, Outcome
from tests.support.runs import claim_of, events_of, started, step, steps_of, workflow
from tests.support.stopping import HookedStore, Point, at_once, calling_agent

CHAIN = workflow(step("a"), step("b", "a"), step("c", "b"))
FAN = workflow(step("root"), *(step(f"b{n}", "root") for n in range(6)), step("join", *(f"b{n}" for n in range(6))))
CALLING = workflow(step("s", agent="calling"), step("after", "s"))
LONGEST_S = 2.0  # from the cancel to the end of the step


def cancel(workspace: UUID, run_id: UUID, rooms: Rooms, reason: str | None = None) -> dict[str, Any]:
    return cancel_run(Ask(workspace, run_id, "ada", reason), rooms)


def check_ended(run_id: UUID, workspace: UUID, rooms: Rooms, status: str = "cancelled") -> list[str]:
    """The run has ended once, as it should; nothing is open; events have no gap. Their kinds."""
    run = read_run(workspace, run_id, rooms)
    assert (run["status"], run["steps_open"]) == (status, 0)
    assert all(one["completed_at"] for one in run["steps"])
    events = events_of(run_id, workspace, rooms)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert run["version"] == len(events)
    kinds = [event.kind for event in events]
    ends = [
        kind for kind in kinds if kind in ("workflow_run.completed", "workflow_run.failed", "workflow_run.cancelled")
    ]
    assert len(ends) == 1 and kinds[-1] == ends[0]
    return kinds


def statuses(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[str]:
    return [one["status"] for one in steps_of(run_id, workspace, rooms).values()]


def only_call(run_id: UUID, workspace: UUID, rooms: Rooms, at: int = 0) -> dict[str, Any]:
    (agent_run,) = read_agent_runs(workspace, run_id, rooms)
    found: dict[str, Any] = read_agent_run(workspace, UUID(agent_run["id"]), 100, 0, rooms)["steps"][at]
    return found


def test_a_run_that_has_not_begun_ends_at_once(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nothing is at work: every step and the run are cancelled in one statement, with who and why."""
    run = started(CHAIN, workspace, rooms)

    told = cancel(workspace, run.run_id, rooms, "wrong account")

    assert (told["status"], told["cancelled_by"], told["cancel_reason"]) == ("cancelled", "ada", "wrong account")
    kinds = check_ended(run.run_id, workspace, rooms)
    assert kinds == ["workflow_run.started", *["workflow_step.cancelled"] * 3, "workflow_run.cancelled"]
    assert queue.deliver_all(rooms) == [StepOutcome.DONE_BEFORE]


def test_what_is_done_stays_done(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Cancelled after the first step's settle: its output stays, the two others never begin."""
    run = started(CHAIN, workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)

    cancel(workspace, run.run_id, rooms)
    queue.deliver_all(rooms)

    assert statuses(run.run_id, workspace, rooms) == ["succeeded", "cancelled", "cancelled"]
    check_ended(run.run_id, workspace, rooms)


def test_no_call_is_begun_after_the_cancel(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Cancelled between two calls: the second is never made, and the first one's cost is settled."""
    with calling_agent("one", "two") as point:
        run = started(CALLING, workspace, rooms)
        point.acts["one"] = lambda: cancel(workspace, run.run_id, rooms)

        assert queue.deliver_all(rooms) == [StepOutcome.CANCELLED]

    assert point.asked == ["one"]
    assert "workflow_run.cancelling" in check_ended(run.run_id, workspace, rooms)
    assert only_call(run.run_id, workspace, rooms)["outcome"] == "paid"
    found = steps_of(run.run_id, workspace, rooms)["s"]
    assert (
        Decimal(found["cost_usd"])
        == Decimal(read_run(workspace, run.run_id, rooms)["total_cost_usd"])
        == Decimal("0.01")
    )
    assert found["error_class"] == "run_cancelled"


def during(point: Point, rooms: Rooms, queue: HeldQueue, do: Callable[[], object]) -> tuple[Outcome, float]:
    """Does something while a call of the step is under way. How the step ended, and how long after."""
    wake = queue.held.pop(0)
    (working,) = at_once([lambda: queue.deliver(wake, rooms)])
    assert point.reached.wait(10)
    do()
    since = time.monotonic()
    return working.result(10), time.monotonic() - since


def test_a_call_under_way_is_cut_off(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Within two seconds: the call is closed from outside, and in doubt, for it may have been billed."""
    with calling_agent("one", "two") as point:
        point.acts["two"] = point.hang
        run = started(CALLING, workspace, rooms)

        outcome, took_s = during(point, rooms, queue, lambda: cancel(workspace, run.run_id, rooms))

    assert (outcome, took_s < LONGEST_S, point.closed.is_set()) == (StepOutcome.CANCELLED, True, True)
    call = only_call(run.run_id, workspace, rooms, 1)
    assert (call["outcome"], call["note"], call["cost_known"]) == ("in_doubt", "cancelled", False)
    kinds = check_ended(run.run_id, workspace, rooms)
    assert kinds[-3:] == ["agent_run.failed", "workflow_step.cancelled", "workflow_run.cancelled"]


class StreamingAgent(BaseAgent):
    """Asks a model for a long answer, which comes as a stream."""

    name = "streaming"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        await call_claude_cached(system_stable="Tell a story.", user_message="Now.", max_tokens=30_000)
        return AgentResult(output={})


def test_what_a_cut_off_stream_told_is_settled(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Cancelled in the middle of an answer: the tokens told so far are on the call, and its cost on step and run; the
    rest of what was reserved stays held, for it may be billed."""
    AGENT_REGISTRY["streaming"] = StreamingAgent
    try:
        with real_mode() as fake:
            fake.script("stream_stall:4")
            run = started(workflow(step("s", agent="streaming")), workspace, rooms, budget_usd=Decimal(9))
            (working,) = at_once([partial(queue.deliver, queue.held.pop(0), rooms)])
            assert fake.desk.stalled.wait(20)
            since = time.monotonic()
            cancel(workspace, run.run_id, rooms)
            assert working.result(10) == StepOutcome.CANCELLED
            assert time.monotonic() - since < LONGEST_S
    finally:
        del AGENT_REGISTRY["streaming"]

    check_ended(run.run_id, workspace, rooms)
    call = only_call(run.run_id, workspace, rooms)
    assert (call["outcome"], call["cost_known"]) == ("in_doubt", False)
    assert call["input_tokens"] + call["cache_write_tokens"] > 0
    cost = Decimal(call["cost_usd"])
    assert Decimal(0) < cost == Decimal(read_run(workspace, run.run_id, rooms)["total_cost_usd"])
    (cap,) = rooms.store.move(workspace, "caps_of_run", run_id=run.run_id)
    assert cap.used_usd > cost
    assert prove_run(workspace, run.run_id, rooms)["differences"] == []


def test_a_run_whose_only_open_step_is_at_work_ends_with_it(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nothing is left to be ended by the cancel itself: the run goes on being cancelled until its last step says so."""
    with calling_agent("one") as point:
        point.acts["one"] = point.hang
        run = started(workflow(step("s", agent="calling")), workspace, rooms)
        told: list[dict[str, Any]] = []

        outcome, _ = during(point, rooms, queue, lambda: told.append(cancel(workspace, run.run_id, rooms)))

    assert outcome == StepOutcome.CANCELLED
    assert [(one["status"], one["steps_open"]) for one in told] == [("running", 1)]
    check_ended(run.run_id, workspace, rooms)


def test_an_output_that_comes_after_the_cancel_is_kept(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Cancelled between the agent's end and its settle: the step is cancelled, its agent run has what it put out."""
    with calling_agent("one") as point:
        run = started(CALLING, workspace, rooms)
        point.acts["end"] = lambda: cancel(workspace, run.run_id, rooms)
        outcomes = queue.deliver_all(rooms)

    assert outcomes == [StepOutcome.CANCELLED]
    check_ended(run.run_id, workspace, rooms)
    (agent_run,) = read_agent_runs(workspace, run.run_id, rooms)
    assert agent_run["status"] == "succeeded"
    assert steps_of(run.run_id, workspace, rooms)["s"]["output_jsonb"] == {"answers": ["one!"]}


@pytest.mark.parametrize("statement", ["claim_steps", "begin_call", "finish_call", "succeed_steps"])
def test_a_cancel_just_before_any_statement(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, store: Store, statement: str
) -> None:
    """Whatever the executor was about to write: the run is cancelled, once, and nothing stays open."""
    with calling_agent("one", "two"):
        run = started(CALLING, workspace, rooms)
        hooked = HookedStore(store, statement, lambda: cancel(workspace, run.run_id, rooms))

        queue.deliver_all(replace(rooms, store=hooked))

    assert hooked.is_done
    check_ended(run.run_id, workspace, rooms)


@pytest.mark.parametrize("statement", ["open_gate", "wait_for_sub_run", "spread_step", "suspend_step"])
def test_a_cancel_just_before_a_step_lets_go(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, store: Store, statement: str
) -> None:
    """A gate, a run inside of it, items, a wait: none of them begins, and the run ends at once, not with a lease."""
    with registered_effects():
        definition = {
            "open_gate": workflow(step("a"), step("ask", "a", agent="approval_gate")),
            "wait_for_sub_run": workflow(step("sub", agent="workflow", workflow="profile_audit")),
            "spread_step": workflow(step("each", for_each="brief.names")),
            "suspend_step": workflow(step("wait", agent="patient", options={"key": "never"})),
        }[statement]
        brief = {"handle": "@lakucosmetics", "names": ["a", "b"]}
        run = started(definition, workspace, rooms, brief=brief)
        hooked = HookedStore(store, statement, lambda: cancel(workspace, run.run_id, rooms))

        queue.deliver_all(replace(rooms, store=hooked))

    assert hooked.is_done
    check_ended(run.run_id, workspace, rooms)
    asked = {"status": None, "workflow_slug": None, "before": None, "limit": 100}
    assert [one.id for one in rooms.store.move(workspace, "runs_newest_first", **asked)] == [run.run_id]


@pytest.mark.parametrize("how", ["broken", "away"])
def test_a_failure_after_the_cancel_is_a_cancel(rooms: Rooms, queue: HeldQueue, workspace: UUID, how: str) -> None:
    """Neither failed nor tried again: the run was to end, and it ends as cancelled."""
    with calling_agent("one") as point:
        run = started(CALLING, workspace, rooms)

        def cancel_and_fail() -> None:
            cancel(workspace, run.run_id, rooms)
            getattr(point, how)()

        point.acts["one"] = cancel_and_fail
        outcomes = queue.deliver_all(rooms)

    assert outcomes == [StepOutcome.CANCELLED]
    assert "workflow_step.failed" not in check_ended(run.run_id, workspace, rooms)


def test_a_step_between_two_tries_ends_with_its_cost(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Queued again after a failure: cancelled at once, and what its first try cost is in the total."""
    with calling_agent("one", "two") as point:
        point.acts["two"] = point.away
        run = started(CALLING, workspace, rooms)
        assert queue.deliver(queue.held.pop(0), rooms) == StepOutcome.RETRYING

        cancel(workspace, run.run_id, rooms)

    check_ended(run.run_id, workspace, rooms)
    assert Decimal(read_run(workspace, run.run_id, rooms)["total_cost_usd"]) == Decimal("0.01")


def claimed(run_id: UUID, workspace: UUID, rooms: Rooms, lease_s: float) -> UUID:
    """Claims the only queued step as an executor does that then dies. Its agent run."""
    (queued,) = [one for one in steps_of(run_id, workspace, rooms).values() if one["status"] == "queued"]
    agent_run_id = uuid4()
    assert rooms.store.move_step(
        workspace,
        "claim_steps",
        run_id=run_id,
        **claim_of(UUID(queued["id"]), agent_run_id, lease_s=lease_s),
    )
    return agent_run_id


def test_a_lost_executor_does_not_hold_up_the_end(rooms: Rooms, workspace: UUID) -> None:
    """Its lease is over: the cancel ends its step too, and closes its agent run."""
    run = started(CHAIN, workspace, rooms)
    claimed(run.run_id, workspace, rooms, 0.0)

    assert cancel(workspace, run.run_id, rooms)["status"] == RunStatus.CANCELLED

    check_ended(run.run_id, workspace, rooms)
    (agent_run,) = read_agent_runs(workspace, run.run_id, rooms)
    assert agent_run["status"] == "failed"


def test_an_executor_lost_after_the_cancel_is_found(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It held its lease when the run was cancelled, and died: the next wake-up after the lease ends the run."""
    run = started(CHAIN, workspace, rooms)
    claimed(run.run_id, workspace, rooms, 0.3)
    assert cancel(workspace, run.run_id, rooms)["status"] == RunStatus.RUNNING
    wake = queue.held.pop(0)
    assert queue.deliver(wake, rooms) == StepOutcome.NOT_DUE

    assert queue.deliver_when_due(wake, rooms) == StepOutcome.CANCELLED

    check_ended(run.run_id, workspace, rooms)


def test_cancelling_twice_is_harmless(rooms: Rooms, workspace: UUID) -> None:
    """The second answer is the first one's: who cancelled first stays."""
    run = started(CHAIN, workspace, rooms)
    first = cancel(workspace, run.run_id, rooms, "first")

    assert cancel(workspace, run.run_id, rooms, "second") == first


@pytest.mark.parametrize(("agent", "status"), [("echo", "succeeded"), ("broken", "failed")])
@pytest.mark.parametrize("do", [cancel_run, pause_run, resume_run])
def test_an_ended_run_says_how_it_ended(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, agent: str, status: str, do: Any
) -> None:
    """There is nothing to stop: a conflict that names the end, and nothing changes."""
    run = started(workflow(step("s", agent=agent)), workspace, rooms)
    queue.deliver_all(rooms)
    before = read_run(workspace, run.run_id, rooms)

    with pytest.raises(ConflictError, match=f"has ended: {status} at "):
        do(Ask(workspace, run.run_id, "ada"), rooms)

    assert read_run(workspace, run.run_id, rooms) == before


@pytest.mark.parametrize("do", [cancel_run, pause_run, resume_run])
def test_a_run_of_another_workspace_is_not_there(rooms: Rooms, workspace: UUID, do: Any) -> None:
    """Not found, and the run goes on."""
    run = started(CHAIN, workspace, rooms)

    with pytest.raises(NotFoundError):
        do(Ask(uuid4(), run.run_id, "mallory"), rooms)

    assert statuses(run.run_id, workspace, rooms) == ["queued", "pending", "pending"]


def test_a_stream_ends_with_the_cancel(rooms: Rooms, workspace: UUID) -> None:
    """Whoever watches is told, and is not left waiting."""
    run = started(CHAIN, workspace, rooms)
    cancel(workspace, run.run_id, rooms)

    told = list(stream_run(workspace, run.run_id, 0, rooms))

    assert "event: workflow_run.cancelled" in told[-1]


@pytest.mark.parametrize("seed", range(6))
def test_cancel_claim_and_settle_at_once(rooms: Rooms, queue: HeldQueue, workspace: UUID, seed: int) -> None:
    """Twenty threads deliver, deliver again and cancel: one end, nothing open, no event lost."""
    chance = random.Random(seed)
    run = started(FAN, workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    wakes = queue.held * 3
    chance.shuffle(wakes)
    cancels = chance.sample(range(20), 3)

    def act(number: int) -> None:
        if number in cancels:
            time.sleep(chance.random() * 0.02)
            cancel(workspace, run.run_id, rooms)
        else:
            queue.deliver(wakes[number % len(wakes)], rooms)

    for done in at_once([partial(act, number) for number in range(20)]):
        done.result(30)
    queue.deliver_all(rooms)

    kinds = check_ended(run.run_id, workspace, rooms)
    assert kinds.count("workflow_run.cancelling") <= 1
    assert len([one for one in statuses(run.run_id, workspace, rooms) if one not in ("succeeded", "cancelled")]) == 0


def pause(workspace: UUID, run_id: UUID, rooms: Rooms) -> dict[str, Any]:
    return pause_run(Ask(workspace, run_id, "ada", "lunch"), rooms)


def resume(workspace: UUID, run_id: UUID, rooms: Rooms) -> dict[str, Any]:
    return resume_run(Ask(workspace, run_id, "ada"), rooms)


def test_a_paused_run_begins_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A wake-up finds it paused and changes nothing; resumed, it goes on where it stood."""
    run = started(CHAIN, workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    told = pause(workspace, run.run_id, rooms)

    assert (told["paused_by"], told["paused_scope"], told["pause_reason"]) == ("ada", "run", "lunch")
    assert queue.deliver_all(rooms) == [StepOutcome.DONE_BEFORE]
    assert statuses(run.run_id, workspace, rooms) == ["succeeded", "queued", "pending"]
    assert resume(workspace, run.run_id, rooms)["paused_at"] is None
    assert queue.deliver_all(rooms) == [StepOutcome.SUCCEEDED] * 2
    kinds = check_ended(run.run_id, workspace, rooms, "succeeded")
    assert [kind for kind in kinds if "paused" in kind or "resumed" in kind] == [
        "workflow_run.paused",
        "workflow_run.resumed",
    ]


def test_a_step_at_work_finishes_when_paused(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """It settles as ever; the step that it makes ready waits, without a task."""
    with calling_agent("one") as point:
        run = started(CALLING, workspace, rooms)
        point.acts["one"] = lambda: pause(workspace, run.run_id, rooms)

        outcomes = queue.deliver_all(
            replace(rooms, settings=rooms.settings.model_copy(update={"continue_within_s": 60.0}))
        )

    assert outcomes == [StepOutcome.SUCCEEDED]
    assert statuses(run.run_id, workspace, rooms) == ["succeeded", "queued"]
    resume(workspace, run.run_id, rooms)
    queue.deliver_all(rooms)
    check_ended(run.run_id, workspace, rooms, "succeeded")


def test_a_paused_run_costs_the_sweep_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """However long it waits, no task is made for it; after it is resumed, a lost wake-up is found again."""
    eager = replace(rooms, settings=rooms.settings.model_copy(update={"sweep_grace_s": 0.0}))
    run = started(CHAIN, workspace, eager)
    pause(workspace, run.run_id, eager)
    queue.held.clear()
    while sweep(eager).is_full:
        pass
    assert [wake for wake in queue.held if wake.body["workspace_id"] == str(workspace)] == []

    resume(workspace, run.run_id, eager)
    queue.held.clear()
    while not any(wake.body["workspace_id"] == str(workspace) for wake in queue.held):
        sweep(eager)


def test_pausing_again_and_again(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Each resume wakes the step anew: its task is never refused as old."""
    run = started(CHAIN, workspace, rooms)
    for _ in range(3):
        pause(workspace, run.run_id, rooms)
        pause(workspace, run.run_id, rooms)
        queue.held.clear()
        resume(workspace, run.run_id, rooms)
        assert len(queue.held) == 1
        resume(workspace, run.run_id, rooms)
        assert len(queue.held) == 1

    queue.deliver_all(rooms)
    check_ended(run.run_id, workspace, rooms, "succeeded")


def test_a_paused_run_can_be_cancelled(rooms: Rooms, workspace: UUID) -> None:
    """It ends at once; then there is nothing to resume."""
    run = started(CHAIN, workspace, rooms)
    pause(workspace, run.run_id, rooms)

    assert cancel(workspace, run.run_id, rooms)["status"] == RunStatus.CANCELLED

    check_ended(run.run_id, workspace, rooms)
    with pytest.raises(ConflictError, match="has ended: cancelled"):
        resume(workspace, run.run_id, rooms)


def test_an_executor_lost_while_paused(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Nobody takes its step over as long as the run is paused; resumed, somebody does."""
    run = started(CHAIN, workspace, rooms)
    wake = queue.held.pop(0)
    claimed(run.run_id, workspace, rooms, 0.0)
    pause(workspace, run.run_id, rooms)

    assert queue.deliver(wake, rooms) == StepOutcome.PAUSED
    resume(workspace, run.run_id, rooms)
    queue.deliver_all(rooms)

    check_ended(run.run_id, workspace, rooms, "succeeded")


OTHER = workflow(step("a"), slug="other")


def paused_scopes(workspace: UUID, rooms: Rooms, *run_ids: UUID) -> list[str | None]:
    return [read_run(workspace, run_id, rooms)["paused_scope"] for run_id in run_ids]


def test_a_paused_workflow_holds_its_runs_and_the_next(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The run there is and the run that starts under the pause; another workflow goes on. Resumed, both end."""
    first, other = started(CHAIN, workspace, rooms), started(OTHER, workspace, rooms)
    told = pause_scope(workspace, "trial", "ada", "prices", rooms)
    late = started(CHAIN, workspace, rooms)

    assert told["runs_paused"] == 1
    assert paused_scopes(workspace, rooms, first.run_id, late.run_id, other.run_id) == ["workflow", "workflow", None]
    queue.deliver_all(rooms)
    assert statuses(first.run_id, workspace, rooms) == statuses(late.run_id, workspace, rooms)
    assert statuses(late.run_id, workspace, rooms)[0] == "queued"
    check_ended(other.run_id, workspace, rooms, "succeeded")
    (pause_row,) = read_pauses(workspace, rooms)
    assert (pause_row["workflow_slug"], pause_row["paused_by"], pause_row["reason"]) == ("trial", "ada", "prices")

    assert resume_scope(workspace, "trial", "ada", rooms)["runs_resumed"] == 2
    queue.deliver_all(rooms)
    check_ended(first.run_id, workspace, rooms, "succeeded")
    check_ended(late.run_id, workspace, rooms, "succeeded")
    assert read_pauses(workspace, rooms) == []


def test_each_pause_is_lifted_by_its_own_resume(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A run paused by itself, a workflow, the workspace: lifting the workspace leaves the two others."""
    alone, one, two = (
        started(OTHER, workspace, rooms),
        started(CHAIN, workspace, rooms),
        started(OTHER, workspace, rooms),
    )
    pause(workspace, alone.run_id, rooms)
    pause_scope(workspace, None, "ada", None, rooms)
    pause_scope(workspace, "trial", "ada", None, rooms)
    ids = (alone.run_id, one.run_id, two.run_id)
    assert paused_scopes(workspace, rooms, *ids) == ["run", "workspace", "workspace"]
    with pytest.raises(ConflictError, match="the workspace is paused; resume that"):
        resume(workspace, two.run_id, rooms)

    assert resume_scope(workspace, None, "ada", rooms)["runs_resumed"] == 1

    assert paused_scopes(workspace, rooms, *ids) == ["run", "workflow", None]
    resume_scope(workspace, "trial", "ada", rooms)
    assert paused_scopes(workspace, rooms, *ids) == ["run", None, None]
    resume(workspace, alone.run_id, rooms)
    queue.deliver_all(rooms)
    for run_id in ids:
        check_ended(run_id, workspace, rooms, "succeeded")


def test_a_pause_stays_in_its_workspace(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Another workspace's runs of the same workflow go on."""
    run = started(CHAIN, workspace, rooms)

    pause_scope(uuid4(), None, "mallory", None, rooms)
    pause_scope(uuid4(), "trial", "mallory", None, rooms)

    queue.deliver_all(rooms)
    check_ended(run.run_id, workspace, rooms, "succeeded")


def test_no_run_slips_past_a_pause(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Runs that start while the pause is written are held by it, or were there before it."""
    ids: list[UUID] = []

    def start() -> None:
        ids.extend(started(CHAIN, workspace, rooms).run_id for _ in range(5))

    acts = [start, start, lambda: pause_scope(workspace, None, "ada", None, rooms), start]
    for done in at_once(acts):
        done.result(30)

    assert paused_scopes(workspace, rooms, *ids) == ["workspace"] * 15


def test_pausing_and_resuming_amid_work(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Two threads pause and resume while others do the steps: the run ends right, with every event."""
    run = started(FAN, workspace, rooms)
    queue.deliver(queue.held.pop(0), rooms)
    wakes = list(queue.held)

    def toggle() -> None:
        for _ in range(5):
            pause(workspace, run.run_id, rooms)
            resume(workspace, run.run_id, rooms)

    acts: list[Callable[[], object]] = [partial(queue.deliver, wake, rooms) for wake in wakes]
    for done in at_once([*acts, toggle]):
        done.result(30)
    queue.deliver_all(rooms)

    check_ended(run.run_id, workspace, rooms, "succeeded")

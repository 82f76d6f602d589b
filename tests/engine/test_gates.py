"""A run that stops at a gate, what a decision lets go, and what waits without compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from shared.core.definitions import WorkflowDef
from shared.engine.control import Ask, cancel_run
from shared.engine.decide import Decision, decide
from shared.engine.read_run import read_run
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.waiting import receive_signal
from shared.errors import ChangedProposalError, ConflictError, EngineError
from tests.support.escrow import Vendor, registered_effects
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with registered_effects() as made:
        yield made


def pinning(**options: Any) -> WorkflowDef:
    return workflow(
        step("write", agent="proposing", input_map={"notes": "brief.notes"}),
        step("ask", "write", agent="approval_gate", label="Pin the notes", options=options),
        step("after", "ask", input_map={"said": "ask.output.decision"}),
    )


def at_gate(rooms: Rooms, queue: HeldQueue, workspace: UUID, *notes: Any, **options: Any) -> tuple[UUID, Any]:
    """A run that stands at its open gate, and the gate."""
    brief = {"notes": [note if isinstance(note, dict) else {"text": note} for note in notes]}
    run = started(pinning(**options), workspace, rooms, brief=brief)
    queue.deliver_all(rooms)
    (gate,) = open_gates(rooms, workspace)
    return run.run_id, gate


def open_gates(rooms: Rooms, workspace: UUID) -> list[Any]:
    return rooms.store.move(workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=50)


def left_to_wake(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> list[Any]:
    """What is queued for this workspace, after a sweep had its turn."""
    sweep(rooms)
    return [wake for wake in queue.held if wake.body["workspace_id"] == str(workspace)]


def decided(rooms: Rooms, workspace: UUID, gate: Any, decision: Any = "approve", by: str = "ada", **more: Any) -> Any:
    asked = {"roles": (), "digest": gate.digest, **more}
    return decide(Decision(workspace, gate.step_id, by, decision=decision, **asked), rooms)


def effects_of(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[Any]:
    return rooms.store.move(workspace, "effects_of_run", run_id=run_id)


def test_an_open_gate_holds_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """It shows the proposal and its effects; no task, no wake-up, no lease is left, and nothing was done."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", "two")

    ask = steps_of(run_id, workspace, rooms)["ask"]
    assert (ask["status"], ask["agent_run_id"]) == ("pending_approval", None)
    assert [effect["title"] for effect in gate.proposal["effects"]] == ["Pin 'one'", "Pin 'two'"]
    assert gate.proposal["steps"]["write"]["output"] == {"pinned": 2}
    assert left_to_wake(rooms, queue, workspace) == []
    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == ["proposed", "proposed"]
    assert vendor.asked == []


def test_approving_does_what_was_shown_and_goes_on(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Each effect is done once, by its own task; then the steps behind the gate run, and the run succeeds."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", "two")

    told = decided(rooms, workspace, gate, note="fine")
    assert (told["status"], len(told["released_effects"])) == ("approved", 2)
    queue.deliver_shuffled(rooms, seed=1)

    run = read_run(workspace, run_id, rooms)
    ask = steps_of(run_id, workspace, rooms)["ask"]
    assert (run["status"], sorted(vendor.done.values())) == ("succeeded", ["one", "two"])
    assert len(vendor.asked) == 2
    assert (ask["output_jsonb"]["decision"], ask["output_jsonb"]["by"]) == ("approved", ["ada"])
    assert [effect["status"] for effect in ask["output_jsonb"]["effects"]] == ["done", "done"]
    events = events_of(run_id, workspace, rooms)
    assert [event.seq for event in events] == list(range(1, run["version"] + 1))


def test_rejecting_fails_the_run_and_does_nothing(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """The feedback is the reason; what was proposed is refused, and nothing behind the gate runs."""
    run_id, gate = at_gate(rooms, queue, workspace, "one")

    decided(rooms, workspace, gate, "reject", note="too loud")
    queue.deliver_all(rooms)

    run, steps = read_run(workspace, run_id, rooms), steps_of(run_id, workspace, rooms)
    assert (run["status"], run["error_class"]) == ("failed", "rejected")
    assert "rejected by ada: too loud" in run["error_message"]
    assert (steps["ask"]["status"], steps["after"]["status"]) == ("failed", "skipped")
    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == ["refused"]
    assert vendor.asked == []


def test_a_gate_is_decided_once(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """The second decision is refused with who took the first one, and changes nothing."""
    _, gate = at_gate(rooms, queue, workspace, "one")
    decided(rooms, workspace, gate, by="ada")

    with pytest.raises(ConflictError, match="approved by ada"):
        decided(rooms, workspace, gate, "reject", by="bob")
    queue.deliver_all(rooms)

    assert list(vendor.done.values()) == ["one"]


def test_a_decision_names_what_was_shown(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Another digest than the gate's is refused."""
    _, gate = at_gate(rooms, queue, workspace, "one")

    with pytest.raises(ChangedProposalError):
        decided(rooms, workspace, gate, digest="0" * 64)

    assert open_gates(rooms, workspace)[0].status == "open"


def test_after_a_cancel_nothing_is_released(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """An approval that comes after the cancel is refused; the proposal is refused with the run."""
    run_id, gate = at_gate(rooms, queue, workspace, "one")
    cancel_run(Ask(workspace, run_id, "ada"), rooms)

    with pytest.raises(ConflictError, match="nothing is released"):
        decided(rooms, workspace, gate)
    queue.deliver_all(rooms)

    assert read_run(workspace, run_id, rooms)["status"] == "cancelled"
    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == ["refused"]
    assert vendor.asked == []


def test_a_released_effect_of_a_cancelled_run_is_not_done(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Approved, and cancelled before its task came: nothing happens."""
    run_id, gate = at_gate(rooms, queue, workspace, "one")
    decided(rooms, workspace, gate)
    cancel_run(Ask(workspace, run_id, "ada"), rooms)

    queue.deliver_all(rooms)

    assert vendor.asked == []
    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == ["refused"]


def test_less_money_than_asked(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Approved up to an amount: effects are released in order, as far as it goes; the others are refused."""
    notes = [{"text": name, "amount_usd": "10"} for name in ("a", "b", "c")]
    run_id, gate = at_gate(rooms, queue, workspace, *notes)
    assert gate.amount_usd == 30

    decided(rooms, workspace, gate, up_to_usd=15)
    queue.deliver_all(rooms)

    assert [str(amount.normalize()) for amount in vendor.released.values() if amount] == ["1E+1", "5"]
    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == ["done", "done", "refused"]
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


def test_an_answer_that_was_lost_is_looked_up(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """The vendor acted and the answer was lost: it is read back, and the note hangs once."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "one", "trouble": ["lost"]})

    decided(rooms, workspace, gate)
    queue.deliver_all(rooms)

    assert (len(vendor.asked), list(vendor.done.values())) == (1, ["one"])
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


def test_a_busy_vendor_is_asked_again(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Nothing happened: the effect is released again for later, and done then."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "one", "trouble": ["busy", "busy"]})

    decided(rooms, workspace, gate)
    while queue.held:
        queue.deliver_when_due(queue.held.pop(0), rooms)

    assert len(vendor.asked) == 3
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


def test_what_nobody_can_tell_is_parked(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """It is not repeated: an alert is raised, and the run waits for a person without a task."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "one", "trouble": ["unknown"]})

    decided(rooms, workspace, gate)
    queue.deliver_all(rooms)

    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == ["unknown"]
    assert steps_of(run_id, workspace, rooms)["ask"]["status"] == "waiting"
    assert (len(vendor.asked), left_to_wake(rooms, queue, workspace)) == (1, [])


def test_a_vendor_that_says_no_fails_the_gate(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Nothing of what was approved could be done: the step says what the vendor said."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "one", "trouble": ["refuse"]})

    decided(rooms, workspace, gate)
    queue.deliver_all(rooms)

    run = read_run(workspace, run_id, rooms)
    assert run["status"] == "failed" and "the wall is closed" in run["error_message"]


@pytest.mark.parametrize(("trouble", "ends"), [("busy", "refused"), ("slow", "unknown")])
def test_what_was_begun_when_its_run_ended_is_not_undone(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor, trouble: str, ends: str
) -> None:
    """A retry that a cancel forbids: refused if nothing had been begun at the vendor, else a person looks."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "one", "trouble": [trouble]})
    decided(rooms, workspace, gate)
    queue.deliver(queue.held.pop(0), rooms)

    cancel_run(Ask(workspace, run_id, "ada"), rooms)
    queue.deliver_all(rooms)

    assert [effect.status for effect in effects_of(run_id, workspace, rooms)] == [ends]
    assert len(vendor.asked) == 1


WAITING = workflow(
    step("wait", agent="patient", input_map={"key": "brief.key", "timeout_s": "brief.timeout_s"}), step("after", "wait")
)


def test_a_signal_wakes_what_waits(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """A suspended step holds no lease and no task; the first signal wakes it, a second one changes nothing."""
    run = started(WAITING, workspace, rooms, brief={"key": "studio:1", "timeout_s": None})
    queue.deliver_all(rooms)
    assert steps_of(run.run_id, workspace, rooms)["wait"]["status"] == "waiting"
    assert left_to_wake(rooms, queue, workspace) == []

    first = receive_signal(workspace, "studio:1", {"ok": True}, "studio", rooms)
    second = receive_signal(workspace, "studio:1", {"ok": False}, "studio", rooms)
    queue.deliver_all(rooms)

    assert ((first.is_new, first.woken), (second.is_new, second.woken)) == ((True, 1), (False, 0))
    assert steps_of(run.run_id, workspace, rooms)["wait"]["output_jsonb"] == {"sent": {"ok": True}}
    assert read_run(workspace, run.run_id, rooms)["status"] == "succeeded"


def test_a_signal_may_come_first(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """What was sent before anybody waited is kept: the step is never suspended."""
    receive_signal(workspace, "early", "hello", "test", rooms)
    run = started(WAITING, workspace, rooms, brief={"key": "early", "timeout_s": None})

    queue.deliver_all(rooms)

    assert steps_of(run.run_id, workspace, rooms)["wait"]["output_jsonb"] == {"sent": "hello"}


def test_a_wait_ends_without_a_signal(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Its time is over: the step goes on with nothing, and a signal that comes later changes nothing."""
    run = started(WAITING, workspace, rooms, brief={"key": "never", "timeout_s": 0.01})
    while queue.held:
        wake = queue.held.pop(0)
        if queue.deliver(wake, rooms) == "done_before" and not queue.held:
            queue.held.append(wake)

    assert steps_of(run.run_id, workspace, rooms)["wait"]["output_jsonb"] == {"sent": None}


def test_a_cancel_reaches_what_waits(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """A waiting step ends with its run; the signal that comes later wakes nothing."""
    run = started(WAITING, workspace, rooms, brief={"key": "k", "timeout_s": None})
    queue.deliver_all(rooms)
    cancel_run(Ask(workspace, run.run_id, "ada"), rooms)

    assert receive_signal(workspace, "k", 1, "test", rooms).woken == 0
    assert read_run(workspace, run.run_id, rooms)["status"] == "cancelled"


def test_another_workspace_cannot_decide(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Seen from another workspace there is no such approval."""
    _, gate = at_gate(rooms, queue, workspace, "one")

    with pytest.raises(EngineError, match="no approval"):
        decided(rooms, UUID(int=7), gate)

    assert open_gates(rooms, workspace)[0].status == "open"

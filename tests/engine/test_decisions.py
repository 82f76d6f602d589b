"""Who decides at a gate, on what, and what happens when nobody does; several gates of one run, and runs that end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from shared.engine.control import Ask, cancel_run
from shared.engine.decide import Decision, Revision, decide, revise
from shared.engine.earlier_run import Again
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.take_brief import Caller
from shared.engine.waiting import receive_signal
from shared.errors import ChangedProposalError, ConflictError, EngineError, ForbiddenError, InvalidInputError
from tests.engine.test_gates import at_gate, decided, effects_of, left_to_wake, open_gates
from tests.support.ageing import alerts_of, pass_time
from tests.support.escrow import Vendor, registered_effects
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, steps_of, workflow


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with registered_effects() as made:
        yield made


def refusals(run_id: UUID, workspace: UUID, rooms: Rooms) -> list[tuple[str, str]]:
    """Who was refused, and as what."""
    events = events_of(run_id, workspace, rooms)
    return [(one.payload["by"], one.payload["refused_as"]) for one in events if one.kind == "gate.decision_refused"]


def revised(rooms: Rooms, workspace: UUID, gate: Any, text: str, **more: Any) -> Any:
    payloads = {effect["id"]: {"text": text} for effect in gate.proposal["effects"]}
    return revise(Revision(workspace, gate.step_id, "eve", more.get("roles", ()), gate.digest, payloads), rooms)


def test_enough_different_people_approve(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """A quorum of three: one person counts once, and nothing is released before the third."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", quorum=3)

    for by in ("ada", "bob"):
        assert decided(rooms, workspace, gate, by=by)["status"] == "open"
    with pytest.raises(ConflictError, match="ada has decided this already"):
        decided(rooms, workspace, gate, by="ada")
    queue.deliver_all(rooms)
    assert (vendor.asked, refusals(run_id, workspace, rooms)) == ([], [("ada", "conflict")])

    last = decided(rooms, workspace, gate, by="zoe")
    queue.deliver_all(rooms)

    assert (last["status"], last["approvals"], len(vendor.asked)) == ("approved", 3, 1)
    assert steps_of(run_id, workspace, rooms)["ask"]["output_jsonb"]["by"] == ["ada", "bob", "zoe"]


def test_one_who_rejects_is_enough(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Whatever others have said before."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", quorum=3)
    decided(rooms, workspace, gate, by="ada")

    assert decided(rooms, workspace, gate, "reject", by="bob", note="no")["status"] == "rejected"
    queue.deliver_all(rooms)

    assert read_run(workspace, run_id, rooms)["error_message"].endswith("rejected by bob: no")


def test_a_changed_proposal_voids_what_was_decided(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Approvals of the older wording do not count for the newer one; the same person may approve that."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", quorum=2)
    decided(rooms, workspace, gate, by="ada")

    told = revised(rooms, workspace, gate, "new")
    with pytest.raises(ChangedProposalError) as stale:
        decided(rooms, workspace, gate, by="bob")
    (now,) = open_gates(rooms, workspace)
    first = decided(rooms, workspace, now, by="ada")
    decided(rooms, workspace, now, by="bob")
    queue.deliver_all(rooms)

    assert stale.value.differences == [
        {"path": "effects[0].payload.text", "before": "one", "after": "new"},
        {"path": "effects[0].title", "before": "Pin 'one'", "after": "Pin 'one' (changed by eve)"},
    ]
    assert (stale.value.digest, now.digest, first["approvals"]) == (told["digest"], told["digest"], 1)
    assert list(vendor.done.values()) == ["new"]
    assert refusals(run_id, workspace, rooms) == [("bob", "proposal_changed")]


def test_a_revision_is_refused_like_a_decision(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """On an older wording, after the decision, after a cancel: nothing is changed, and the audit says who tried."""
    run_id, gate = at_gate(rooms, queue, workspace, "one")
    revised(rooms, workspace, gate, "two")
    with pytest.raises(ChangedProposalError):
        revised(rooms, workspace, gate, "three")
    cancel_run(Ask(workspace, run_id, "ada"), rooms)

    with pytest.raises(ConflictError, match="nothing is released"):
        revised(rooms, workspace, gate, "four")

    assert [effect.payload["text"] for effect in effects_of(run_id, workspace, rooms)] == ["two"]
    assert refusals(run_id, workspace, rooms) == [("eve", "proposal_changed"), ("eve", "conflict")]


def test_less_is_released_where_one_approver_says_so(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Of a quorum the smallest amount counts, and no effect gets more than its share of it."""
    notes = [{"text": name, "amount_usd": "10"} for name in ("a", "b")]
    run_id, gate = at_gate(rooms, queue, workspace, *notes, quorum=2)

    decided(rooms, workspace, gate, by="ada", up_to_usd=Decimal("12"))
    told = decided(rooms, workspace, gate, by="bob")
    queue.deliver_all(rooms)

    assert told["released_usd"] == "12.00000000"
    assert sorted(amount for amount in vendor.released.values() if amount is not None) == [2, 10]
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("up_to", "gate_most", "roles", "error"),
    [
        ("31", None, (), InvalidInputError),
        ("30", "20", ("buyer",), ForbiddenError),
        (None, "20", ("buyer",), ForbiddenError),
        ("20", "20", ("buyer",), None),
        ("30", "20", ("owner",), None),
        ("0", "20", ("buyer",), None),
    ],
)
def test_money_is_released_within_limits(
    rooms: Rooms,
    queue: HeldQueue,
    workspace: UUID,
    vendor: Vendor,
    up_to: str | None,
    gate_most: str | None,
    roles: tuple[str, ...],
    error: type[EngineError] | None,
) -> None:
    """Never more than is proposed, nor more than the role may; an owner may all. With 0 nothing costing is released."""
    options = {} if gate_most is None else {"up_to_usd": gate_most}
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "a", "amount_usd": "30"}, **options)
    asked: Any = {"roles": roles, "up_to_usd": None if up_to is None else Decimal(up_to)}

    if error is None:
        decided(rooms, workspace, gate, **asked)
    else:
        with pytest.raises(error):
            decided(rooms, workspace, gate, **asked)
        assert open_gates(rooms, workspace)[0].decisions == []
    queue.deliver_all(rooms)

    assert len(vendor.asked) == (1 if error is None and up_to != "0" else 0)
    expected = "running" if error is not None else "succeeded"
    assert read_run(workspace, run_id, rooms)["status"] == expected


@pytest.mark.parametrize(
    ("on_expiry", "status", "done", "decision"),
    [
        ("approve", "succeeded", ["one"], "approved"),
        ("reject", "failed", [], None),
        ("branch", "succeeded", [], "rejected"),
    ],
)
def test_the_end_of_its_time_decides(
    rooms: Rooms,
    queue: HeldQueue,
    workspace: UUID,
    vendor: Vendor,
    on_expiry: str,
    status: str,
    done: list[str],
    decision: str | None,
) -> None:
    """Not a moment before; then as the gate says, and whoever comes later is told so."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", expires_in_s=3600, on_expiry=on_expiry)
    pass_time(run_id, 3000, rooms, queue)
    assert open_gates(rooms, workspace)[0].status == "open"

    pass_time(run_id, 700, rooms, queue)

    assert (read_run(workspace, run_id, rooms)["status"], list(vendor.done.values())) == (status, done)
    output = steps_of(run_id, workspace, rooms)["ask"]["output_jsonb"]
    assert (output and output["decision"]) == decision
    with pytest.raises(ConflictError, match="the end of its time"):
        decided(rooms, workspace, gate)


def test_after_its_time_an_owner_decides(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Escalated: an alert, no second expiry, and members are refused from then on."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", expires_in_s=60, on_expiry="escalate")

    pass_time(run_id, 100, rooms, queue)
    pass_time(run_id, 100, rooms, queue)

    assert [alert.kind for alert in alerts_of(run_id, rooms)] == ["approval_escalated"]
    assert left_to_wake(rooms, queue, workspace) == []
    with pytest.raises(ForbiddenError, match="owner"):
        decided(rooms, workspace, gate, roles=("editor",))
    assert decided(rooms, workspace, gate, roles=("owner",))["status"] == "approved"


def test_reminders_are_alerts(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """One each time, for as long as nobody decides, and none afterwards."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", remind_every_s=600)

    for _ in range(3):
        pass_time(run_id, 610, rooms, queue)
    pass_time(run_id, 60, rooms, queue)

    alerts = alerts_of(run_id, rooms)
    assert [(alert.kind, alert.evidence["reminder"]) for alert in alerts] == [
        ("approval_waiting", number) for number in (1, 2, 3)
    ]
    decided(rooms, workspace, gate)
    queue.deliver_all(rooms)
    pass_time(run_id, 6000, rooms, queue)
    assert len(alerts_of(run_id, rooms)) == 3


def test_a_rejection_may_be_a_branch(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """The run goes on, knows what was decided and why, and nothing was done."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", on_reject="branch")

    decided(rooms, workspace, gate, "reject", note="not this week")
    queue.deliver_all(rooms)

    steps = steps_of(run_id, workspace, rooms)
    output = steps["ask"]["output_jsonb"]
    assert (output["decision"], output["note"]) == ("rejected", "not this week")
    assert steps["after"]["output_jsonb"]["echo"]["said"] == "rejected"
    assert (read_run(workspace, run_id, rooms)["status"], vendor.asked) == ("succeeded", [])


GATES = ("left", "middle", "right")
THREE = workflow(
    step("begin"),
    *(step(f"write_{gate}", "begin", agent="proposing", input_map={"notes": f"brief.{gate}"}) for gate in GATES),
    *(step(gate, f"write_{gate}", agent="approval_gate", label=gate) for gate in GATES),
    *(step(f"after_{gate}", gate) for gate in GATES),
    step("free", "begin"),
    step("end", *(f"after_{gate}" for gate in GATES), "free"),
)


def at_three(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> tuple[UUID, dict[str, Any]]:
    brief = {gate: [{"text": gate}] for gate in GATES}
    run = started(THREE, workspace, rooms, brief=brief)
    queue.deliver_all(rooms)
    return run.run_id, {gate.title: gate for gate in open_gates(rooms, workspace)}


@pytest.mark.parametrize("order", list(permutations(GATES)))
def test_gates_are_decided_in_any_order(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor, order: tuple[str, ...]
) -> None:
    """Three are open at once; what is independent has run; behind each one the run goes on as soon as it can."""
    run_id, gates = at_three(rooms, queue, workspace)
    assert set(gates) == set(GATES)
    assert steps_of(run_id, workspace, rooms)["free"]["status"] == "succeeded"

    for number, title in enumerate(order, 1):
        decided(rooms, workspace, gates[title])
        queue.deliver_shuffled(rooms, seed=number)
        steps = steps_of(run_id, workspace, rooms)
        assert [steps[f"after_{gate}"]["status"] for gate in order[:number]] == ["succeeded"] * number
        assert list(vendor.done.values()) == list(order[:number])

    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


def test_a_rejection_ends_the_gates_beside_it(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """The run fails: the other gates are closed, nothing of theirs is done, and they cannot be decided any more."""
    run_id, gates = at_three(rooms, queue, workspace)
    decided(rooms, workspace, gates["left"])
    queue.deliver_all(rooms)

    decided(rooms, workspace, gates["right"], "reject")
    queue.deliver_all(rooms)

    assert read_run(workspace, run_id, rooms)["status"] == "failed"
    assert open_gates(rooms, workspace) == []
    with pytest.raises(ConflictError, match="has ended"):
        decided(rooms, workspace, gates["middle"])
    queue.deliver_all(rooms)
    assert list(vendor.done.values()) == ["left"]
    statuses = {effect.step_key: effect.status for effect in effects_of(run_id, workspace, rooms)}
    assert statuses == {"write_left": "done", "write_middle": "refused", "write_right": "refused"}


def test_a_gate_closes_when_a_step_beside_it_fails(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """The run is over: the gate's step is skipped, its proposal refused, and no decision is taken."""
    definition = workflow(
        step("write", agent="proposing", input_map={"notes": "brief.notes"}),
        step("ask", "write", agent="approval_gate"),
        step("wait", agent="patient", input_map={"key": "brief.key"}),
        step("break", "wait", agent="broken"),
    )
    brief = {"notes": [{"text": "one"}], "key": "go"}
    run = started(definition, workspace, rooms, brief=brief)
    queue.deliver_all(rooms)
    (gate,) = open_gates(rooms, workspace)
    receive_signal(workspace, "go", None, "test", rooms)
    queue.deliver_all(rooms)

    assert read_run(workspace, run.run_id, rooms)["status"] == "failed"
    assert steps_of(run.run_id, workspace, rooms)["ask"]["status"] == "skipped"
    with pytest.raises(ConflictError, match="has ended"):
        decided(rooms, workspace, gate)
    assert [effect.status for effect in effects_of(run.run_id, workspace, rooms)] == ["refused"]
    assert refusals(run.run_id, workspace, rooms) == [("ada", "conflict")]


def test_racing_decisions_have_one_outcome(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Eight people at once, approving and rejecting: one decides, seven are told, and what follows is one story."""
    dice = random.Random(7)
    for _ in range(10):
        run_id, gate = at_gate(rooms, queue, workspace, "one")
        asked = [
            Decision(workspace, gate.step_id, f"p{number}", (), dice.choice(["approve", "reject"]), gate.digest)
            for number in range(8)
        ]
        with ThreadPoolExecutor(8) as pool:
            ends = list(pool.map(lambda one: _outcome(one, rooms), asked))
        queue.deliver_all(rooms)

        decided_by = [one for one, end in zip(asked, ends, strict=True) if end == "decided"]
        assert len(decided_by) == 1 and ends.count("conflict") == 7
        is_approved = decided_by[0].decision == "approve"
        assert read_run(workspace, run_id, rooms)["status"] == ("succeeded" if is_approved else "failed")
        (effect,) = effects_of(run_id, workspace, rooms)
        assert effect.status == ("done" if is_approved else "refused")
        assert len(refusals(run_id, workspace, rooms)) == 7


def _outcome(asked: Decision, rooms: Rooms) -> str:
    try:
        decide(asked, rooms)
    except ConflictError as refused:
        return refused.code
    return "decided"


def test_a_refused_decision_keeps_the_events_in_order(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Told with the run's own count, before and after its end: no number is missing or twice."""
    run_id, gate = at_gate(rooms, queue, workspace, "one", self_approval=False)
    with pytest.raises(ForbiddenError):
        decided(rooms, workspace, gate, by="t")
    decided(rooms, workspace, gate, by="bob")
    queue.deliver_all(rooms)
    with pytest.raises(ConflictError):
        decided(rooms, workspace, gate, by="bob")

    run, events = read_run(workspace, run_id, rooms), events_of(run_id, workspace, rooms)
    assert [event.seq for event in events] == list(range(1, run["version"] + 1))
    assert refusals(run_id, workspace, rooms) == [("t", "forbidden"), ("bob", "conflict")]
    assert (run["status"], events[-1].kind) == ("succeeded", "gate.decision_refused")


def test_a_rejected_run_is_redriven_with_its_proposals(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """What proposed is done again, so that the new gate shows the effects; approved there, they are done once."""
    run_id, gate = at_gate(rooms, queue, workspace, "one")
    decided(rooms, workspace, gate, "reject")
    queue.deliver_all(rooms)

    again = repeat_run(Again("redrive", run_id), Caller(workspace, "ada", None), rooms)
    queue.deliver_all(rooms)
    (new,) = open_gates(rooms, workspace)
    decided(rooms, workspace, new)
    queue.deliver_all(rooms)

    assert [effect["title"] for effect in new.proposal["effects"]] == ["Pin 'one'"]
    assert read_run(workspace, again.run_id, rooms)["forked_at_steps"] == ["write"]
    assert (read_run(workspace, again.run_id, rooms)["status"], list(vendor.done.values())) == ("succeeded", ["one"])


def test_what_a_gate_let_go_is_not_let_go_again(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Restarted behind the gate, the decision and what it released are taken over."""
    run_id, gate = at_gate(rooms, queue, workspace, "one")
    decided(rooms, workspace, gate)
    queue.deliver_all(rooms)

    again = repeat_run(Again("restart", run_id, "after"), Caller(workspace, "ada", None), rooms)
    queue.deliver_all(rooms)

    assert read_run(workspace, again.run_id, rooms)["status"] == "succeeded"
    assert (open_gates(rooms, workspace), len(vendor.asked)) == ([], 1)
    third = repeat_run(Again("restart", again.run_id, "ask"), Caller(workspace, "ada", None), rooms)
    queue.deliver_all(rooms)
    (asked,) = open_gates(rooms, workspace)
    assert (asked.run_id, len(asked.proposal["effects"]), len(vendor.asked)) == (third.run_id, 1, 1)

"""Approvals through the door: asked, decided once on exactly what was shown, and refused without a trace but one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.agents import registered_agents
from tests.support.approving import APPROVALS, NO_DIGEST, approve, effects_of, reject, run_of, run_to_gate
from tests.support.doors import RUNS, Person, events_in, refusal, told
from tests.support.escrow import Vendor, registered_effects


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with registered_agents(), registered_effects() as made:
        yield made


def refusals(person: Person, run_id: str) -> list[Any]:
    """What the run's events say of decisions that were refused."""
    events = events_in(person.get(f"{RUNS}/{run_id}/stream").text)
    return [event["data"] for event in events if event["event"] == "gate.decision_refused"]


def cancel(person: Person, gate: Any) -> None:
    assert person.post(f"{RUNS}/{gate['run_id']}/cancel").status_code == 202


def test_an_approval_is_listed_and_shown(person: Person, vendor: Vendor) -> None:
    """Newest first, with what would happen; one alone with all that came before, and what it cost so far."""
    first = run_to_gate(person, "one")
    second = run_to_gate(person, {"text": "two", "amount_usd": "12.5"})

    listed = told(person.get(APPROVALS))["approvals"]
    shown = told(person.get(f"{APPROVALS}/{second['step_id']}"))

    assert [one["step_id"] for one in listed] == [second["step_id"], first["step_id"]]
    assert [effect["title"] for effect in second["effects"]] == ["Pin 'two'"]
    assert (second["amount_usd"], second["status"], second["requested_by"]) == ("12.50000000", "open", "ada")
    assert "proposal" not in second
    assert shown["proposal"]["steps"]["write"]["output"] == {"pinned": 1}
    assert shown["proposal"]["effects"][0]["payload"] == {"text": "two", "trouble": []}
    assert (shown["digest"], shown["revisions"], shown["cost_so_far_usd"]) == (second["digest"], [], "0.00000000")


def test_the_list_is_paged(person: Person, vendor: Vendor) -> None:
    """`limit` and `before`; `status` picks those that were decided."""
    gates = [run_to_gate(person, f"{number}") for number in range(3)]
    approve(person, gates[0])

    newest = told(person.get(f"{APPROVALS}?limit=1"))["approvals"]
    before = newest[0]["created_at"].replace("+", "%2B")

    assert [one["step_id"] for one in newest] == [gates[2]["step_id"]]
    assert [one["step_id"] for one in told(person.get(f"{APPROVALS}?before={before}"))["approvals"]] == [
        gates[1]["step_id"]
    ]
    decided = told(person.get(f"{APPROVALS}?status=approved"))["approvals"]
    assert [(one["step_id"], one["decisions"][0]["by"]) for one in decided] == [(gates[0]["step_id"], "ada")]
    assert told(person.get(f"{APPROVALS}?status=rejected")) == {"approvals": []}


def test_approving_lets_go(person: Person, vendor: Vendor) -> None:
    """200 with where the gate stands; what was shown is done, and the steps behind the gate run."""
    gate = run_to_gate(person, "one")

    answer = approve(person, gate, note="fine")

    assert (answer.status_code, told(answer)["status"], told(answer)["by"]) == (200, "approved", "ada")
    assert told(answer)["released_effects"] == [gate["effects"][0]["id"]]
    person.deliver()
    assert (run_of(person, gate)["status"], list(vendor.done.values())) == ("succeeded", ["one"])
    events = events_in(person.get(f"{RUNS}/{gate['run_id']}/stream").text)
    kinds = [event["event"] for event in events if event["data"].get("key") == "ask"]
    assert kinds[-1] == "workflow_step.succeeded"
    (asked,) = [event["data"] for event in events if event["event"] == "workflow_step.pending_approval"]
    assert asked["proposal"]["steps"]["write"]["output"] == {"pinned": 1}
    (effect,) = effects_of(person, gate)
    assert (effect["status"], effect["receipt"]["vendor"]) == ("done", "wall")


def test_rejecting_ends_the_run_with_the_feedback(person: Person, vendor: Vendor) -> None:
    """The step and the run fail with it; nothing was done."""
    gate = run_to_gate(person, "one")

    assert told(reject(person, gate, feedback="too loud"))["status"] == "rejected"
    person.deliver()

    run = run_of(person, gate)
    assert (run["status"], run["error_class"]) == ("failed", "rejected")
    assert "rejected by ada: too loud" in run["error_message"]
    events = events_in(person.get(f"{RUNS}/{gate['run_id']}/stream").text)
    assert events[-1]["event"] == "workflow_run.failed"
    assert vendor.asked == []


def test_a_second_decision_says_who_took_the_first(person: Person, vendor: Vendor) -> None:
    """Replayed by the same person, or by another: 409, one event for the audit, nothing else."""
    gate = run_to_gate(person)
    approve(person, gate, note="fine")
    person.deliver()

    for one in (person, person.colleague("bob")):
        with person.writes_one_event():
            problem = refusal(approve(one, gate), 409)
        assert "approved by ada" in problem["detail"] and problem["detail"].endswith("fine")
    with person.writes_one_event():
        refusal(reject(person, gate), 409)

    assert len(vendor.asked) == 1


def test_a_stale_decision_is_told_what_changed(person: Person, vendor: Vendor) -> None:
    """409 with the differences and the digest that stands now; then that one is approved."""
    gate = run_to_gate(person, "one")
    effect_id = gate["effects"][0]["id"]
    changed = person.put(
        f"{APPROVALS}/{gate['step_id']}/proposal", {"digest": gate["digest"], "effects": {effect_id: {"text": "new"}}}
    )
    assert (changed.status_code, told(changed)["revision"]) == (200, 2)

    with person.writes_one_event():
        problem = refusal(approve(person, gate), 409)

    assert problem["field"] == "digest" and problem["digest"] == told(changed)["digest"]
    assert problem["differences"][0] == {"path": "effects[0].payload.text", "before": "one", "after": "new"}
    assert problem["differences"][1]["after"] == "Pin 'one' (changed by ada)"
    assert refusals_open(person, gate) == ["proposal_changed"]
    since = told(person.get(f"{APPROVALS}/{gate['step_id']}?since={gate['digest']}"))
    assert (since["differences"], since["revisions"][0]["revised_by"]) == (problem["differences"], "ada")
    approve(person, {**gate, "digest": problem["digest"]})
    person.deliver()
    assert list(vendor.done.values()) == ["new"]


def refusals_open(person: Person, gate: Any) -> list[str]:
    """Why decisions were refused, of a run that goes on: read from the database, for its stream does not end."""
    from shared.store.session import current_store

    rows = current_store().move(person.workspace, "events_after", subject_id=gate["run_id"], after=0, limit=1000)
    return [row.payload["refused_as"] for row in rows if row.kind == "gate.decision_refused"]


def test_the_requester_may_be_kept_from_deciding(person: Person, vendor: Vendor) -> None:
    """403 where self-approval is off; the audit says who tried; somebody else may."""
    gate = run_to_gate(person, self_approval=False)

    with person.writes_one_event():
        assert "themselves" in refusal(approve(person, gate), 403)["detail"]

    assert told(approve(person.colleague("bob"), gate))["status"] == "approved"
    person.deliver()
    (refused,) = refusals(person, gate["run_id"])
    assert (refused["by"], refused["asked"], refused["refused_as"]) == ("ada", "approve", "forbidden")
    assert refused["digest"] == gate["digest"]


def test_a_role_decides(person: Person, vendor: Vendor) -> None:
    """403 for a member without it, to approve, to reject and to change; the role and an owner may."""
    gates = [run_to_gate(person, role="brand-lead") for _ in range(2)]
    proposal = {"digest": gates[0]["digest"], "effects": {gates[0]["effects"][0]["id"]: {"text": "x"}}}

    with person.writes_one_event():
        refusal(approve(person, gates[0]), 403)
    with person.writes_one_event():
        refusal(reject(person.colleague("bob", "editor"), gates[0]), 403)
    with person.writes_one_event():
        refusal(person.put(f"{APPROVALS}/{gates[0]['step_id']}/proposal", proposal), 403)

    assert told(approve(person.colleague("eve", "brand-lead"), gates[0]))["status"] == "approved"
    assert told(approve(person.colleague("zoe", "owner"), gates[1]))["status"] == "approved"


def test_a_role_releases_no_more_than_it_may(person: Person, vendor: Vendor) -> None:
    """Up to its limit; more takes an owner."""
    gate = run_to_gate(person, {"text": "a", "amount_usd": "40"}, role="buyer", up_to_usd="25")
    buyer = person.colleague("bo", "buyer")

    with person.writes_one_event():
        assert "an owner has to" in refusal(approve(buyer, gate), 403)["detail"]
    with person.writes_nothing():
        assert refusal(approve(buyer, gate, up_to_usd="41"), 422)["field"] == "up_to_usd"

    assert told(approve(buyer, gate, up_to_usd="25"))["released_usd"] == "25.00000000"
    person.deliver()
    assert [str(amount) for amount in vendor.released.values()] == ["25.00000000"]


def test_after_a_cancel_nothing_is_decided(person: Person, vendor: Vendor) -> None:
    """409; nothing is released, and the audit says who came too late."""
    gate = run_to_gate(person)
    cancel(person, gate)

    with person.writes_one_event():
        assert "nothing is released" in refusal(approve(person, gate), 409)["detail"]

    person.deliver()
    assert vendor.asked == []
    assert told(person.get(APPROVALS)) == {"approvals": []}


def test_a_strangers_approval_is_not_there(person: Person, stranger: Person, vendor: Vendor) -> None:
    """404 to read and to decide, in the words for what does not exist; neither workspace has a row more."""
    gate = run_to_gate(person)
    nowhere = {**gate, "step_id": str(uuid4())}

    with person.writes_nothing(), stranger.writes_nothing():
        for one in (gate, nowhere):
            for answer in (
                approve(stranger, one),
                reject(stranger, one),
                stranger.get(f"{APPROVALS}/{one['step_id']}"),
                stranger.put(
                    f"{APPROVALS}/{one['step_id']}/proposal", {"digest": one["digest"], "effects": {str(uuid4()): {}}}
                ),
            ):
                assert refusal(answer, 404)["field"] == "step_id"
    assert told(stranger.get(APPROVALS)) == {"approvals": []}
    assert told(approve(person, gate))["status"] == "approved"


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("approve", {}, "digest"),
        ("approve", {"digest": "1" * 63}, "digest"),
        ("approve", {"digest": "G" * 64}, "digest"),
        ("approve", {"digest": NO_DIGEST.upper() + "A"}, "digest"),
        ("approve", {"digest": NO_DIGEST, "note": ""}, "note"),
        ("approve", {"digest": NO_DIGEST, "note": "x" * 2001}, "note"),
        ("approve", {"digest": NO_DIGEST, "feedback": "x"}, "feedback"),
        ("approve", {"digest": NO_DIGEST, "up_to_usd": "-1"}, "up_to_usd"),
        ("approve", {"digest": NO_DIGEST, "up_to_usd": "1e99"}, "up_to_usd"),
        ("approve", {"digest": NO_DIGEST, "up_to_usd": "NaN"}, "up_to_usd"),
        ("approve", {"digest": NO_DIGEST, "up_to_usd": "all"}, "up_to_usd"),
        ("reject", {}, "digest"),
        ("reject", {"digest": NO_DIGEST, "feedback": 5}, "feedback"),
        ("reject", {"digest": NO_DIGEST, "note": "x"}, "note"),
    ],
)
def test_a_wrong_field_of_a_decision_is_named(
    person: Person, vendor: Vendor, what: str, body: dict[str, Any], field: str
) -> None:
    """422 with its name; nothing is written, for it was no decision."""
    gate = run_to_gate(person)

    with person.writes_nothing():
        assert refusal(person.post(f"{APPROVALS}/{gate['step_id']}/{what}", body), 422)["field"] == field


def test_a_wrong_proposal_is_named(person: Person, vendor: Vendor) -> None:
    """The effect and the field, an effect of another gate, none at all; the gate shows what it showed."""
    gate = run_to_gate(person)
    path, effect_id, other = f"{APPROVALS}/{gate['step_id']}/proposal", gate["effects"][0]["id"], str(uuid4())
    wrong: list[tuple[Any, str]] = [
        ({effect_id: {"text": 5}}, f"effects.{effect_id}.text"),
        ({effect_id: {"text": "x", "colour": 1}}, f"effects.{effect_id}.colour"),
        ({other: {"text": "x"}}, f"effects.{other}"),
        ({}, "effects"),
        ({"one": {}}, "effects.one.[key]"),
        ({effect_id: "x"}, f"effects.{effect_id}"),
    ]

    with person.writes_nothing():
        for effects, field in wrong:
            problem = refusal(person.put(path, {"digest": gate["digest"], "effects": effects}), 422)
            assert problem["field"] == field
    assert told(person.get(f"{APPROVALS}/{gate['step_id']}"))["digest"] == gate["digest"]


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=maybe", "status"), ("run_id=1", "run_id"), ("limit=0", "limit"), ("before=x", "before"), ("a=1", "a")],
)
def test_a_wrong_query_is_named(person: Person, query: str, field: str) -> None:
    """422 with the name."""
    assert refusal(person.get(f"{APPROVALS}?{query}"), 422)["field"] == field


def test_a_wrong_since_is_named(person: Person, vendor: Vendor) -> None:
    """A digest that this approval never had, and what is no digest."""
    gate = run_to_gate(person)

    for since in (NO_DIGEST, "x"):
        assert refusal(person.get(f"{APPROVALS}/{gate['step_id']}?since={since}"), 422)["field"] == "since"

"""What was let go, through the door: listed, resolved by a person, held back; caps; and signals from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.agents import registered_agents
from tests.support.approving import CAPS, EFFECTS, HOLD, approve, effects_of, run_of, run_to_gate
from tests.support.doors import RUNS, SIGNALS, WORKFLOWS, Person, refusal, told
from tests.support.escrow import Vendor, registered_effects

WAITING = {
    "slug": "waiting",
    "name": "Waiting",
    "steps": [{"key": "wait", "agent_name": "patient", "input_map": {"key": "brief.signal"}}],
}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with registered_agents(), registered_effects() as made:
        yield made


def parked(person: Person) -> tuple[Any, Any]:
    """A gate whose effect nobody can tell about, and the effect."""
    gate = run_to_gate(person, {"text": "one", "trouble": ["unknown"]})
    approve(person, gate)
    person.deliver()
    (effect,) = effects_of(person, gate)
    assert effect["status"] == "unknown"
    return gate, effect


def resolve(person: Person, effect: Any, became: str, **more: Any) -> Any:
    return person.post(f"{EFFECTS}/{effect['id']}/resolve", {"as": became, "note": "looked at the wall", **more})


def test_effects_are_listed(person: Person, vendor: Vendor) -> None:
    """Of the workspace by status, newest first; of a run in order, with what each would do."""
    gate = run_to_gate(person, "one", "two")
    listed = told(person.get(f"{EFFECTS}?status=proposed"))
    approve(person, gate)
    person.deliver()

    assert len(listed["effects"]) == 2 and listed["hold"] is None
    assert [effect["payload"]["text"] for effect in effects_of(person, gate)] == ["one", "two"]
    assert {effect["status"] for effect in told(person.get(EFFECTS))["effects"]} == {"done"}
    assert told(person.get(f"{EFFECTS}?status=proposed"))["effects"] == []


def test_a_person_says_that_it_happened(person: Person, vendor: Vendor) -> None:
    """Done, with the vendor's id and who says so; the run goes on, and nothing is repeated."""
    gate, effect = parked(person)

    answer = resolve(person, effect, "done", reference="note-7")

    assert (answer.status_code, told(answer)["status"]) == (200, "done")
    person.deliver()
    (after,) = effects_of(person, gate)
    assert after["receipt"]["reference"] == "note-7"
    assert after["receipt"]["details"] == {"by": "ada", "note": "looked at the wall"}
    assert (run_of(person, gate)["status"], len(vendor.asked)) == ("succeeded", 1)


def test_a_person_says_that_it_did_not(person: Person, vendor: Vendor) -> None:
    """Refused: nothing of what was approved was done, so the run fails and says why."""
    gate, effect = parked(person)

    assert told(resolve(person, effect, "refused"))["status"] == "refused"
    person.deliver()

    run = run_of(person, gate)
    assert run["status"] == "failed" and "looked at the wall" in run["error_message"]
    assert len(vendor.asked) == 1


def test_a_person_has_it_tried_again(person: Person, vendor: Vendor) -> None:
    """The vendor is looked at first: it had happened after all, and is not done twice."""
    gate, effect = parked(person)
    vendor.done[next(iter(vendor.asked))] = "one"

    assert told(resolve(person, effect, "again"))["status"] == "released"
    assert person.deliver()[0] == "done"

    assert (run_of(person, gate)["status"], len(vendor.asked)) == ("succeeded", 1)


def test_only_what_is_unknown_is_resolved(person: Person, vendor: Vendor) -> None:
    """409 for what was resolved before: the first word counts."""
    _, effect = parked(person)
    resolve(person, effect, "done", reference="note-7")
    person.deliver()

    with person.writes_nothing():
        for became in ("refused", "again"):
            assert "is done" in refusal(resolve(person, effect, became), 409)["detail"]


def test_what_a_cancelled_run_left_unknown_is_still_resolved(person: Person, vendor: Vendor) -> None:
    """Trying again is refused; that it happened can still be said."""
    gate, effect = parked(person)
    person.post(f"{RUNS}/{gate['run_id']}/cancel")
    person.deliver()

    with person.writes_nothing():
        assert "has ended" in refusal(resolve(person, effect, "again"), 409)["detail"]
    assert told(resolve(person, effect, "done", reference="note-7"))["status"] == "done"
    assert run_of(person, gate)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "as"),
        ({"as": "done", "note": "n"}, "reference"),
        ({"as": "refused", "note": "n", "reference": "r"}, "reference"),
        ({"as": "again"}, "note"),
        ({"as": "maybe", "note": "n"}, "as"),
        ({"became": "again", "note": "n"}, "as"),
        ({"as": "again", "note": ""}, "note"),
        ({"as": "done", "note": "n", "reference": "x" * 201}, "reference"),
        ({"as": "refused", "note": "n", "receipt": {"url": "u"}}, "receipt"),
        ({"as": "done", "note": "n", "reference": "r", "receipt": []}, "receipt"),
        ({"as": "done", "note": "n", "reference": "r", "receipt": {"odd": 1}}, "receipt.odd"),
    ],
)
def test_a_wrong_resolution_is_named(person: Person, vendor: Vendor, body: dict[str, Any], field: str) -> None:
    """422 with the field, and nothing written."""
    _, effect = parked(person)

    with person.writes_nothing():
        assert refusal(person.post(f"{EFFECTS}/{effect['id']}/resolve", body), 422)["field"] == field


def test_a_strangers_effect_is_not_there(person: Person, stranger: Person, vendor: Vendor) -> None:
    """404, as for an effect of nobody; neither is it listed."""
    gate, effect = parked(person)

    with person.writes_nothing(), stranger.writes_nothing():
        for one in (effect, {"id": str(uuid4())}):
            assert refusal(resolve(stranger, one, "again"), 404)["field"] == "effect_id"
        refusal(stranger.get(f"{RUNS}/{gate['run_id']}/effects"), 404)
    assert told(stranger.get(EFFECTS)) == {"effects": [], "hold": None}


def test_the_hold_keeps_everything_back(person: Person, vendor: Vendor) -> None:
    """Approved under it, nothing happens and no task is left; lifted, it is done. Who and why is shown."""
    owner = person.colleague("ada", "owner")
    held = told(owner.post(HOLD, {"reason": "legal is looking"}))
    gate = run_to_gate(person, "one")
    approve(person, gate)
    outcomes = person.deliver()

    assert held["is_new"] and held["hold"]["reason"] == "legal is looking"
    assert (outcomes, vendor.asked) == (["held"], [])
    assert told(person.get(EFFECTS))["hold"]["by"] == "ada"
    assert not told(person.colleague("bob", "admin").post(HOLD))["is_new"]
    assert told(owner.knock("DELETE", HOLD)) == {"hold": None, "is_lifted": True, "effects_woken": 1}
    person.deliver()
    assert run_of(person, gate)["status"] == "succeeded"
    assert told(owner.knock("DELETE", HOLD)) == {"hold": None, "is_lifted": False, "effects_woken": 0}


def test_a_hold_stays_at_home(person: Person, stranger: Person, vendor: Vendor) -> None:
    """Another workspace neither sees nor lifts it."""
    person.colleague("ada", "owner").post(HOLD)

    with person.writes_nothing():
        assert not told(stranger.colleague("mallory", "owner").knock("DELETE", HOLD))["is_lifted"]
    assert told(person.get(EFFECTS))["hold"]["by"] == "ada"


def test_caps_are_set_and_read(person: Person) -> None:
    """What each day begins with, and today's use, of models and of ads; lowered again at once."""
    assert told(person.get(CAPS)) == {"caps": []}

    owner = person.colleague("ada", "owner")
    told(owner.put(CAPS, {"day": "20", "ad_day": 300.5}))
    caps = told(owner.put(CAPS, {"day": "12.5"}))["caps"]

    found = {(cap["scope"], bool(cap["scope_id"])): cap["cap_usd"] for cap in caps}
    assert found[("workspace_day", False)] == "12.50000000"
    assert found[("ad_day", False)] == "300.50000000"
    assert {cap["set_by"] for cap in caps} == {"ada"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "day"),
        ({"day": None}, "day"),
        ({"day": "-1"}, "day"),
        ({"day": "NaN"}, "day"),
        ({"ad_day": 1_000_000}, "ad_day"),
        ({"day": "1.123456789"}, "day"),
        ({"week": "1"}, "week"),
        ({"day": "5", "ad_day": "lots"}, "ad_day"),
    ],
)
def test_a_wrong_cap_is_named(person: Person, body: dict[str, Any], field: str) -> None:
    """422 with the field; no cap is set, not even the right one beside it."""
    with person.writes_nothing():
        assert refusal(person.put(CAPS, body), 422)["field"] == field


def test_a_signal_wakes_what_waits(person: Person, stranger: Person, vendor: Vendor) -> None:
    """The first one of its key, sent in its workspace; a stranger's wakes nothing."""
    person.post(WORKFLOWS, WAITING)
    run_id = person.run("waiting", fields={"signal": "crm:7"})
    person.deliver()

    assert told(stranger.post(SIGNALS, {"key": "crm:7", "payload": 1})) == {"is_new": True, "woken": 0}
    assert told(person.post(SIGNALS, {"key": "crm:7", "payload": {"ok": True}})) == {"is_new": True, "woken": 1}
    assert told(person.post(SIGNALS, {"key": "crm:7"})) == {"is_new": False, "woken": 0}
    person.deliver()

    run = told(person.get(f"{RUNS}/{run_id}"))
    assert (run["status"], run["steps"][0]["output_jsonb"]) == ("succeeded", {"sent": {"ok": True}})


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "key"), ({"key": ""}, "key"), ({"key": "x" * 201}, "key"), ({"key": 5}, "key"), ({"key": "a", "b": 1}, "b")],
)
def test_a_wrong_signal_is_named(person: Person, body: dict[str, Any], field: str) -> None:
    """422 with the field, and nothing kept."""
    with person.writes_nothing():
        assert refusal(person.post(SIGNALS, body), 422)["field"] == field


def test_a_run_is_proved(person: Person, stranger: Person) -> None:
    """200 with the verdict; a stranger's run is not there."""
    run_id = person.ended_run()

    proof = told(person.get(f"{RUNS}/{run_id}/proof"))

    assert (proof["verdict"], proof["differences"]) == ("proved", [])
    assert proof["totals"]["run_usd"] == told(person.get(f"{RUNS}/{run_id}"))["total_cost_usd"]
    assert refusal(stranger.get(f"{RUNS}/{run_id}/proof"), 404)["field"] == "run_id"

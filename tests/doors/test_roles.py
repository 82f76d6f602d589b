"""What a member may not do alone: caps, the hold, and saying what became of an effect that a role released."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.engine.rooms import current_rooms
from tests.support.agents import registered_agents
from tests.support.approving import CAPS, EFFECTS, HOLD, approve, effects_of, run_of, run_to_gate
from tests.support.doors import Person, refusal, told
from tests.support.escrow import Vendor, registered_effects
from tests.support.runs import events_of

ASKED = [("PUT", CAPS, {"day": "5"}), ("POST", HOLD, {"reason": "mine"}), ("DELETE", HOLD, None)]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with registered_agents(), registered_effects() as made:
        yield made


def asked(person: Person, method: str, path: str, body: Any) -> Any:
    return person.knock(method, path) if body is None else person.knock(method, path, json=body)


def resolved(person: Person, effect: Any, became: str) -> Any:
    reference = {"reference": "note-7"} if became == "done" else {}
    return person.post(f"{EFFECTS}/{effect['id']}/resolve", {"as": became, "note": "looked", **reference})


def doubtful(person: Person, role: str) -> tuple[Any, Any]:
    """A gate of this role whose effect nobody can tell about, and the effect."""
    gate = run_to_gate(person, {"text": "one", "trouble": ["unknown"]}, role=role)
    assert approve(person.colleague("zoe", "owner"), gate).status_code == 200
    person.deliver()
    (effect,) = effects_of(person, gate)
    assert effect["status"] == "unknown"
    return gate, effect


@pytest.mark.parametrize("roles", [(), ("editor",), ("Owner", "administrator")])
@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_the_workspaces_switches_take_an_admin(
    person: Person, method: str, path: str, body: Any, roles: tuple[str, ...]
) -> None:
    """403 that names the roles for any other member; one event, and nothing else."""
    member = person.colleague("bob", *roles)

    with person.writes_one_event():
        document = refusal(asked(member, method, path, body), 403)

    assert "admin or owner" in document["detail"]
    (event,) = events_of(person.workspace, person.workspace, current_rooms())
    assert (event.payload["by"], event.payload["refused_as"]) == ("bob", "forbidden")
    assert event.kind == ("caps.change_refused" if path == CAPS else "effects.hold_refused")
    assert told(person.get(CAPS)) == {"caps": []}
    assert told(person.get(EFFECTS))["hold"] is None


@pytest.mark.parametrize("role", ["admin", "owner"])
@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_admins_and_owners_may(person: Person, method: str, path: str, body: Any, role: str) -> None:
    """Either role is enough."""
    assert asked(person.colleague("eve", "editor", role), method, path, body).status_code == 200


def test_a_member_lifts_no_hold(person: Person) -> None:
    """What an admin held stays held; refusals and the hold are counted in one row of events."""
    person.colleague("eve", "admin").post(HOLD)

    refusal(person.knock("DELETE", HOLD), 403)

    assert told(person.get(EFFECTS))["hold"]["by"] == "eve"
    kinds = [event.kind for event in events_of(person.workspace, person.workspace, current_rooms())]
    assert kinds == ["effects.held", "effects.hold_refused"]


@pytest.mark.parametrize("became", ["done", "refused", "again"])
def test_who_could_release_it_may_resolve_it(person: Person, vendor: Vendor, became: str) -> None:
    """The gate's role is asked for: 403 with its name, and an event with the run; then the role says so."""
    gate, effect = doubtful(person, "brand-lead")

    with person.writes_one_event():
        assert "brand-lead" in refusal(resolved(person.colleague("bob", "admin"), effect, became), 403)["detail"]

    assert effects_of(person, gate)[0]["status"] == "unknown"
    last = events_of(gate["run_id"], person.workspace, current_rooms())[-1]
    assert (last.kind, last.payload["by"], last.payload["asked"]) == ("effect.resolution_refused", "bob", became)
    assert resolved(person.colleague("eve", "brand-lead"), effect, became).status_code == 200


def test_an_owner_resolves_anything(person: Person, vendor: Vendor) -> None:
    """As an owner may decide at any gate."""
    gate, effect = doubtful(person, "brand-lead")

    assert told(resolved(person.colleague("zoe", "owner"), effect, "done"))["status"] == "done"
    person.deliver()
    assert run_of(person, gate)["status"] == "succeeded"

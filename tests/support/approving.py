"""Runs that wait for a person: asked about notes that would be pinned to a wall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.doors import RUNS, WORKFLOWS, Person, told

APPROVALS = "/api/dashboard/approvals"
EFFECTS = "/api/dashboard/effects"
HOLD = f"{EFFECTS}/hold"
CAPS = "/api/dashboard/caps"
ANYBODY = "any_workspace_member"
NO_DIGEST = "0" * 64


def pinning(role: str = ANYBODY, **options: Any) -> dict[str, Any]:
    """A workflow that proposes notes, asks, and goes on."""
    gate = {"key": "ask", "agent_name": "approval_gate", "label": "Pin the notes", "depends_on": ["write"]}
    return {
        "slug": "pinning",
        "name": "Pinning",
        "steps": [
            {"key": "write", "agent_name": "proposing", "input_map": {"notes": "brief.pins"}},
            {**gate, "approval_required_by": role, "options": options},
            {"key": "after", "agent_name": "echo", "depends_on": ["ask"], "input_map": {"said": "ask.output.decision"}},
        ],
    }


def run_to_gate(
    person: Person, *pins: str | Mapping[str, Any], role: str = "any_workspace_member", **options: Any
) -> Any:
    """Starts a run, does what comes before the gate, and returns the open approval."""
    answer = person.post(WORKFLOWS, pinning(role, **options))
    assert answer.status_code == 201, answer.text
    pinned = [{"text": pin} if isinstance(pin, str) else dict(pin) for pin in pins or ("one",)]
    run_id = person.run("pinning", fields={"pins": pinned})
    person.deliver()
    (gate,) = told(person.get(f"{APPROVALS}?run_id={run_id}"))["approvals"]
    return gate


def approve(person: Person, gate: Mapping[str, Any], **more: Any) -> Any:
    return person.post(f"{APPROVALS}/{gate['step_id']}/approve", {"digest": gate["digest"], **more})


def reject(person: Person, gate: Mapping[str, Any], **more: Any) -> Any:
    return person.post(f"{APPROVALS}/{gate['step_id']}/reject", {"digest": gate["digest"], **more})


def run_of(person: Person, gate: Mapping[str, Any]) -> Any:
    return told(person.get(f"{RUNS}/{gate['run_id']}"))


def effects_of(person: Person, gate: Mapping[str, Any]) -> Any:
    return told(person.get(f"{RUNS}/{gate['run_id']}/effects"))["effects"]

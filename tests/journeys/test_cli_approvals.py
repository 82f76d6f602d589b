"""Deciding, resolving, holding and proving from the command line."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.drill.until import until
from tests.support.machines import RUNS
from tests.support.terminal import ID, Terminal, one_sentence, usage

LISTINGS = {
    "slug": "listings",
    "name": "Listings",
    "steps": [
        {"key": "write", "agent_name": "listing_optimizer"},
        {
            "key": "ask",
            "agent_name": "approval_gate",
            "label": "Change the listings",
            "depends_on": ["write"],
            "target_output_field": "rewrites",
        },
    ],
}
TWO_GATES = {
    "slug": "two_gates",
    "name": "Two gates",
    "steps": [
        {"key": "read", "agent_name": "account_health"},
        {"key": "left", "agent_name": "approval_gate", "depends_on": ["read"]},
        {"key": "right", "agent_name": "approval_gate", "depends_on": ["read"]},
    ],
}


def waiting(terminal: Terminal, definition: dict[str, Any] = LISTINGS) -> dict[str, Any]:
    """A run that waits for a person, as `army run --json` gives it."""
    terminal.store(definition)
    said = terminal.army(
        "run", definition["slug"], "--handle", "@lakucosmetics", "--target-type", "own_brand", "--json"
    )
    assert said.code == 4, (said.code, said.err)
    run: dict[str, Any] = said.json
    return run


def ended(terminal: Terminal, run_id: str) -> dict[str, Any]:
    """The run after its end, with its effects."""

    def run() -> dict[str, Any] | None:
        found: dict[str, Any] = terminal.api.get(f"{RUNS}/{run_id}", wait="2s")
        return found if found["status"] != "running" else None

    found: dict[str, Any] = until(run, what="the end of the run")
    return {**found, **terminal.api.get(f"{RUNS}/{run_id}/effects")}


def test_a_watched_run_says_what_it_waits_for(terminal: Terminal) -> None:
    """It comes back with exit code 4, and with the command to paste; so does `army show`."""
    terminal.store(LISTINGS)

    said = terminal.army("run", "listings", "--handle", "@lakucosmetics", "--target-type", "own_brand", "--watch")

    assert said.code == 4, said.err
    assert "workflow_step.pending_approval  ask" in said.err
    (command,) = re.findall(r"army approve ([0-9a-f-]{36})", said.out)
    assert "waits for a decision: Change the listings" in said.out
    listed = terminal.army("approvals")
    assert command in listed.out and "Change the listings" in listed.out
    shown = terminal.army("show", ID.findall(said.err)[0])
    assert f"army approve {command}" in shown.out and "it is still running" not in shown.out


def test_approving_by_the_run(terminal: Terminal) -> None:
    """The card first, then the decision; what was released is done, and the books agree."""
    run = waiting(terminal)
    assert [effect["status"] for effect in run["effects"]] == ["proposed"] * len(run["effects"])

    said = terminal.army("approve", run["id"], "--note", "go", "--yes")

    assert said.code == 0, said.err
    for told in (
        "approval  Change the listings",
        "\nrewrites\n",
        "what came before",
        "write: ",
        "update_listing",
        "digest    ",
    ):
        assert told in said.out
    assert f"approved; effects released: {len(run['effects'])}" in said.out
    after = ended(terminal, run["id"])
    assert after["status"] == "succeeded"
    assert {effect["status"] for effect in after["effects"]} == {"done"}
    assert "done" in terminal.army("effects", run["id"]).out
    proof = terminal.army("prove", run["id"])
    assert (proof.code, proof.out.splitlines()[-1]) == (0, f"proved: run {run['id']} (succeeded)")
    assert terminal.army_json("prove", run["id"])["differences"] == []


def test_rejecting_says_why(terminal: Terminal) -> None:
    """The feedback is the run's error; a second decision is told who took the first."""
    run = waiting(terminal)
    step_id = run["approvals"][0]["step_id"]

    said = terminal.army("reject", step_id, "--feedback", "too loud", "--yes")

    assert (said.code, said.out.splitlines()[-1][:8]) == (0, "rejected"), said.err
    assert "rejected by local-user: too loud" in ended(terminal, run["id"])["error_message"]
    again = terminal.army("approve", step_id, "--yes", "--json")
    assert "this was rejected by local-user" in one_sentence(again)
    assert "too loud" in terminal.army("approvals", "--status", "rejected", "--json").out


def test_nobody_decides_by_accident(terminal: Terminal) -> None:
    """Without --yes and with nobody there to ask, or with another digest, nothing is decided."""
    run = waiting(terminal)

    alone = terminal.army("approve", run["id"])
    stale = terminal.army("approve", run["id"], "--yes", "--json", "--digest", "0" * 64)

    assert alone.code == 2 and "say --yes to approve" in alone.err
    assert "the proposal has changed" in one_sentence(stale)
    assert terminal.army_answering("n", "approve", run["id"]).code == 1
    (gate,) = terminal.api.get("/api/dashboard/approvals")["approvals"]
    assert (gate["status"], gate["decisions"]) == ("open", [])
    said = terminal.army_answering("y", "approve", run["id"])
    assert said.code == 0, said.out
    assert ended(terminal, run["id"])["status"] == "succeeded"


def test_several_decisions_of_a_run_are_named(terminal: Terminal) -> None:
    """The run alone is not enough: both steps are told, and are decided in any order."""
    run = waiting(terminal, TWO_GATES)
    left, right = (gate["step_id"] for gate in run["approvals"])

    told = one_sentence(terminal.army("approve", run["id"], "--yes"))

    assert "waits for 2 decisions" in told and left in told and right in told
    for step_id in (right, left):
        assert terminal.army("approve", step_id, "--yes", "--json").code == 0
    assert ended(terminal, run["id"])["status"] == "succeeded"
    nothing = one_sentence(terminal.army("approve", "00000000-0000-4000-8000-000000000000", "--yes"))
    assert "army approvals lists what waits" in nothing


def test_the_hold_is_seen_and_lifted(terminal: Terminal) -> None:
    """Approved under it nothing happens, and the run says why; lifted, it is done."""
    assert "army hold off" in terminal.army("hold", "on", "--reason", "legal is looking").out
    run = waiting(terminal)
    terminal.army("approve", run["id"], "--yes", "--json")

    assert "held back" in terminal.army("show", run["id"]).out
    assert "legal is looking" in terminal.army("effects").out
    assert "by local-user" in terminal.army("hold", "on").out
    assert "effects woken" in terminal.army("hold", "off").out
    assert terminal.army("hold", "off").out == "nothing was held back\n"
    assert "nothing is held back" in terminal.army("hold").out
    assert ended(terminal, run["id"])["status"] == "succeeded"


def test_caps_are_set_and_shown(terminal: Terminal) -> None:
    """Of models and of ads, a day each."""
    assert "no caps" in terminal.army("caps").out

    said = terminal.army("caps", "set", "--day", "20", "--ad-day", "300")

    assert said.code == 0 and "model calls" in said.out and "$300.0000" in said.out
    assert len(terminal.army_json("caps")["caps"]) >= 2
    assert "--day USD" in usage(terminal.army("caps", "set"))
    assert "day: " in one_sentence(terminal.army("caps", "set", "--day", "lots"))


def test_a_signal_is_sent_once(terminal: Terminal) -> None:
    """JSON, or text; the first one of its key counts."""
    assert terminal.army("signal", "crm:7", "--payload", '{"ok": true}').out == "sent to crm:7; steps woken: 0\n"
    assert "was sent to before" in terminal.army("signal", "crm:7", "--payload", "again").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("effects", "nothing"), "'nothing' is not a valid UUID"),
        (("effects", "resolve", "00000000-0000-4000-8000-000000000000", "--as", "maybe", "--note", "n"), "maybe"),
        (("effects", "resolve", "00000000-0000-4000-8000-000000000000", "--as", "done"), "--note"),
        (("approve",), "STEP|RUN"),
        (("approvals", "--status", "maybe"), "maybe"),
    ],
)
def test_a_mistake_is_told(terminal: Terminal, words: tuple[str, ...], told: str) -> None:
    """How it is used, and what was wrong."""
    assert told in usage(terminal.army(*words))


def test_what_is_not_there_is_said(terminal: Terminal) -> None:
    """One sentence for an effect and for a run that this workspace does not have."""
    nowhere = "00000000-0000-4000-8000-000000000000"

    effect = terminal.army("effects", "resolve", nowhere, "--as", "again", "--note", "n")

    assert "no effect" in one_sentence(effect)
    assert "no run" in one_sentence(terminal.army("effects", nowhere))
    assert "no run" in one_sentence(terminal.army("prove", nowhere))

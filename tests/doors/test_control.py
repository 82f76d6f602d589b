"""Run control through the doors: cancel, pause, resume, restart, redrive and fork, and who may not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.support.doors import RUNS, WORKFLOWS, Person, events_in, refusal, told

BROKEN = {
    "slug": "broken",
    "name": "Broken",
    "steps": [
        {"key": "read", "agent_name": "account_health"},
        {"key": "judge", "agent_name": "compliance", "depends_on": ["read"], "input_map": {"notes": "brief.missing"}},
    ],
}
SHORT = {
    "slug": "short",
    "name": "Short",
    "steps": [
        {"key": "read", "agent_name": "account_health"},
        {"key": "judge", "agent_name": "compliance", "depends_on": ["read"]},
    ],
}
BODIES: dict[str, dict[str, Any]] = {
    "cancel": {},
    "pause": {},
    "resume": {},
    "redrive": {},
    "restart": {"from_step": "account_health"},
    "fork": {"from_step": "account_health", "brief": {"notes": "n"}},
}


def failed_run(person: Person) -> str:
    person.post(WORKFLOWS, BROKEN)
    run_id = person.ended_run("broken")
    assert run_of(person, run_id)["status"] == "failed"
    return run_id


def short_run(person: Person) -> str:
    """A run of two steps that succeeded."""
    person.post(WORKFLOWS, SHORT)
    return person.ended_run("short")


def run_of(person: Person, run_id: str) -> Any:
    return told(person.get(f"{RUNS}/{run_id}"))


def test_a_run_is_cancelled(person: Person) -> None:
    """202 with who and why; the stream ends with it, and the queue's tasks find nothing to do."""
    run_id = person.run()

    answer = person.post(f"{RUNS}/{run_id}/cancel", {"reason": "wrong account"})

    assert answer.status_code == 202
    assert (told(answer)["status"], told(answer)["cancel_reason"]) == ("cancelled", "wrong account")
    assert told(answer)["cancelled_by"] == "ada"
    events = events_in(person.get(f"{RUNS}/{run_id}/stream").text)
    assert events[-1]["event"] == "workflow_run.cancelled"
    assert set(person.deliver()) == {"done_before"}


def test_a_run_is_paused_and_resumed(person: Person) -> None:
    """Held, its tasks change nothing; resumed, it runs to its report."""
    run_id = person.run()

    assert told(person.post(f"{RUNS}/{run_id}/pause"))["paused_scope"] == "run"
    assert "succeeded" not in person.deliver()
    assert told(person.post(f"{RUNS}/{run_id}/resume"))["paused_at"] is None
    person.deliver()

    assert run_of(person, run_id)["report_md"]


@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
def test_a_reason_is_optional(person: Person, body: bytes) -> None:
    """Pause, resume and cancel take no body at all; what is sent is still checked."""
    run_id = person.run()

    for what in ("pause", "resume", "cancel"):
        assert person.post(f"{RUNS}/{run_id}/{what}", data=body).status_code in (200, 202), what
    for path in (f"{WORKFLOWS}/profile_audit", "/api/dashboard/workspace"):
        for what in ("pause", "resume"):
            assert person.post(f"{path}/{what}", data=body).status_code == 200, (path, what)
    assert refusal(person.post(f"{RUNS}/{run_id}/cancel", {"why": "x"}), 422)["field"] == "why"
    refusal(person.post(f"{RUNS}/{run_id}/cancel", data=b"["), 400)


@pytest.mark.parametrize("what", ["restart", "redrive", "fork"])
def test_what_costs_money_needs_a_body(person: Person, what: str) -> None:
    """An empty body starts nothing."""
    run_id = person.run()
    person.doors.queue.take(person.workspace)

    with person.writes_nothing():
        refusal(person.post(f"{RUNS}/{run_id}/{what}", data=b""), 400)


@pytest.mark.parametrize(
    ("path", "scope"), [(f"{WORKFLOWS}/profile_audit", "workflow"), ("/api/dashboard/workspace", "workspace")]
)
def test_what_starts_under_a_pause_waits(person: Person, path: str, scope: str) -> None:
    """A paused workflow, or workspace, takes runs and holds them until it is resumed."""
    person.post(f"{path}/pause", {"reason": "prices are wrong"})
    run_id = person.run()

    assert person.deliver() == []
    run = run_of(person, run_id)
    assert (run["paused_scope"], run["pause_reason"]) == (scope, "prices are wrong")
    assert [one["scope"] for one in told(person.get("/api/dashboard/pauses"))["pauses"]] == [scope]
    refusal(person.post(f"{RUNS}/{run_id}/resume"), 409)
    assert told(person.post(f"{path}/resume"))["runs_resumed"] == 1
    person.deliver()
    assert run_of(person, run_id)["status"] == "succeeded"


def test_an_unknown_workflow_is_not_paused(person: Person) -> None:
    """422, and no row."""
    with person.writes_nothing():
        refusal(person.post(f"{WORKFLOWS}/no_such/pause"), 422)


def test_a_failed_run_is_redriven(person: Person) -> None:
    """Estimated first, which writes nothing; then 202 and a new run that begins at what failed."""
    run_id = failed_run(person)
    with person.writes_nothing():
        estimate = told(person.get(f"{RUNS}/{run_id}/redrive-estimate"))

    answer = person.post(f"{RUNS}/{run_id}/redrive", key="k")
    again = person.post(f"{RUNS}/{run_id}/redrive", key="k")

    assert ([one["key"] for one in estimate["steps"]], estimate["taken_over"]) == (["judge"], ["read"])
    assert (answer.status_code, told(answer)["is_new"]) == (202, True)
    assert told(again) == {**told(answer), "is_new": False}
    new = run_of(person, told(answer)["workflow_run_id"])
    assert (new["fork_kind"], new["forked_from_run_id"], new["forked_at_steps"]) == ("redrive", run_id, ["judge"])
    assert [one["status"] for one in new["steps"]] == ["succeeded", "queued"]


def test_failed_runs_are_redriven_by_filter(person: Person) -> None:
    """Those of a workflow and a class of errors; asked again, none is left."""
    run_id = failed_run(person)
    query = "?workflow_slug=broken&error_class=input_unresolved"
    estimate = told(person.get(f"{WORKFLOWS}/redrive-estimate{query}"))
    asked = {"workflow_slug": "broken", "error_class": "input_unresolved"}

    first = told(person.post(f"{WORKFLOWS}/redrive", asked))

    assert [one["workflow_run_id"] for one in estimate["runs"]] == [run_id]
    assert [one["run_id"] for one in first["redriven"]] == [run_id]
    assert told(person.post(f"{WORKFLOWS}/redrive", asked)) == {"redriven": [], "refused": []}
    assert told(person.post(f"{WORKFLOWS}/redrive", {**asked, "error_class": "model_busy"}))["redriven"] == []


def test_only_what_was_estimated_is_redriven(person: Person) -> None:
    """A run that failed after the estimate is left; a run that did not fail is none of them."""
    person.post(WORKFLOWS, BROKEN)
    first = person.ended_run("broken")
    estimate = told(person.get(f"{WORKFLOWS}/redrive-estimate?workflow_slug=broken"))
    later, well = person.ended_run("broken"), short_run(person)
    run_ids = [one["workflow_run_id"] for one in estimate["runs"]]

    done = told(person.post(f"{WORKFLOWS}/redrive", {"run_ids": [*run_ids, well]}))

    assert run_ids == [first]
    assert [one["run_id"] for one in done["redriven"]] == [first]
    left = told(person.get(f"{WORKFLOWS}/redrive-estimate"))["runs"]
    assert [one["workflow_run_id"] for one in left] == [later]
    assert refusal(person.post(f"{WORKFLOWS}/redrive", {"run_ids": []}), 422)["field"] == "run_ids"


def test_a_run_is_restarted_for_what_it_still_costs(person: Person) -> None:
    """From the synthesis on, every call answers from the journal: estimated at nothing, and costing nothing."""
    run_id = person.ended_run()
    estimate = told(person.get(f"{RUNS}/{run_id}/redrive-estimate?from_step=synthesis"))
    fresh = told(person.get(f"{RUNS}/{run_id}/redrive-estimate?from_step=synthesis&fresh=true"))

    new_id = told(person.post(f"{RUNS}/{run_id}/restart", {"from_step": "synthesis"}))["workflow_run_id"]
    person.deliver()

    old, new = run_of(person, run_id), run_of(person, new_id)
    assert Decimal(estimate["estimated_usd"]) == Decimal(new["total_cost_usd"]) == 0
    assert Decimal(fresh["estimated_usd"]) > 0
    assert (new["status"], new["report_md"]) == ("succeeded", old["report_md"])


def test_a_fork_has_its_own_brief(person: Person) -> None:
    """The handle in its one spelling, a further field, and the old run as it was."""
    run_id = person.ended_run(notes="old")
    old = run_of(person, run_id)
    brief = {"handle": "@Nova.Beauty", "notes": None, "fields": {"region": "DE"}}

    answer = person.post(f"{RUNS}/{run_id}/fork", {"from_step": "account_health", "brief": brief})
    person.deliver()

    new = run_of(person, told(answer)["workflow_run_id"])
    assert new["status"] == "succeeded"
    assert (new["brief_jsonb"]["handle"], new["brief_jsonb"]["region"]) == ("nova.beauty", "DE")
    assert "notes" not in new["brief_jsonb"]
    assert run_of(person, run_id) == old


def test_a_fork_asks_one_call_with_another_prompt(person: Person) -> None:
    """From the step that wrote the report: everything before is taken over, its call is asked with the new words, and
    its row in the trace says what has changed."""
    run_id = person.ended_run()
    prompts = {"synthesis": {"report": {"replace": "Write the report as one paragraph."}}}

    answer = person.post(f"{RUNS}/{run_id}/fork", {"from_step": "synthesis", "from_call": "report", "prompts": prompts})
    person.deliver()

    assert answer.status_code == 202, answer.text
    new = run_of(person, told(answer)["workflow_run_id"])
    assert (new["status"], new["forked_at_steps"]) == ("succeeded", ["synthesis:report"])
    (agent_run,) = [one["agent_run_id"] for one in new["steps"] if one["key"] == "synthesis"]
    calls = told(person.get(f"/api/dashboard/agent-runs/{agent_run}/steps"))["steps"]
    (call,) = [one for one in calls if one["kind"] == "llm_call"]
    assert call["outcome"] == "paid"
    assert call["system_prompt"].startswith("Write the report as one paragraph.")
    assert "is now “Write the report as one paragraph." in call["note"]


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("fork", {"from_step": "read", "from_call": "nothing"}, "from_call"),
        ("fork", {"from_step": "read", "from_call": ""}, "from_call"),
        ("fork", {"from_step": "read", "prompts": {"read": {}}}, "prompts.read"),
        ("fork", {"from_step": "read", "prompts": {"read": {"*": {}}}}, "prompts.read.*"),
        ("fork", {"from_step": "read", "prompts": {"read": {"*": {"replace": "\n"}}}}, "prompts.read.*.replace"),
        ("fork", {"from_step": "read", "prompts": {"read": {"*": {"append": "x" * 20_001}}}}, "prompts.read.*.append"),
        ("fork", {"from_step": "read", "prompts": {"nobody": {"*": {"append": "x"}}}}, "prompts.nobody"),
        ("cancel", {"reason": ""}, "reason"),
        ("cancel", {"reason": "x" * 501}, "reason"),
        ("cancel", {"why": "x"}, "why"),
        ("pause", {"reason": 1}, "reason"),
        ("restart", {}, "from_step"),
        ("restart", {"from_step": "nobody"}, "from_step"),
        ("restart", {"from_step": "judge", "fresh": "perhaps"}, "fresh"),
        ("redrive", {"from_step": "judge"}, "from_step"),
        ("fork", {"from_step": "judge"}, "brief"),
        ("fork", {"from_step": "judge", "brief": {"handle": None}}, "brief.handle"),
        ("fork", {"from_step": "judge", "brief": {"handle": "@" * 3}}, "brief.handle"),
        ("fork", {"from_step": "judge", "brief": {"fields": {"handle": "x"}}}, "brief.fields"),
        ("fork", {"from_step": "judge", "brief": {"brand_id": str(uuid4())}}, "brief.brand_id"),
        ("fork", {"from_step": "judge", "options": {"nobody": {"a": 1}}}, "options.nobody"),
        ("fork", {"from_step": "judge", "options": {"read": {"a": 1}}}, "options.read"),
    ],
)
def test_a_wrong_field_is_named(person: Person, action: str, body: dict[str, Any], field: str) -> None:
    """422 with its name, and nothing written."""
    run_id = short_run(person)

    with person.writes_nothing():
        assert refusal(person.post(f"{RUNS}/{run_id}/{action}", body), 422)["field"] == field


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "redrive"])
def test_an_ended_run_is_a_conflict(person: Person, action: str) -> None:
    """409 that says how it ended."""
    run_id = short_run(person)

    with person.writes_nothing():
        assert "succeeded" in refusal(person.post(f"{RUNS}/{run_id}/{action}"), 409)["detail"]


@pytest.mark.parametrize("action", sorted(BODIES))
def test_a_strangers_run_is_not_there(person: Person, stranger: Person, action: str) -> None:
    """404 for a run of another workspace and for one of none, and no row in either."""
    run_id = person.run()
    person.doors.queue.take(person.workspace)

    with person.writes_nothing(), stranger.writes_nothing():
        for one in (run_id, uuid4()):
            refusal(stranger.post(f"{RUNS}/{one}/{action}", BODIES[action]), 404)
        refusal(stranger.get(f"{RUNS}/{run_id}/redrive-estimate"), 404)

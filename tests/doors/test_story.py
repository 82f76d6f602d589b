"""The way of a brief through the doors: handed in, run, read, traced, streamed (B010-B014, C048-C051, X14)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import islice
from typing import Any
from uuid import uuid4

import pytest

from tests.support.doors import AD_HOC, AGENT, BRIEF, BRIEFS, RUN, RUNS, WORKFLOWS, Person, events_in, refusal, told

SEVEN = {
    "account_health",
    "shadowban_sentinel",
    "performance_feedback",
    "audience_mapper",
    "trend_watcher",
    "compliance",
    "synthesis",
}
BROKEN = {
    "slug": "broken",
    "name": "Broken",
    "steps": [{"key": "read", "agent_name": "account_health", "input_map": {"notes": "brief.missing"}}],
}


def test_a_brief_is_kept_as_it_was_meant(person: Person) -> None:
    """201 and its id; the handle in its one spelling, the money exact, everything else as it was sent (B010)."""
    sent = {
        **BRIEF,
        "handle": "@LakuCosmetics",
        "target_type": "own_brand",
        "notes": "شكراً 💄\n\tsecond line",
        "budget_usd": "0.10",
        "fields": {"region": "GB", "freshness_hours": 48, "confidence_threshold": 0.75},
    }

    answer = person.post(BRIEFS, sent)

    assert answer.status_code == 201
    assert told(answer)["status"] == "pending"
    kept = told(person.get(f"{BRIEFS}/{told(answer)['brief_id']}"))
    assert kept["handle"] == "lakucosmetics"
    assert Decimal(kept["budget_usd"]) == Decimal("0.10")
    assert {name: kept[name] for name in ("outcome", "target_type", "notes", "fields")} == {
        name: sent[name] for name in ("outcome", "target_type", "notes", "fields")
    }


@pytest.mark.parametrize(
    ("fields", "field", "allowed"),
    [
        ({"region": "usa"}, "fields.region", "trend_watcher"),
        ({"window_days": "many"}, "fields.window_days", "whole number"),
        ({"nonsense": 1}, "fields.nonsense", "no step of profile_audit takes it; they take: "),
    ],
)
def test_fields_that_no_step_takes_are_refused(
    person: Person, fields: dict[str, Any], field: str, allowed: str
) -> None:
    """What a step would refuse later, after money was spent, is refused before a row is written."""
    with person.writes_nothing():
        of_brief = person.post(BRIEFS, {**BRIEF, "fields": fields})
        ad_hoc = person.post(RUN, {"workflow_slug": "profile_audit", "handle": "a", "fields": fields})

    for answer in (of_brief, ad_hoc):
        assert answer.status_code == 422
        assert told(answer)["field"] == field
        assert allowed in told(answer)["detail"]


def test_a_run_is_answered_at_once(person: Person) -> None:
    """202 with the run and where its stream is; nothing has been done yet, and the brief is dispatched (B011)."""
    brief_id = person.brief(budget_usd=100, notes="n")

    answer = person.post(RUN, {"brief_id": brief_id, "workflow_slug": "profile_audit"})

    assert answer.status_code == 202
    run_id = told(answer)["workflow_run_id"]
    assert told(answer)["stream_url"] == f"{RUNS}/{run_id}/stream"
    run = told(person.get(f"{RUNS}/{run_id}"))
    assert (run["status"], run["steps_open"], run["brief_id"]) == ("running", 7, brief_id)
    assert {step["status"] for step in run["steps"]} == {"queued", "pending"}
    assert told(person.get(f"{BRIEFS}/{brief_id}"))["status"] == "dispatched"


def test_a_stored_brief_and_an_ad_hoc_one_read_the_same(person: Person) -> None:
    """What the steps see of a brief does not depend on whether it was stored before (X14)."""
    fields: dict[str, Any] = {"budget_usd": 100, "notes": "n", "fields": {"region": "GB"}}
    stored = person.post(RUN, {"brief_id": person.brief(**fields), "workflow_slug": "profile_audit"})

    ad_hoc = person.run(**fields)

    seen = [told(person.get(f"{RUNS}/{one}")) for one in (told(stored)["workflow_run_id"], ad_hoc)]
    assert seen[0]["brief_jsonb"] == seen[1]["brief_jsonb"]
    assert seen[1]["brief_jsonb"]["budget_usd"] == "100"
    assert seen[0]["budget_usd"] == seen[1]["budget_usd"] == "100.00000000"
    assert seen[1]["brief_id"] is None


def test_a_run_ends_in_its_report(person: Person) -> None:
    """The queue's tasks, delivered to the executor's door, bring the run to its end (B012)."""
    run_id = person.run()

    outcomes = person.deliver()

    assert set(outcomes) == {"succeeded"}
    run = told(person.get(f"{RUNS}/{run_id}"))
    assert (run["status"], run["steps_open"]) == ("succeeded", 0)
    assert run["report_md"].startswith("# Profile Audit: @lakucosmetics")
    assert {step["key"] for step in run["steps"]} == SEVEN
    spent = [Decimal(cost["cost_usd"]) for cost in run["costs"]]
    assert sum(spent) == Decimal(run["total_cost_usd"]) > 0


def test_a_delivery_that_comes_again_changes_nothing(person: Person) -> None:
    """Every task a second time, and a third: answered, and not a row more."""
    person.run()
    tasks: list[tuple[str, bytes]] = []
    while fresh := person.doors.queue.take(person.workspace):
        tasks += fresh
        for path, body in fresh:
            assert person.post(path, data=body).status_code == 200

    with person.writes_nothing():
        again = [told(person.post(path, data=body))["outcome"] for path, body in tasks * 2]

    assert set(again) == {"done_before"}


def test_the_trace_holds_every_call(person: Person) -> None:
    """Each agent run's calls in order, with whole prompts, answers, tokens and cost (C051)."""
    run_id = person.ended_run(notes="watch the captions")
    runs = told(person.get(f"{RUNS}/{run_id}/agent-runs"))["agent_runs"]

    traces = [told(person.get(f"/api/dashboard/agent-runs/{one['id']}/steps")) for one in runs]

    assert {one["key"] for one in runs} == SEVEN
    for trace in traces:
        assert [call["idx"] for call in trace["steps"]] == list(range(len(trace["steps"])))
        paid = sum((Decimal(call["cost_usd"]) for call in trace["steps"]), Decimal(0))
        assert paid == Decimal(trace["agent_run"]["cost_usd"])
    model_calls = [call for trace in traces for call in trace["steps"] if call["kind"] == "llm_call"]
    assert all(call["system_prompt"] and call["user_prompt"] and call["response_text"] for call in model_calls)
    assert any("watch the captions" in call["user_prompt"] for call in model_calls)
    assert all(call["input_tokens"] and call["output_tokens"] for call in model_calls)


def test_a_trace_is_read_page_by_page(person: Person) -> None:
    """`limit` and `offset` cut the same rows into pages."""
    run_id = person.ended_run()
    first = told(person.get(f"{RUNS}/{run_id}/agent-runs"))["agent_runs"][0]["id"]
    path = f"/api/dashboard/agent-runs/{first}/steps"
    whole = told(person.get(path))["steps"]

    pages = [told(person.get(f"{path}?limit=1&offset={at}"))["steps"] for at in range(len(whole) + 1)]

    assert pages == [*([call] for call in whole), []]
    steps = told(person.get(f"{RUNS}/{run_id}/steps?limit=3&offset=2"))["steps"]
    assert [step["idx"] for step in steps] == [2, 3, 4]


def test_lists_are_newest_first_and_paged(person: Person) -> None:
    """`before` with the last row's time goes on where a page ended, without a gap or a repeat."""
    run_ids = [person.run() for _ in range(5)]
    brief_ids = [person.brief(notes=str(number)) for number in range(5)]

    runs = list(pages_of(person, RUNS, "runs", "started_at"))
    briefs = list(pages_of(person, BRIEFS, "briefs", "created_at"))

    assert [run["id"] for run in runs] == run_ids[::-1]
    assert [brief["id"] for brief in briefs] == brief_ids[::-1]


def pages_of(person: Person, path: str, name: str, time: str) -> Iterator[dict[str, Any]]:
    """All rows of a list, two at a time, as a client reads them."""
    before: dict[str, str] = {}
    while rows := told(person.get(path, query_string={"limit": "2", **before}))[name]:
        yield from rows
        before = {"before": rows[-1][time]}


def test_a_list_is_filtered(person: Person) -> None:
    """By status, and by workflow."""
    person.post(WORKFLOWS, BROKEN)
    good, bad = person.ended_run(), person.ended_run("broken")

    def listed(query: str) -> list[str]:
        return [run["id"] for run in told(person.get(f"{RUNS}?{query}"))["runs"]]

    assert listed("status=succeeded") == [good]
    assert listed("status=failed") == [bad]
    assert listed("status=running") == []
    assert listed("workflow_slug=broken&status=failed") == [bad]
    assert listed("workflow_slug=nothing") == []


def test_one_agent_runs_alone(person: Person) -> None:
    """An agent with its input is a run of one step, with the handle in its one spelling."""
    answer = person.post(AGENT, {"input": {"handle": "@Brand_1", "dataset": "brands.csv", "notes": "n"}})
    person.deliver()

    run = told(person.get(f"{RUNS}/{told(answer)['workflow_run_id']}"))
    assert answer.status_code == 202
    assert run["status"] == "succeeded", run["error_message"]
    assert run["brief_jsonb"]["handle"] == "brand_1"
    (step,) = run["steps"]
    assert (step["key"], step["output_jsonb"]["handle"]) == ("account_health", "brand_1")
    assert step["output_jsonb"]["source"] == "dataset"


def test_a_run_reads_the_dataset_it_names(person: Person) -> None:
    """The report is about the file's account, not about mock data."""
    run_id = person.ended_run(handle="@brand_0", dataset="brands.csv")

    run = told(person.get(f"{RUNS}/{run_id}"))
    assert run["status"] == "succeeded", run["error_message"]
    assert run["report_md"].startswith("# Profile Audit: @brand_0")
    assert "brands.csv" in run["report_md"]


def test_the_catalog_lists_fifteen_agents(person: Person) -> None:
    """Name, purpose, fields and whether it can run yet (B014)."""
    agents = told(person.get("/api/dashboard/agents/catalog"))["agents"]

    assert len(agents) == 15
    assert SEVEN - {"synthesis"} <= {agent["name"] for agent in agents if agent["is_available"]}
    assert all(agent["purpose"] and agent["inputs"] and agent["outputs"] for agent in agents)


def test_the_stream_is_server_sent_events(person: Person) -> None:
    """The right media type and headers; `id`, `event` and `data` of each event; the end ends it (C048, C049)."""
    run_id = person.ended_run()

    answer = person.get(f"{RUNS}/{run_id}/stream")

    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Accel-Buffering"] == "no"
    events = events_in(answer.text)
    assert [event["id"] for event in events] == [str(at) for at in range(1, len(events) + 1)]
    assert [event["event"] for event in events] == [event["data"]["type"] for event in events]
    assert events[0]["event"] == "workflow_run.started"
    assert [event["event"] for event in events[-2:]] == ["workflow_run.report_ready", "workflow_run.completed"]
    assert {event["data"]["run_id"] for event in events} == {run_id}


@pytest.mark.parametrize("by_header", [True, False], ids=["Last-Event-ID", "?after="])
def test_a_stream_is_taken_up_where_it_broke_off(person: Person, by_header: bool) -> None:
    """From any event on the rest comes, no event twice and none missing; after the last one it ends at once."""
    run_id = person.ended_run()
    path = f"{RUNS}/{run_id}/stream"
    whole = events_in(person.get(path).text)

    for seen in (0, 1, len(whole) // 2, len(whole) - 1, len(whole), len(whole) + 100):
        if by_header:
            rest = person.get(path, headers={"Last-Event-ID": str(seen)})
        else:
            rest = person.get(f"{path}?after={seen}")
        assert events_in(rest.text) == whole[seen:]


def test_a_stream_follows_a_run_while_it_goes_on(person: Person) -> None:
    """What has happened comes first, then what happens next, until the event that ends the run (C047)."""
    run_id = person.run()
    stream = person.get(f"{RUNS}/{run_id}/stream", buffered=False)
    parts = stream.iter_encoded()
    first = b"".join(islice(parts, 1)).decode()

    person.deliver()
    rest = b"".join(parts).decode()

    assert [event["event"] for event in events_in(first)] == ["workflow_run.started"]
    events = events_in(first + rest)
    assert [event["id"] for event in events] == [str(at) for at in range(1, len(events) + 1)]
    assert events[-1]["event"] == "workflow_run.completed"


def test_the_stream_of_a_failed_run_ends_too(person: Person) -> None:
    """The last event says that the run failed, and why."""
    person.post(WORKFLOWS, BROKEN)
    run_id = person.ended_run("broken")

    events = events_in(person.get(f"{RUNS}/{run_id}/stream").text)

    assert events[-1]["event"] == "workflow_run.failed"
    assert "brief.missing" in events[-1]["data"]["error"]


def test_a_wait_ends_with_the_run(person: Person) -> None:
    """`?wait=` answers when the run has ended, not when the time is up."""
    run_id = person.run()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(person.get, f"{RUNS}/{run_id}?wait=60s")
        person.deliver()
        answer = waiting.result(timeout=20)

    assert told(answer)["status"] == "succeeded"


@pytest.mark.parametrize("wait", ["0s", "1ms", "50ms"])
def test_a_wait_ends_when_its_time_is_up(person: Person, wait: str) -> None:
    """The run as it stands is the answer: a wait is no error."""
    answer = person.get(f"{RUNS}/{person.run()}?wait={wait}")

    assert (answer.status_code, told(answer)["status"]) == (200, "running")


def test_a_wait_for_nothing_is_not_found(person: Person) -> None:
    """A minute of waiting for a run that does not exist ends at once."""
    assert person.get(f"{RUNS}/{uuid4()}?wait=60s").status_code == 404


def test_steps_are_shown_as_many_as_are_asked_for(person: Person) -> None:
    """`?steps=` bounds a large run's answer; the totals stay."""
    run = told(person.get(f"{RUNS}/{person.run()}?steps=2"))

    assert (len(run["steps"]), run["steps_total"]) == (2, 7)


def test_an_ad_hoc_run_says_who_asked(person: Person) -> None:
    """The run carries the caller and how it was triggered."""
    run = told(person.get(f"{RUNS}/{told(person.post(RUN, AD_HOC))['workflow_run_id']}"))

    assert (run["created_by"], run["trigger_type"]) == ("ada", "api")


def test_a_run_says_how_urgent_it_is(person: Person) -> None:
    """Of a stored brief, ad hoc, or of one agent; normal where nothing is said, and in the list of runs."""
    brief_id = told(person.post(BRIEFS, BRIEF))["brief_id"]
    stored = person.post(RUN, {"workflow_slug": "profile_audit", "brief_id": brief_id, "priority": "high"})
    ad_hoc = person.post(RUN, {**AD_HOC, "priority": "low"})
    agent = person.post(AGENT, {"input": {"handle": "@lakucosmetics"}, "priority": "urgent"})
    plain = person.post(RUN, AD_HOC)

    ids = [told(answer)["workflow_run_id"] for answer in (stored, ad_hoc, agent, plain)]
    shown = [told(person.get(f"{RUNS}/{run_id}"))["priority"] for run_id in ids]

    assert shown == ["high", "low", "urgent", "normal"]
    assert [run["priority"] for run in told(person.get(RUNS))["runs"]] == shown[::-1]


@pytest.mark.parametrize("priority", ["highest", 3, None, ""])
def test_a_priority_is_one_of_four(person: Person, priority: Any) -> None:
    """422 that names the field and what it may be."""
    with person.writes_nothing():
        problem = refusal(person.post(RUN, {**AD_HOC, "priority": priority}), 422)

    assert problem["field"] == "priority"
    assert "urgent" in problem["detail"]


def test_another_priority_is_another_request(person: Person) -> None:
    """Under one idempotency key the same run twice is one, and one that is more urgent is refused."""
    first = person.post(RUN, {**AD_HOC, "priority": "high"}, key="k")

    assert told(person.post(RUN, {**AD_HOC, "priority": "high"}, key="k"))["is_new"] is False
    refusal(person.post(RUN, AD_HOC, key="k"), 409)
    assert first.status_code == 202


def test_a_run_may_be_waited_for(person: Person) -> None:
    """With `?wait`, starting a run answers with how it ended: one request from brief to report."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(person.post, f"{RUN}?wait=60s&steps=1", AD_HOC)
        while not waiting.done():
            person.deliver()
        answer = waiting.result()

    assert answer.status_code == 200
    run = told(answer)["run"]
    assert (run["id"], run["status"]) == (told(answer)["workflow_run_id"], "succeeded")
    assert run["report_md"]
    assert len(run["steps"]) == 1


def test_a_run_that_is_not_over_in_time_goes_on(person: Person) -> None:
    """When the time is up, the answer is 202 with the run as it stands."""
    answer = person.post(f"{RUN}?wait=1ms", AD_HOC)

    assert (answer.status_code, told(answer)["run"]["status"]) == (202, "running")
    assert set(person.deliver()) == {"succeeded"}


@pytest.mark.parametrize("wait", ["soon", "90s", "-1s"])
def test_a_wait_that_is_none_starts_nothing(person: Person, wait: str) -> None:
    """A wait that cannot be read, or is longer than a request may last, is refused before anything is written."""
    before = len(told(person.get(RUNS))["runs"])

    answer = person.post(f"{RUN}?wait={wait}", AD_HOC)

    assert (answer.status_code, told(answer)["field"]) == (422, "wait")
    assert len(told(person.get(RUNS))["runs"]) == before

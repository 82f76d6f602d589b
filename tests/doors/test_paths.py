"""Paths, methods, ids and queries: what is not there is 404, what is wrong is named."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.support.doors import BRIEFS, RUNS, STEP_TASK, WORKFLOWS, Doors, Person, refusal

NOWHERE = UUID("3f0c1a52-7d1e-4b7a-9a55-0d6f2f6c1e11")
CATALOG = "/api/dashboard/agents/catalog"
ID_PATHS = [
    (f"{RUNS}/{{}}", "run_id"),
    (f"{RUNS}/{{}}/steps", "run_id"),
    (f"{RUNS}/{{}}/stream", "run_id"),
    (f"{RUNS}/{{}}/agent-runs", "run_id"),
    ("/api/dashboard/agent-runs/{}/steps", "agent_run_id"),
    (f"{BRIEFS}/{{}}", "brief_id"),
    ("/api/dashboard/approvals/{}", "step_id"),
    (f"{RUNS}/{{}}/effects", "run_id"),
]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/",
        "/api/dashboard",
        "/api/dashboard/nothing",
        "/API/DASHBOARD/BRIEFS",
        f"{RUNS}x",
        f"{RUNS}/{NOWHERE}/nothing",
        f"{RUNS}/{NOWHERE}/steps/1",
        "/api//dashboard/briefs",
        "/api/dashboard//workflows/runs",
        "/api/dashboard/./briefs",
        "/api/dashboard/briefs%00",
        "/tasks/",
        "/tasks/step/x",
        "/.env",
        "/api/%ff%fe",
        "/api/%F0%9F%92%84",
        "/api/dashboard/agents//run",
        "/" + "x" * 4000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_not_found(person: Person, method: str, path: str) -> None:
    """404 as a problem document, with the path quoted in plain ASCII and not at any length."""
    with person.writes_nothing():
        answer = person.knock(method, path)

    assert refusal(answer, 404)["title"] == "not_found"
    assert answer.data.isascii()
    assert len(answer.data) < 400


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (BRIEFS, "GET, POST"),
        (WORKFLOWS, "GET, POST"),
        (f"{BRIEFS}/{NOWHERE}", "GET"),
        (RUNS, "GET"),
        (f"{RUNS}/{NOWHERE}/stream", "GET"),
        (CATALOG, "GET"),
        (STEP_TASK, "POST"),
        ("/tasks/sweep", "POST"),
        ("/api/dashboard/workflows/run", "POST"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_wrong_method_is_told_the_right_ones(person: Person, method: str, path: str, allowed: str) -> None:
    """405 and what the path takes."""
    with person.writes_nothing():
        answer = person.knock(method, path)

    assert refusal(answer, 405)["detail"] == f"this path takes {allowed}"


@pytest.mark.parametrize("path", [BRIEFS, RUNS, WORKFLOWS, CATALOG])
def test_head_is_get_without_the_body(person: Person, path: str) -> None:
    """HEAD answers as GET would, and sends nothing."""
    answer = person.knock("HEAD", path)

    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize(("path", "field"), ID_PATHS)
@pytest.mark.parametrize("text", ["1", "x", "null", "%00", f"{NOWHERE}0", f"{NOWHERE}'--", "%F0%9F%92%84", "-" * 36])
def test_an_id_must_be_an_id(person: Person, path: str, field: str, text: str) -> None:
    """422 with the id's name for whatever is no UUID."""
    assert refusal(person.get(path.format(text)), 422)["field"] == field


@pytest.mark.parametrize(("path", "field"), ID_PATHS)
def test_an_unknown_id_is_not_found(person: Person, path: str, field: str) -> None:
    """404 wherever an id is asked for that nothing has: an empty list would read as 'nothing yet'."""
    assert refusal(person.get(path.format(NOWHERE)), 404)["detail"].startswith(f"{field}: there is no ")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        *((f"{path}?limit={text}", "limit") for path in (BRIEFS, RUNS) for text in ("0", "-1", "201", "x", "", "1.5")),
        (f"{RUNS}?limit={'9' * 40}", "limit"),
        (f"{RUNS}?limit=%EF%BC%95%EF%BC%90%EF%BC%90", "limit"),
        *((f"{path}?before={text}", "before") for path in (BRIEFS, RUNS) for text in ("x", "", "1e10", "nan", "-inf")),
        (f"{RUNS}?before=0001-01-01T00:00:00%2B23:59", "before"),
        (f"{RUNS}?before=9999-12-31T23:59:59-23:59", "before"),
        (f"{RUNS}?before={'9' * 20}", "before"),
        (f"{RUNS}?status=done", "status"),
        (f"{RUNS}?status=", "status"),
        (f"{RUNS}?workflow_slug=%00", "workflow_slug"),
        (f"{RUNS}?workflow_slug=A", "workflow_slug"),
        (f"{RUNS}?colour=red", "colour"),
        (f"{RUNS}?limit=1&limit=2", "limit"),
        (f"{CATALOG}?limit=1", "limit"),
        (f"{WORKFLOWS}?limit=1", "limit"),
        *((f"{RUNS}/{NOWHERE}?wait={text}", "wait") for text in ("", "30", "61s", "60001ms", "-1s", "1m", "1.5s", "s")),
        (f"{RUNS}/{NOWHERE}?wait=%D9%A3s", "wait"),
        (f"{RUNS}/{NOWHERE}?wait={'9' * 400}s", "wait"),
        (f"{RUNS}/{NOWHERE}?steps=1001", "steps"),
        (f"{RUNS}/{NOWHERE}?steps=-1", "steps"),
        (f"{RUNS}/{NOWHERE}/steps?offset=-1", "offset"),
        (f"{RUNS}/{NOWHERE}/steps?offset=1000001", "offset"),
        (f"{RUNS}/{NOWHERE}/steps?limit=1001", "limit"),
        (f"{RUNS}/{NOWHERE}/stream?after=-1", "after"),
        (f"{RUNS}/{NOWHERE}/stream?after={'9' * 12}", "after"),
        (f"{RUNS}/{NOWHERE}/stream?after=x", "after"),
        (f"/api/dashboard/agent-runs/{NOWHERE}/steps?limit=0", "limit"),
    ],
)
def test_a_wrong_query_is_named(person: Person, path: str, field: str) -> None:
    """422 with the name of what is wrong in the query: too large, twice, unknown, or no such thing."""
    assert refusal(person.get(path), 422)["field"] == field


@pytest.mark.parametrize("query", ["%00=1", "a%00=1", "limit=%00", "before=%00", "=1"])
def test_a_nul_in_a_query_is_refused(person: Person, query: str) -> None:
    """Neither a name nor a value may hold what no text may hold."""
    refusal(person.get(f"{RUNS}?{query}"), 422)


@pytest.mark.parametrize("text", ["", " ", "x", "-1", "1.0", "1e3", "0x1", "9" * 10, "\xb2", "+1", "1,2"])
def test_a_wrong_last_event_id_is_named(person: Person, text: str) -> None:
    """422: an id that no stream of ours has sent."""
    answer = person.get(f"{RUNS}/{person.run()}/stream", headers={"Last-Event-ID": text})

    assert refusal(answer, 422)["field"] == "Last-Event-ID"


@pytest.mark.parametrize("text", ["2026-11-01", "2026-11-01T10:00:00", "2026-11-01T10:00:00Z", "1700000000"])
def test_a_time_is_read_as_people_write_it(person: Person, text: str) -> None:
    """A date, a time with or without a zone, or seconds since 1970."""
    assert person.get(f"{RUNS}?before={text}").status_code == 200


def test_a_path_without_a_token_tells_nothing(doors: Doors) -> None:
    """What exists is only for those who may ask: an id of nothing and one of something read the same."""
    run_id = doors.person(uuid4()).run()

    answers = {doors.knock("GET", f"{RUNS}/{one}").data for one in (run_id, NOWHERE)}

    assert len(answers) == 1

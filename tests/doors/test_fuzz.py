"""Whatever is sent: an answer below 500, a problem document for each refusal, and no row for what was refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.support.doors import (
    AD_HOC,
    AGENT,
    APPROVE,
    BRAND,
    BRANDS,
    BRIEF,
    BRIEFS,
    PLAN_ASSETS,
    POSTS,
    PROBLEM,
    RUN,
    RUNS,
    SIGNALS,
    STEP_TASK,
    WORKFLOWS,
    Doors,
    Person,
    check_wording,
)

bounded = settings(
    derandomize=True,
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NOWHERE = "00000000-0000-4000-8000-000000000000"
WORDS = ["handle", "notes", "a", "profile_audit", "account_health", "brief.notes", "1", "-1", "1e999", "NaN", "../x"]
NASTY = ["\x00", "\ud800", "\u202e", "\uffff", "'", '"', "\\", "%s", "{{", "}}", "<b>", "💄", "\r\n", "x" * 300]
TEXTS = st.one_of(st.sampled_from(WORDS + NASTY), st.text(max_size=20))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 5e-324, -0.0]),
    TEXTS,
    st.uuids().map(str),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)
FIELDS = [
    "handle",
    "target_type",
    "notes",
    "brand_id",
    "dataset",
    "budget_usd",
    "fields",
    "outcome",
    "workflow_slug",
    "brief_id",
    "input",
    "slug",
    "name",
    "description",
    "steps",
    "version",
    "workspace_id",
    "run_id",
    "step_id",
    "voice",
    "guidelines",
    "banned_terms",
    "digest",
    "note",
    "up_to_usd",
    "key",
    "payload",
    "brief",
]
GOOD: dict[str, dict[str, Any]] = {
    BRANDS: BRAND,
    BRIEFS: {**BRIEF, "notes": "n", "budget_usd": "1", "fields": {"a": 1}},
    RUN: AD_HOC,
    AGENT: {"input": {"handle": "a", "notes": "n"}},
    WORKFLOWS: {
        "slug": "two",
        "name": "Two",
        "description": "d",
        "version": 1,
        "steps": [
            {"key": "a", "agent_name": "account_health", "label": "A", "options": {"notes": "n"}},
            {"key": "b", "agent_name": "synthesis", "depends_on": ["a"], "input_map": {"x": "a.output.status"}},
        ],
    },
    PLAN_ASSETS: {"brand_id": NOWHERE, "brief": {"goal": "g", "handle": "a", "products": [{"name": "n"}]}},
    SIGNALS: {"key": "a", "payload": {"b": [1]}},
    APPROVE: {"digest": "0" * 64, "note": "n", "up_to_usd": "1"},
    STEP_TASK: {"workspace_id": NOWHERE, "run_id": NOWHERE, "step_id": NOWHERE},
}
READS = [
    RUNS,
    f"{RUNS}/{NOWHERE}",
    f"{RUNS}/{NOWHERE}/steps",
    f"{RUNS}/{NOWHERE}/stream",
    f"{RUNS}/{NOWHERE}/agent-runs",
    f"/api/dashboard/agent-runs/{NOWHERE}/steps",
    "/api/dashboard/agents/catalog",
    "/api/dashboard/approvals",
    f"/api/dashboard/approvals/{NOWHERE}",
    "/api/dashboard/effects",
    f"{RUNS}/{NOWHERE}/effects",
    "/api/dashboard/ad-spend",
    "/api/dashboard/caps",
    BRANDS,
    f"{BRANDS}/{NOWHERE}",
    BRIEFS,
    f"{BRIEFS}/{NOWHERE}",
    WORKFLOWS,
]
QUERY_NAMES = ["limit", "offset", "before", "status", "workflow_slug", "wait", "steps", "after", "since", "run_id"]


@pytest.fixture
def fuzzed(doors: Doors) -> Person:
    """One user for all examples of a test: what was written before must not matter."""
    return doors.person(uuid4())


def check(answer: TestResponse) -> None:
    assert answer.status_code < 500, answer.text[:300]
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.mimetype == PROBLEM
        assert json.loads(answer.data)["status"] == answer.status_code
        check_wording(json.loads(answer.data))


def check_post(person: Person, path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    before = person.doors.rows.of(person.workspace)
    answer = person.post(path, data=body, headers=headers or {})
    check(answer)
    if answer.status_code >= 400:
        assert person.doors.rows.of(person.workspace) == before


def as_body(value: Any) -> bytes:
    """JSON as careless programs write it: NaN, Infinity and lone surrogates included."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("path", POSTS)
@bounded
@given(body=st.dictionaries(st.one_of(st.sampled_from(FIELDS), TEXTS), VALUES, max_size=6))
def test_any_object(fuzzed: Person, path: str, body: dict[str, Any]) -> None:
    """Objects with the doors' own field names and others, of any value."""
    check_post(fuzzed, path, as_body(body))


@pytest.mark.parametrize("path", POSTS)
@bounded
@given(data=st.data())
def test_a_good_request_with_one_thing_changed(fuzzed: Person, path: str, data: st.DataObject) -> None:
    """What is right but for one place, at any depth: a value replaced, a name added, a part left out."""
    body = json.loads(json.dumps(GOOD[path]))
    changed = data.draw(st.sampled_from(list(places(body))), label="place")
    change(body, changed, data.draw(st.sampled_from(["replace", "add", "drop"]), label="how"), data.draw(VALUES))

    check_post(fuzzed, path, as_body(body))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything below a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in [(*path, key), *places(item, (*path, key))]]


def change(body: Any, path: tuple[Any, ...], how: str, value: Any) -> None:
    for key in path[:-1]:
        body = body[key]
    if how == "drop":
        del body[path[-1]]
    elif how == "add" and isinstance(body, dict):
        body[f"{path[-1]}_"] = value
    else:
        body[path[-1]] = value


@pytest.mark.parametrize("path", POSTS)
@bounded
@given(body=st.binary(max_size=200))
def test_any_bytes(fuzzed: Person, path: str, body: bytes) -> None:
    """Bodies that are no JSON at all, or by chance."""
    check_post(fuzzed, path, body)


@bounded
@given(
    path=st.sampled_from(READS),
    query=st.lists(st.tuples(st.one_of(st.sampled_from(QUERY_NAMES), TEXTS), TEXTS), max_size=3),
)
def test_any_query(fuzzed: Person, path: str, query: list[tuple[str, str]]) -> None:
    """Any names and values behind any path that reads."""
    asked = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in query)

    check(fuzzed.get(f"{path}?{asked}"))


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"))


@bounded
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
    path=st.lists(
        st.one_of(st.sampled_from(["api", "dashboard", "workflows", "runs", "run", "briefs", "tasks", "step"]), TEXTS),
        max_size=6,
    ),
)
def test_any_path(fuzzed: Person, method: str, path: list[str]) -> None:
    """Any path, made of the doors' own words and others. One with a line break ends at functions-framework itself."""
    raw = "/".join(["", *path]).replace("\r", "").replace("\n", "").encode("utf-8", "surrogatepass")

    check(fuzzed.knock(method, "/", environ_overrides={"PATH_INFO": raw.decode("latin-1")}))


@bounded
@given(
    key=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=220),
    last=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12),
    authorization=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
)
def test_any_headers(fuzzed: Person, key: str, last: str, authorization: str) -> None:
    """Headers may hold any character of Latin-1."""
    check_post(fuzzed, BRIEFS, as_body(BRIEF), {"Idempotency-Key": key})
    check(fuzzed.get(f"{RUNS}/{NOWHERE}/stream", headers={"Last-Event-ID": last}))
    check(fuzzed.doors.knock("GET", BRIEFS, headers={"Authorization": authorization}))
    check(fuzzed.doors.knock("GET", BRIEFS, headers={"Authorization": f"Bearer {authorization}"}))


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of jmespath, for literals in the old spelling
@bounded
@given(
    path=st.one_of(
        st.text("brief.a[]{}()*?@&|!<>=`'\"\\,:1- \n", max_size=30).map(lambda rest: f"brief.{rest}"),
        st.text("{} .abstep12@[]*`\"'", max_size=30),
        TEXTS,
    )
)
def test_any_input_path(fuzzed: Person, path: str) -> None:
    """A definition's paths may be any text: read, or refused with the step's name."""
    steps = [{"key": "a", "agent_name": "account_health", "input_map": {"notes": path}}]
    slug = f"s{uuid5(UUID(NOWHERE), quoted(path)).hex}"

    check_post(fuzzed, WORKFLOWS, as_body({"slug": slug, "name": "S", "steps": steps}))

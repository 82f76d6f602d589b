"""The same key and body give the first answer; another body under the key is refused. Nothing happens twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.doors import AD_HOC, AGENT, BRAND, BRANDS, BRIEF, BRIEFS, RUN, RUNS, Person, refusal, told

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (BRIEFS, BRIEF, {**BRIEF, "notes": "other"}, "brief_id"),
    (BRANDS, BRAND, {**BRAND, "voice": "Loud."}, "brand_id"),
    (RUN, AD_HOC, {**AD_HOC, "handle": "@other"}, "workflow_run_id"),
    (AGENT, {"input": {"handle": "a"}}, {"input": {"handle": "b"}}, "workflow_run_id"),
]
EACH = pytest.mark.parametrize(("path", "body", "other", "name"), CASES, ids=["brief", "brand", "run", "agent run"])


@EACH
def test_the_same_again_is_the_first_answer(
    person: Person, path: str, body: dict[str, Any], other: dict[str, Any], name: str
) -> None:
    """Asking again writes nothing, wakes nothing, and gives the id of the first time."""
    first = person.post(path, body, key="k")
    person.doors.queue.take(person.workspace)

    with person.writes_nothing():
        again = [person.post(path, body, key="k") for _ in range(3)]

    assert {told(answer)[name] for answer in again} == {told(first)[name]}
    assert {answer.status_code for answer in again} == {200 if path in (BRIEFS, BRANDS) else 202}


@EACH
def test_another_body_under_the_key_is_refused(
    person: Person, path: str, body: dict[str, Any], other: dict[str, Any], name: str
) -> None:
    """409 that names the header: a key stands for one request."""
    person.post(path, body, key="k")
    person.doors.queue.take(person.workspace)

    with person.writes_nothing():
        problem = refusal(person.post(path, other, key="k"), 409)

    assert problem["field"] == "Idempotency-Key"
    assert problem["detail"] == "Idempotency-Key: was used before, with another request"


@EACH
def test_without_a_key_each_request_is_its_own(
    person: Person, path: str, body: dict[str, Any], other: dict[str, Any], name: str
) -> None:
    """The same body twice without a key is two things."""
    ids = {told(person.post(path, body))[name] for _ in range(2)}

    assert len(ids) == 2


@EACH
def test_a_key_belongs_to_its_workspace(
    person: Person, stranger: Person, path: str, body: dict[str, Any], other: dict[str, Any], name: str
) -> None:
    """Two workspaces may use the same key without meeting."""
    mine, theirs = person.post(path, body, key="k"), stranger.post(path, other, key="k")

    assert told(mine)[name] != told(theirs)[name]


@EACH
def test_many_at_once_are_one(
    person: Person, path: str, body: dict[str, Any], other: dict[str, Any], name: str
) -> None:
    """Eight requests at the same moment under one key: one thing is made, and all are told its id."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: person.post(path, body, key="k"), range(8)))

    assert {answer.status_code for answer in answers} <= {200, 201, 202}
    assert len({told(answer)[name] for answer in answers}) == 1
    table = {BRIEFS: "tiktok_briefs", BRANDS: "tiktok_brands"}.get(path, "tiktok_workflow_runs")
    assert person.doors.rows.of(person.workspace)[table] == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "a\x7f", "\x85", "\xa0"])
@pytest.mark.parametrize("path", [BRIEFS, BRANDS, RUN, AGENT])
def test_a_bad_key_is_named(person: Person, path: str, key: str) -> None:
    """1 to 200 printable characters; nothing is written under another."""
    body = {BRIEFS: BRIEF, BRANDS: BRAND, RUN: AD_HOC, AGENT: {"input": {"handle": "a"}}}[path]

    with person.writes_nothing():
        problem = refusal(person.post(path, body, key=key), 422)

    assert problem["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["k", "x" * 200, "' or 1=1 --", "caf\xe9", "{}"])
def test_a_key_may_be_any_printable_text(person: Person, key: str) -> None:
    """A key is a text like any other: it is compared, never read."""
    ids = {told(person.post(BRIEFS, BRIEF, key=key))["brief_id"] for _ in range(2)}

    assert len(ids) == 1


def test_a_refused_request_uses_up_no_key(person: Person) -> None:
    """After a mistake the same key is still free for the request as it was meant."""
    refusal(person.post(RUN, {**AD_HOC, "handle": "a b"}, key="k"), 422)

    assert person.post(RUN, AD_HOC, key="k").status_code == 202


def test_a_run_and_an_agent_run_share_their_keys(person: Person) -> None:
    """Both are runs: a key of one is taken for the other."""
    person.post(RUN, AD_HOC, key="k")

    refusal(person.post(AGENT, {"input": {"handle": "a"}}, key="k"), 409)


def test_the_first_answer_holds_after_the_run_has_ended(person: Person) -> None:
    """A client that asks again an hour later gets the run it started, whatever became of it."""
    first = told(person.post(RUN, AD_HOC, key="k"))
    person.deliver()

    again = told(person.post(RUN, AD_HOC, key="k"))

    assert (again["workflow_run_id"], again["is_new"]) == (first["workflow_run_id"], False)
    assert told(person.get(f"{RUNS}/{again['workflow_run_id']}"))["status"] == "succeeded"

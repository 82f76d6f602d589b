"""Wrong fields, door by door: each refusal names the field, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.config import use_settings
from shared.store.session import current_store
from tests.support.doors import AD_HOC, AGENT, BRIEF, BRIEFS, RUN, STEP_TASK, Doors, Person, refusal, told

SUBJECT: list[tuple[dict[str, Any], str]] = [
    ({"handle": 5}, "handle"),
    ({"handle": True}, "handle"),
    ({"handle": ["lakucosmetics"]}, "handle"),
    ({"handle": {"name": "lakucosmetics"}}, "handle"),
    ({"handle": ""}, "handle"),
    ({"handle": "@"}, "handle"),
    ({"handle": "a b"}, "handle"),
    ({"handle": "a/../b"}, "handle"),
    ({"handle": "x" * 66}, "handle"),
    ({"handle": "\u202elakucosmetics"}, "handle"),
    ({"target_type": "friend"}, "target_type"),
    ({"target_type": 1}, "target_type"),
    ({"target_type": None}, "target_type"),
    ({"notes": 5}, "notes"),
    ({"notes": ["n"]}, "notes"),
    ({"notes": "x" * 10_001}, "notes"),
    ({"brand_id": "x"}, "brand_id"),
    ({"brand_id": 5}, "brand_id"),
    ({"brand_id": str(uuid4())}, "brand_id"),
    ({"budget_usd": -1}, "budget_usd"),
    ({"budget_usd": "-0.01"}, "budget_usd"),
    ({"budget_usd": "NaN"}, "budget_usd"),
    ({"budget_usd": "sNaN"}, "budget_usd"),
    ({"budget_usd": "Infinity"}, "budget_usd"),
    ({"budget_usd": "1e999"}, "budget_usd"),
    ({"budget_usd": "1e-999999999"}, "budget_usd"),
    ({"budget_usd": 0.0000001}, "budget_usd"),
    ({"budget_usd": "1.0000001"}, "budget_usd"),
    ({"budget_usd": 10_000_000}, "budget_usd"),
    ({"budget_usd": 10**400}, "budget_usd"),
    ({"budget_usd": True}, "budget_usd"),
    ({"budget_usd": []}, "budget_usd"),
    ({"budget_usd": "ten"}, "budget_usd"),
    ({"budget_usd": ""}, "budget_usd"),
    ({"dataset": 5}, "dataset"),
    ({"dataset": ""}, "dataset"),
    ({"dataset": "nope.csv"}, "dataset"),
    ({"dataset": "brands.csv"}, "handle"),
    ({"dataset": "brands.csv", "handle": "brand_7"}, "handle"),
    ({"fields": []}, "fields"),
    ({"fields": "a=1"}, "fields"),
    ({"fields": {"Colour": 1}}, "fields"),
    ({"fields": {"colour\n": 1}}, "fields"),
    ({"fields": {"": 1}}, "fields"),
    ({"fields": {"x" * 65: 1}}, "fields"),
    ({"fields": {"handle": "other"}}, "fields"),
    ({"fields": {"brief": 1}}, "fields"),
    ({"fields": {f"field_{number}": 1 for number in range(51)}}, "fields"),
    ({"colour": "red"}, "colour"),
    ({"workspace_id": str(uuid4())}, "workspace_id"),
    ({"created_by": "somebody else"}, "created_by"),
    ({"status": "dispatched"}, "status"),
]
UNKEEPABLE: list[tuple[dict[str, Any], str]] = [
    ({"notes": "a\x00b"}, "notes"),
    ({"notes": "\ud800"}, "notes"),
    ({"handle": "a\x00"}, "handle"),
    ({"fields": {"a": [1, {"b": "\udfff"}]}}, "fields.a.1.b"),
    ({"fields": {"a": [0, "\x00"]}}, "fields.a.1"),
    ({"fields": {"a\x00": 1}}, "fields.'a\\x00'"),
    ({"fields": {"\ud800": 1}}, "fields.'\\ud800'"),
    ({"fields": {"a": 10.0**308 * 10}}, ""),  # json.dumps writes Infinity, which is no JSON
]
NAMES_OF_OTHER_FILES = [
    "../secret.csv",
    "..\\secret.csv",
    "./brands.csv",
    "/etc/passwd",
    "/etc/passwd.csv",
    "file:///etc/passwd.csv",
    "brands.csv/../../secret.csv",
    "....//secret.csv",
    "..%2fsecret.csv",
    "%2e%2e%2fsecret.csv",
    "\uff0e\uff0e\uff0fsecret.csv",
    "\u2024\u2024/secret.csv",
    "~/secret.csv",
    "$HOME/secret.csv",
    ".hidden.csv",
    "brands.csv ",
    " brands.csv",
    "BRANDS.CSV",
    "brands.csv\n",
    "brands.csv\t.csv",
    "brands.csv::$DATA",
    "link.csv",
    "datasets",
    "brands",
    "*.csv",
    "x" * 252 + ".csv",
    "CON.csv",
    "\u202ebrands.csv",
]


@pytest.mark.parametrize(("wrong", "field"), SUBJECT + UNKEEPABLE)
def test_a_wrong_field_of_a_brief_is_named(person: Person, wrong: dict[str, Any], field: str) -> None:
    """422 with the field, for every field that a brief has and some that it has not."""
    with person.writes_nothing():
        answer = person.post(BRIEFS, {**BRIEF, **wrong})

    check_named(answer, field)


@pytest.mark.parametrize(("wrong", "field"), SUBJECT + UNKEEPABLE)
def test_a_wrong_field_of_an_ad_hoc_run_is_named(person: Person, wrong: dict[str, Any], field: str) -> None:
    """A run without a stored brief is checked as the brief would be."""
    with person.writes_nothing():
        answer = person.post(RUN, {**AD_HOC, **wrong})

    check_named(answer, field)


def check_named(answer: Any, field: str) -> None:
    problem = refusal(answer, 422 if field else 400)
    if field:
        assert problem["field"] == field
        assert problem["detail"].startswith(f"{field}: ")
    assert "pydantic" not in answer.text and "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"outcome": "nope"}, "outcome"),
        ({"outcome": "Profile-Audit"}, "outcome"),
        ({"outcome": "profile_audit\n"}, "outcome"),
        ({"outcome": "x" * 65}, "outcome"),
        ({"outcome": ""}, "outcome"),
        ({"outcome": 5}, "outcome"),
        ({"outcome": None}, "outcome"),
        ({"outcome": "account_health"}, "outcome"),
    ],
)
def test_a_brief_for_no_workflow_is_refused(person: Person, wrong: dict[str, Any], field: str) -> None:
    """An outcome is the slug of a workflow that there is; an agent's name is none."""
    with person.writes_nothing():
        check_named(person.post(BRIEFS, {**BRIEF, **wrong}), field)


def test_every_wrong_field_is_listed(person: Person) -> None:
    """The first wrong field is the problem's; the others stand beside it, at most twenty of them."""
    problem = refusal(person.post(BRIEFS, {"notes": 5, "target_type": "x", "colour": 1}), 422)
    assert {error["field"] for error in problem["errors"]} == {"handle", "notes", "target_type", "colour"}

    answer = person.post(BRIEFS, {f"field_{number}": 1 for number in range(20_000)})
    assert len(refusal(answer, 422)["errors"]) == 20
    assert len(answer.data) < 5_000


def test_a_huge_name_is_not_given_back_whole(person: Person) -> None:
    """What is refused is quoted shortly: an error is never as long as the mistake."""
    answer = person.post(BRIEFS, {**BRIEF, "x" * 500_000: 1})

    refusal(answer, 422)
    assert len(answer.data) < 2_000


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "workflow_slug"),
        ({"workflow_slug": "profile_audit"}, "brief_id"),
        ({"workflow_slug": "nope", "handle": "a"}, "workflow_slug"),
        ({"workflow_slug": ["profile_audit"], "handle": "a"}, "workflow_slug"),
        ({"workflow_slug": "", "handle": "a"}, "workflow_slug"),
        ({"workflow_slug": "profile_audit", "brief_id": "1"}, "brief_id"),
        ({"workflow_slug": "profile_audit", "brief_id": 1}, "brief_id"),
        ({"workflow_slug": "profile_audit", "brief_id": str(uuid4()), "handle": "a"}, "handle"),
        ({"workflow_slug": "profile_audit", "brief_id": str(uuid4()), "notes": "n"}, "notes"),
        ({"workflow_slug": "nope", "brief_id": str(uuid4())}, "workflow_slug"),
    ],
)
def test_a_wrong_run_is_refused(person: Person, asked: dict[str, Any], field: str) -> None:
    """A run needs a workflow, and either a brief or a handle: never neither, never both."""
    with person.writes_nothing():
        check_named(person.post(RUN, asked), field)


def test_a_run_of_an_unknown_brief_is_refused(person: Person, stranger: Person) -> None:
    """No such brief, or one of another workspace: 404 both times, in the same words."""
    foreign, unknown = stranger.brief(), str(uuid4())

    with person.writes_nothing():
        told_of = [
            refusal(person.post(RUN, {"workflow_slug": "profile_audit", "brief_id": brief_id}), 404)
            for brief_id in (foreign, unknown)
        ]

    assert [one["field"] for one in told_of] == ["brief_id", "brief_id"]
    assert [one["detail"] for one in told_of] == [
        f"brief_id: there is no brief {brief_id} in this workspace" for brief_id in (foreign, unknown)
    ]


@pytest.mark.parametrize("path", [BRIEFS, RUN, AGENT])
@pytest.mark.parametrize("name", NAMES_OF_OTHER_FILES)
def test_a_dataset_is_a_file_of_its_folder(person: Person, datasets: Path, path: str, name: str) -> None:
    """No spelling leads to another file, and no refusal tells where the folder is or what the file says."""
    body: dict[str, Any] = {"handle": "brand_0", "dataset": name}
    asked = {BRIEFS: body, RUN: {**AD_HOC, **body}, AGENT: {"input": body}}[path]

    with person.writes_nothing():
        answer = person.post(path, asked)

    assert refusal(answer, 422)["field"] == ("input.dataset" if path == AGENT else "dataset")
    assert str(datasets.parent) not in answer.text
    assert "nobody may read" not in answer.text


def test_a_dataset_where_there_are_none_is_refused(doors: Doors, tmp_path: Path) -> None:
    """With an empty folder a named file is the caller's mistake, not ours."""
    use_settings(doors.settings.model_copy(update={"tiktok_dataset": tmp_path}))
    person = doors.person(uuid4())
    try:
        with person.writes_nothing():
            problem = refusal(person.post(BRIEFS, {**BRIEF, "dataset": "brands.csv"}), 422)
    finally:
        current_store().close()
        use_settings(doors.settings)

    assert problem["field"] == "dataset"
    assert "TIKTOK_DATASET" not in problem["detail"]


@pytest.mark.parametrize(
    "name", ["nope", "synthesis", "approval_gate", "Account_Health", "..", "%00", "account health"]
)
def test_an_unknown_agent_is_refused(person: Person, name: str) -> None:
    """404 with the names there are. The sentinels of a workflow are no agents that run alone."""
    with person.writes_nothing():
        problem = refusal(person.post(f"/api/dashboard/agents/{name}/run", {"input": {"handle": "a"}}), 404)

    if name != "..":
        assert "account_health" in problem["detail"]
        assert problem["field"] == "name"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"input": {}}, "input.handle"),
        ({"input": {"handle": None}}, "input.handle"),
        ({"input": {"handle": " "}}, "input.handle"),
        ({"input": {"handle": "a b"}}, "input.handle"),
        ({"input": {"handle": 5}}, "input.handle"),
        ({"input": {"handle": "a", "colour": 1}}, "input.colour"),
        ({"input": {"handle": "a", "target_type": "x"}}, "input.target_type"),
        ({"input": {"handle": "a", "notes": "x" * 10_001}}, "input.notes"),
        ({"input": {"handle": "a", "brand_id": "x"}}, "input.brand_id"),
        ({"input": {"handle": "a", "brand_id": str(uuid4())}}, "input.brand_id"),
        ({"input": {"handle": "a", "dataset": "nope.csv"}}, "input.dataset"),
        ({"input": {"handle": "a", "dataset": "brands.csv"}}, "input.handle"),
        ({"input": {"handle": "a\x00"}}, "input.handle"),
        ({"input": {f"field_{number}": 1 for number in range(101)}}, "input"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"handle": "a"}, "handle"),
    ],
)
def test_a_wrong_input_of_an_agent_is_named(person: Person, given: dict[str, Any], field: str) -> None:
    """An agent's own input is checked before its run is written."""
    with person.writes_nothing():
        check_named(person.post(AGENT, given), field)


@pytest.mark.parametrize("name", ["workspace_id", "step_id"])
@pytest.mark.parametrize("value", [None, "x", 5, "", [], "00000000-0000-4000-8000-00000000000g"])
def test_a_wrong_wake_up_is_named(person: Person, name: str, value: Any) -> None:
    """The queue's own request is checked like any other."""
    ids = {part: str(uuid4()) for part in ("workspace_id", "run_id", "step_id")}

    with person.writes_nothing():
        check_named(person.post(STEP_TASK, {**ids, name: value}), name)
        check_named(person.post(STEP_TASK, {**ids, "attempt": 1}), "attempt")


def test_a_wake_up_of_nothing_is_answered(person: Person) -> None:
    """A step that does not exist is no reason for the queue to try again: 200, and nothing happens."""
    ids = {part: str(uuid4()) for part in ("workspace_id", "run_id", "step_id")}

    with person.writes_nothing():
        answer = person.post(STEP_TASK, ids)

    assert (answer.status_code, told(answer)) == (200, {"outcome": "unknown"})

"""Definitions that users store: checked whole before they are kept, versioned, and the workspace's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.doors import AD_HOC, RUN, RUNS, WORKFLOWS, Person, refusal, told

READ = {"key": "read", "agent_name": "account_health"}
JUDGE = {"key": "judge", "agent_name": "compliance", "depends_on": ["read"]}


def two_steps(**more: Any) -> dict[str, Any]:
    return {"slug": "two_steps", "name": "Two steps", "steps": [READ, JUDGE], **more}


def judged(**more: Any) -> dict[str, Any]:
    """The two steps, the second one changed."""
    return two_steps(steps=[READ, {**JUDGE, **more}])


def reading(path: str) -> dict[str, Any]:
    return judged(input_map={"notes": path})


def gated(reads: str = "output.decision", **more: Any) -> dict[str, Any]:
    """A gate between two steps; the one behind it reads what was decided."""
    gate = {"key": "judge", "agent_name": "approval_gate", "depends_on": ["read"], **more}
    after = {**JUDGE, "key": "after", "depends_on": ["judge"], "input_map": {"notes": f"judge.{reads}"}}
    return two_steps(steps=[READ, gate, after])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "slug"),
    (two_steps(slug="Two"), "slug"),
    (two_steps(slug=""), "slug"),
    (two_steps(slug=5), "slug"),
    (two_steps(slug="x" * 65), "slug"),
    (two_steps(name=""), "name"),
    (two_steps(name="x" * 201), "name"),
    (two_steps(name=None), "name"),
    (two_steps(name="a\x00"), "name"),
    (two_steps(description="x" * 4001), "description"),
    (two_steps(version=0), "version"),
    (two_steps(version=-1), "version"),
    (two_steps(version=2**31), "version"),
    (two_steps(version=10**30), "version"),
    (two_steps(version=1.5), "version"),
    (two_steps(version="1"), "version"),
    (two_steps(version=True), "version"),
    (two_steps(version=None), "version"),
    (two_steps(steps=[]), "steps"),
    (two_steps(steps={}), "steps"),
    (two_steps(steps="read"), "steps"),
    (two_steps(steps=[None]), "steps.0"),
    (two_steps(steps=[{}]), "steps.0.key"),
    (two_steps(steps=[{**READ, "key": "Read"}]), "steps.0.key"),
    (two_steps(steps=[{**READ, "key": 5}]), "steps.0.key"),
    (two_steps(steps=[{**READ, "colour": 1}]), "steps.0.colour"),
    (two_steps(steps=[READ, READ]), "steps.read.key"),
    (two_steps(steps=[{**READ, "key": "brief"}]), "steps.brief.key"),
    (two_steps(steps=[{**READ, "key": "upstream"}]), "steps.upstream.key"),
    (two_steps(colour=1), "colour"),
    (two_steps(is_stored=True), "is_stored"),
    (judged(agent_name="nope"), "steps.judge.agent_name"),
    (judged(agent_name=""), "steps.1.agent_name"),
    (gated(depends_on=[]), "steps.judge.depends_on"),
    (gated(approval_required_by="the boss"), "steps.judge.approval_required_by"),
    (gated(approval_required_by=""), "steps.judge.approval_required_by"),
    (gated(options={"quorum": 0}), "steps.judge.options.quorum"),
    (gated(options={"quorum": 21}), "steps.judge.options.quorum"),
    (gated(options={"up_to_usd": "-1"}), "steps.judge.options.up_to_usd"),
    (gated(options={"on_reject": "shrug"}), "steps.judge.options.on_reject"),
    (gated(options={"expires_in_s": 60}), "steps.judge.options"),
    (gated(options={"on_expiry": "approve"}), "steps.judge.options"),
    (gated(options={"remind_every_s": 0}), "steps.judge.options.remind_every_s"),
    (gated(options={"colour": 1}), "steps.judge.options.colour"),
    (gated(reads="output.colour"), "steps.after.input_map.notes"),
    (judged(agent_name="listing_optimizer"), "steps.judge.agent_name"),
    (judged(depends_on=["nobody"]), "steps.judge.depends_on"),
    (judged(depends_on=["judge"]), "steps.judge.depends_on"),
    (judged(depends_on="read"), "steps.1.depends_on"),
    (judged(depends_on=[1]), "steps.1.depends_on.0"),
    (judged(input_map=[]), "steps.1.input_map"),
    (judged(input_map={"notes": 5}), "steps.1.input_map.notes"),
    (judged(options=[]), "steps.1.options"),
    (judged(options={"a\ud800": 1}), "steps.1.options.'a\\ud800'"),
    (two_steps(steps=[{**READ, "depends_on": ["judge"]}, JUDGE]), "steps.read.depends_on"),
    *(
        (reading(path), "steps.judge.input_map.notes")
        for path in (
            "",
            " ",
            "notes",
            "read",
            "read.status",
            "nobody.output.x",
            "judge.output.findings",
            "read.output.colour",
            "brief..notes",
            "brief.notes[",
            "brief.(notes",
            'brief."\\u12"',
            "brief.caf\u00e9",
            "brief.\x07",
            "{{",
            "{{}}",
            "{{step0}}",
            "{{step3.x}}",
            "{{step99999999999999999999}}",
            "{{nobody}}",
            "{{ brief.notes }} and {{ nobody.x }}",
            "${brief.notes}",
        )
    ),
]


@pytest.mark.parametrize(("definition", "field"), WRONG)
def test_a_wrong_definition_is_refused(person: Person, definition: dict[str, Any], field: str) -> None:
    """422 with the step and the field; nothing is stored."""
    with person.writes_nothing():
        problem = refusal(person.post(WORKFLOWS, definition), 422)

    assert problem["field"] == field
    assert problem["detail"].startswith(f"{field}: ")


def test_a_gate_is_stored_with_its_options(person: Person) -> None:
    """Who may decide, how many of them, how much money, what a rejection and the end of its time do."""
    options = {
        "quorum": 2,
        "self_approval": False,
        "up_to_usd": "250",
        "on_reject": "branch",
        "expires_in_s": 86_400,
        "on_expiry": "escalate",
        "remind_every_s": 3600,
    }

    answer = person.post(WORKFLOWS, gated(approval_required_by="brand-lead", options=options))

    assert answer.status_code == 201, answer.text


def test_a_long_cycle_is_told_shortly(person: Person) -> None:
    """Five thousand steps in a ring: refused in a sentence that fits a screen."""
    ring = [
        {"key": f"s{at}", "agent_name": "account_health", "depends_on": [f"s{(at + 1) % 5000}"]} for at in range(5000)
    ]

    with person.writes_nothing():
        answer = person.post(WORKFLOWS, two_steps(steps=ring))

    assert "a cycle: s0 -> s1 -> " in refusal(answer, 422)["detail"]
    assert len(answer.data) < 5_000


def test_a_stored_definition_is_what_runs(person: Person) -> None:
    """It is listed, and a run takes it, with the version and the steps that it had then."""
    stored = person.post(WORKFLOWS, two_steps())

    run_id = person.ended_run("two_steps")

    assert stored.status_code == 201
    run = told(person.get(f"{RUNS}/{run_id}"))
    assert run["status"] == "succeeded", run["error_message"]
    assert run["definition_digest"] == told(stored)["digest"]
    assert [step["key"] for step in run["steps"]] == ["read", "judge"]
    assert run["report_md"] is None


def test_the_newest_version_is_taken(person: Person) -> None:
    """By number, not by the order of arrival; a run keeps the one it began with."""
    person.post(WORKFLOWS, two_steps(version=2))
    first = person.run("two_steps")
    person.post(WORKFLOWS, two_steps(version=10, steps=[READ]))
    person.post(WORKFLOWS, two_steps(version=9))

    second = person.run("two_steps")

    versions = [told(person.get(f"{RUNS}/{run_id}"))["workflow_version"] for run_id in (first, second)]
    assert versions == [2, 10]
    listed = [one for one in told(person.get(WORKFLOWS))["workflows"] if one["slug"] == "two_steps"]
    assert [(one["version"], one["is_seeded"]) for one in listed] == [(10, False)]


def test_a_version_is_never_overwritten(person: Person) -> None:
    """The same definition again is the same answer; another one under its version is 409."""
    first = person.post(WORKFLOWS, two_steps())

    again = person.post(WORKFLOWS, two_steps())
    with person.writes_nothing():
        problem = refusal(person.post(WORKFLOWS, two_steps(name="Other")), 409)

    assert (again.status_code, told(again)) == (201, told(first))
    assert problem["detail"].startswith("version: 'two_steps' version 1 is stored")


def test_a_workspaces_own_definition_comes_first(person: Person, stranger: Person) -> None:
    """A stored one under a seeded slug takes its place, in this workspace and in no other (B054)."""
    person.post(WORKFLOWS, two_steps(slug="profile_audit"))

    mine, theirs = person.run("profile_audit"), stranger.run("profile_audit")

    assert told(person.get(f"{RUNS}/{mine}"))["steps_total"] == 2
    assert told(stranger.get(f"{RUNS}/{theirs}"))["steps_total"] == 7


def test_an_unknown_workflow_is_told_which_there_are(person: Person) -> None:
    """The seeded ones and the workspace's own."""
    person.post(WORKFLOWS, two_steps())

    problem = refusal(person.post(RUN, {**AD_HOC, "workflow_slug": "nope"}), 422)

    assert problem["detail"].endswith("there are: campaign_launch, profile_audit, two_steps")


def test_a_path_that_leads_nowhere_fails_the_run(person: Person) -> None:
    """What only a run can tell is told by the run: which step, which field, which path."""
    person.post(WORKFLOWS, reading("brief.colour"))

    run = told(person.get(f"{RUNS}/{person.ended_run('two_steps')}"))

    assert (run["status"], run["error_class"]) == ("failed", "input_unresolved")
    assert "step 'judge', field 'notes': path 'brief.colour' finds no 'colour'" in run["error_message"]


@pytest.mark.parametrize("path", ["brief." + "(" * 900, "brief." + "!" * 2000, "brief.tags" + "||nothing" * 2000])
def test_a_path_nested_too_deeply_is_refused(person: Person, path: str) -> None:
    """A path that no reader can follow is the caller's mistake."""
    with person.writes_nothing():
        problem = refusal(person.post(WORKFLOWS, reading(path)), 422)

    assert problem["field"] == "steps.judge.input_map.notes"
    assert len(problem["detail"]) < 2_100


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(
    "path",
    [
        "brief.tags[::0]",
        "brief.tags[?@ < `5`]",
        "brief.to_number('1e999')",
        "brief.to_number('nan')",
        "brief.sum(`[1e308, 1e308]`)",
    ],
)
def test_a_path_that_cannot_be_followed_fails_the_step(person: Person, path: str) -> None:
    """Zero steps, things that cannot be compared, numbers that are none: the step fails, the queue is told 200."""
    person.post(WORKFLOWS, reading(path))

    fields = {"tags": [1, "x", {}, None]} if path.startswith("brief.tags") else {}
    run = told(person.get(f"{RUNS}/{person.ended_run('two_steps', fields=fields)}"))

    assert (run["status"], run["error_class"]) == ("failed", "input_unresolved")


def test_a_description_is_listed_and_told_to_the_synthesis(person: Person) -> None:
    """What a workflow is for stands in the list, and in the question that its report answers (X17)."""
    description = "Tells the spring team whether the account may be advertised."
    report = {"key": "report", "agent_name": "synthesis", "depends_on": ["read"]}
    person.post(WORKFLOWS, two_steps(steps=[READ, report], description=description))

    (listed,) = [one for one in told(person.get(WORKFLOWS))["workflows"] if one["slug"] == "two_steps"]
    run_id = person.ended_run("two_steps")
    last = told(person.get(f"{RUNS}/{run_id}/agent-runs"))["agent_runs"][-1]
    calls = told(person.get(f"/api/dashboard/agent-runs/{last['id']}/steps"))["steps"]

    assert listed["description"] == description
    (asked,) = [call["user_prompt"] for call in calls if call["kind"] == "llm_call"]
    assert description in asked

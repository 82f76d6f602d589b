"""What the commands show, to people and to programs, in windows of any width and into pipes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.terminal import BROKEN, ID, Terminal, all_of, one_sentence

SEVEN = 7
Busy = tuple[Terminal, dict[str, Any]]


def test_runs_are_listed(busy: Busy) -> None:
    """Newest first, one line each, with units; --limit and --status choose."""
    terminal, run = busy
    run_id = run["id"]

    said = terminal.army("runs", "--limit", "1")

    assert (said.code, said.err) == (0, "")
    (line,) = [line for line in said.out.splitlines() if ID.search(line)]
    expected = (
        rf"✔ +{run_id} +profile_audit +@lakucosmetics +succeeded +7/7 +\$0\.\d{{4}} +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    )
    assert re.fullmatch(expected, line.strip()), line
    assert [one["id"] for one in terminal.army_json("runs", "--status", "succeeded")["runs"]] == [run_id]


def test_an_empty_list_says_what_to_do(terminal: Terminal) -> None:
    """No runs at all, and none of a status, are two different things."""
    none, no_failed, as_json = all_of(terminal, [["runs"], ["runs", "--status", "failed"], ["runs", "--json"]])

    assert none.out.startswith("no runs yet; start one with: army run profile_audit --handle ")
    assert no_failed.out == "no failed runs; army runs lists them all\n"
    assert as_json.json == {"runs": []}


def test_a_run_is_shown(busy: Busy) -> None:
    """What was asked, where it stands, each step, what it cost, and where the report is."""
    terminal, run = busy
    run_id = run["id"]

    said = terminal.army("show", run_id)

    assert (said.code, said.err) == (0, "")
    assert f"run       {run_id}\n" in said.out
    assert "account   @lakucosmetics  third_party\n" in said.out
    assert 'brief     {"notes":"mind the [bold] claims"}\n' in said.out
    assert re.search(r"^started   \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, took \d+\.\d s$", said.out, re.MULTILINE)
    assert len(re.findall(r"^✔ +\d +\w+ +succeeded +1 +[\d,]+ +\$0\.\d+$", said.out, re.MULTILINE)) == SEVEN
    assert said.out.endswith(f"the report: army report {run_id}\n")
    shown = terminal.army_json("show", run_id)
    assert {**shown, **run} == shown
    assert (shown["approvals"], shown["effects"]) == ([], [])


def test_a_trace_shows_every_call(busy: Busy) -> None:
    """Each attempt with its calls, tokens and cost; --step chooses, --whole prints the words."""
    terminal, run = busy
    run_id = run["id"]

    one = ["trace", run_id, "--step", "compliance"]

    said, whole, as_json = all_of(terminal, [["trace", run_id], [*one, "--whole"], [*one, "--json"]])

    assert len(re.findall(r"^\w+  attempt 1  succeeded  ", said.out, re.MULTILINE)) == SEVEN
    assert re.search(r"llm_call +report +paid +claude-\S+ +\d+ +[\d,]+ +[\d,]+ +\$0\.\d+", said.out)
    assert len(re.findall("attempt 1", whole.out)) == 1
    assert "system_prompt\n# Role\n" in whole.out
    assert "mind the [bold] claims" in whole.out
    assert [found["agent_run"]["agent_name"] for found in as_json.json["agent_runs"]] == ["compliance"]


def test_a_step_that_the_run_lacks_is_refused(busy: Busy) -> None:
    """One sentence with the steps there are."""
    terminal, run = busy
    run_id = run["id"]

    told = one_sentence(terminal.army("trace", run_id, "--step", "nope"))

    assert told.startswith("the run has no step 'nope'; it has: account_health, ")


def test_a_report_is_printed_alone(busy: Busy) -> None:
    """Markdown and nothing else, so that it can go into a file."""
    terminal, run = busy
    run_id = run["id"]

    said = terminal.army("report", run_id)

    assert (said.code, said.err) == (0, "")
    told = terminal.army_json("report", run_id)
    assert said.out == told["report_md"] + "\n"
    assert (told["id"], told["status"]) == (run_id, "succeeded")


def test_workflows_are_listed(terminal: Terminal) -> None:
    """The seeded ones and the workspace's own, as a table and as JSON."""
    terminal.store(BROKEN)

    said = terminal.army("workflows")

    assert re.search(r"^profile_audit +1 +Profile Audit +7 +A read-only audit", said.out, re.MULTILINE)
    assert re.search(r"^broken +1 +Broken +2", said.out, re.MULTILINE)
    told = terminal.army_json("workflows")["workflows"]
    assert [(one["slug"], one["is_seeded"]) for one in told] == [
        ("broken", False),
        ("campaign_launch", True),
        ("profile_audit", True),
    ]


def test_agents_are_listed_and_shown(terminal: Terminal) -> None:
    """All fifteen with what they are for; one with its fields and their units."""
    asked = [["agents"], ["agents", "account_health"], ["agents", "compliance", "--json"], ["agents", "nope"]]

    said, one, as_json, nope = all_of(terminal, asked)

    assert len(re.findall(r" (?:yes|not yet) ", said.out)) == 15
    for part in ("inputs", "outputs"):
        assert f"\n{part}\n" in one.out
    assert "options: none" in one.out
    assert re.search(r"^overall_score +integer +0-100 ", one.out, re.MULTILINE)
    assert [agent["name"] for agent in as_json.json["agents"]] == ["compliance"]
    assert "army agents lists them" in one_sentence(nope)


def test_a_demo_says_where_to_look_next(terminal: Terminal) -> None:
    """The report, its cost, and the commands that lead on, with the run's id in them."""
    said = terminal.army("demo", "--handle", "@nova")

    assert said.code == 0, said.err
    assert said.out.startswith("# Profile Audit: @nova\n")
    run_id = ID.findall(said.err)[0]
    assert re.search(rf"^  army show {run_id} +its steps$", said.out, re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 80])
def test_nothing_is_cropped_in_a_narrow_window(busy: Busy, columns: int) -> None:
    """Whole ids and amounts at every width; what has no room is left out, and said to be."""
    terminal, run = busy
    run_id = run["id"]

    listed = terminal.army_in_a_window(columns, "runs")
    shown = terminal.army_in_a_window(columns, "show", run_id)

    assert any(run_id in line for line in listed)
    for cost in (one for one in run["costs"] if one["llm_calls"]):
        assert any(re.match(rf"{cost['key']} .*\$0\.\d{{4,6}}$", line.rstrip()) for line in shown), cost["key"]
    if columns == 80:
        assert max(len(line.rstrip()) for line in [*listed, *shown] if "too narrow" not in line) <= columns


def test_a_reader_who_leaves_is_no_error(busy: Busy) -> None:
    """`army … | head` ends without a word on standard error."""
    terminal, run = busy
    run_id = run["id"]

    for words in (["trace", run_id, "--json"], ["show", run_id]):
        assert terminal.army_unread(*words).err == ""


def test_a_poor_encoding_is_no_error(busy: Busy) -> None:
    """A terminal that lacks a character shows another one instead."""
    terminal, run = busy
    run_id = run["id"]

    said = terminal.army("show", run_id, PYTHONIOENCODING="ascii")

    assert (said.code, said.err) == (0, "")
    assert run_id in said.out


def test_a_campaign_shows_its_audit(terminal: Terminal) -> None:
    """The audit's own steps are watched while the campaign waits for it; the next campaign says which one it took."""
    words = ("run", "campaign_launch", "--handle", "@lakucosmetics", "--target-type", "own_brand")
    budget = ("--field", "ad_budget_usd=300")

    first = terminal.army(*words, *budget, "--watch")
    second = terminal.army(*words, *budget, "--json")

    assert (first.code, second.code) == (4, 4), (first.err, second.err)
    assert "workflow_step.succeeded  profile_audit/account_health" in first.err
    (audit,) = [run["id"] for run in terminal.army_json("runs")["runs"] if run["workflow_slug"] == "profile_audit"]
    assert f"profile_audit: not run again: run {audit} began on" in " ".join(
        terminal.army("show", second.json["id"]).out.split()
    )
    shown = terminal.army("show", ID.findall(first.err)[0])
    assert f"profile_audit: army show {audit}" in shown.out


def test_a_budget_gate_inside_is_found(terminal: Terminal) -> None:
    """The audit inside of a campaign reaches the budget: the campaign says that it waits, and approving there lets both
    go on."""
    words = ("run", "campaign_launch", "--handle", "@lakucosmetics", "--target-type", "own_brand")
    said = terminal.army(*words, "--field", "ad_budget_usd=300", "--budget-usd", "0.0001", "--json")

    assert said.code == 4, said.err
    (gate,) = [one for one in said.json["approvals"] if one["kind"] == "budget"][:1]
    assert gate["workflow_slug"] == "profile_audit"

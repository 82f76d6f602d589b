"""`army drill`: a workflow of a user's own under faults, in a stack of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.config import process_environ
from tests.support.machines import ROOT
from tests.support.terminal import BROKEN, Said, one_sentence, usage

OWN = {
    "slug": "two_looks",
    "name": "Two looks",
    "steps": [
        {"key": "health", "agent_name": "account_health"},
        {"key": "ask", "agent_name": "approval_gate", "depends_on": ["health"]},
        {"key": "rules", "agent_name": "compliance", "depends_on": ["health", "ask"]},
        {"key": "report", "agent_name": "synthesis", "depends_on": ["health", "rules"]},
    ],
}


def drilled(folder: Path, *words: str) -> Said:
    """The command in an empty folder, without a stack; its progress is told apart from its errors."""
    environ = {**process_environ(), "ARMY_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "cli.main", "drill", *words]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, timeout=120, check=False)
    lines = done.stderr.decode().splitlines(keepends=True)
    return Said(done.returncode, done.stdout.decode(), "".join(line for line in lines if not line.startswith("[")))


def written(folder: Path, definition: object) -> str:
    file = folder / "own.json"
    file.write_text(json.dumps(definition))
    return str(file)


def test_a_workflow_of_ones_own_is_drilled(tmp_path: Path) -> None:
    """Faults fire, people approve at its gate, every run ends right, the bill is the journal's; nothing is left in the
    user's own folder."""
    said = drilled(tmp_path, written(tmp_path, OWN), "--seed", "3", "--runs", "2", "--json")

    assert said.code == 0, said
    report = said.json
    assert (report["workflow"], report["seed"], report["verdict"]) == ("two_looks", 3, "held")
    assert report["runs"]["ended"] == {"succeeded": 3}
    assert report["approvals"] == 3
    assert sum(report["faults"].values()) > 0
    assert {one["standing"] for one in report["invariants"].values()} == {"held"}
    assert report["calls"]["paid"] >= 3
    assert float(report["usd"]["billed"]) > 0
    assert not (tmp_path / "home").exists()


def test_a_workflow_that_fails_in_calm_is_not_drilled(tmp_path: Path) -> None:
    """What fails without any fault would prove nothing: the command says so, with the step's own error."""
    said = drilled(tmp_path, written(tmp_path, BROKEN), "--runs", "1")

    assert "the workflow fails without any fault: step 'judge'" in one_sentence(said)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("no_such_workflow",), "there is no workflow 'no_such_workflow'; there are: "),
        (("missing.json",), "missing.json"),
    ],
)
def test_what_cannot_be_drilled_is_said(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    """An unknown slug or file is one sentence, and nothing is started for it."""
    assert told in one_sentence(drilled(tmp_path, *words))


def test_a_file_that_defines_no_workflow_is_refused(tmp_path: Path) -> None:
    """Not JSON, or a step with an agent that there is not: the sentence names what is wrong."""
    (tmp_path / "torn.json").write_text("{")
    unknown = {**OWN, "steps": [{"key": "a", "agent_name": "nobody"}]}

    assert "torn.json is not a JSON document" in one_sentence(drilled(tmp_path, "torn.json"))
    assert "unknown agent: nobody" in one_sentence(drilled(tmp_path, written(tmp_path, unknown)))


def test_a_drill_of_no_runs_is_a_wrong_use(tmp_path: Path) -> None:
    """--runs begins at one."""
    assert "--runs" in usage(drilled(tmp_path, "profile_audit", "--runs", "0"))

"""Another workspace's things do not exist: not to read, not to run, not to list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.doors import AGENT, BRIEF, BRIEFS, RUN, RUNS, WORKFLOWS, Doors, Person, refusal, told
from tests.support.exports import scraped_items, write_csv


class Owned:
    """A workspace with one of everything."""

    def __init__(self, person: Person) -> None:
        self.brief_id = person.brief()
        answer = person.post(RUN, {"brief_id": self.brief_id, "workflow_slug": "profile_audit"})
        self.run_id = told(answer)["workflow_run_id"]
        person.deliver()
        self.agent_run_id = told(person.get(f"{RUNS}/{self.run_id}/agent-runs"))["agent_runs"][0]["id"]

    @property
    def paths(self) -> dict[str, str]:
        return {
            "brief": f"{BRIEFS}/{self.brief_id}",
            "run": f"{RUNS}/{self.run_id}",
            "run, waiting": f"{RUNS}/{self.run_id}?wait=1s",
            "steps": f"{RUNS}/{self.run_id}/steps",
            "agent runs": f"{RUNS}/{self.run_id}/agent-runs",
            "stream": f"{RUNS}/{self.run_id}/stream",
            "trace": f"/api/dashboard/agent-runs/{self.agent_run_id}/steps",
        }


@pytest.fixture
def owned(person: Person) -> Owned:
    return Owned(person)


def test_what_a_stranger_reads_is_not_found(person: Person, stranger: Person, owned: Owned) -> None:
    """200 for the owner, 404 for the stranger, at every path that names a thing."""
    for name, path in owned.paths.items():
        assert person.get(path).status_code == 200, name
        problem = refusal(stranger.get(path), 404)
        assert "in this workspace" in problem["detail"], name
        assert problem["field"] in ("brief_id", "run_id", "agent_run_id"), name


def test_a_stranger_lists_nothing(stranger: Person, owned: Owned) -> None:
    """Neither briefs nor runs."""
    assert told(stranger.get(BRIEFS)) == {"briefs": []}
    assert told(stranger.get(RUNS)) == {"runs": []}


def test_a_stranger_cannot_run_a_brief(person: Person, stranger: Person, owned: Owned) -> None:
    """404, and neither workspace has a row more."""
    with person.writes_nothing(), stranger.writes_nothing():
        refusal(stranger.post(RUN, {"brief_id": owned.brief_id, "workflow_slug": "profile_audit"}), 404)


def test_a_stored_definition_stays_at_home(person: Person, stranger: Person) -> None:
    """A stranger neither sees nor runs it."""
    own = {"slug": "own_one", "name": "Own", "steps": [{"key": "a", "agent_name": "account_health"}]}
    person.post(WORKFLOWS, own)

    assert "own_one" not in {one["slug"] for one in told(stranger.get(WORKFLOWS))["workflows"]}
    refusal(stranger.post(RUN, {"workflow_slug": "own_one", "handle": "a"}), 422)


@pytest.mark.parametrize("name", ["mine.csv", "mine_.csv"])
def test_a_dataset_stays_at_home(person: Person, stranger: Person, datasets: Path, name: str) -> None:
    """A workspace's own file can be named, and is suggested, in that workspace alone."""
    own = datasets / str(person.workspace)
    own.mkdir()
    write_csv(own / "mine.csv", scraped_items(seed=6, accounts=2, videos_each=12))

    with stranger.writes_nothing():
        foreign = refusal(stranger.post(BRIEFS, {**BRIEF, "handle": "brand_0", "dataset": name}), 422)
        asked = {"input": {"handle": "brand_0", "dataset": name}}
        from_agent = refusal(stranger.post(AGENT, asked), 422)

    assert foreign["detail"] == f"dataset: this workspace has no dataset file {name!r}"
    assert from_agent["detail"] == f"input.{foreign['detail']}"
    if name == "mine.csv":
        run_id = person.ended_run(handle="@brand_0", dataset=name)
        assert told(person.get(f"{RUNS}/{run_id}"))["status"] == "succeeded"
    else:
        near = refusal(person.post(BRIEFS, {**BRIEF, "handle": "brand_0", "dataset": name}), 422)
        assert near["detail"] == f"{foreign['detail']}; near names: mine.csv"


def test_a_task_that_names_the_wrong_workspace_does_nothing(person: Person, stranger: Person) -> None:
    """The queue's own token does not lead across: the step is unknown there, and still to do here."""
    run_id = person.run()
    (step,) = [one for one in told(person.get(f"{RUNS}/{run_id}"))["steps"] if one["status"] == "queued"]
    body = {"workspace_id": str(stranger.workspace), "run_id": run_id, "step_id": step["id"]}

    with stranger.writes_nothing():
        answer = stranger.post("/tasks/step", body)

    assert told(answer) == {"outcome": "unknown"}
    person.deliver()
    assert told(person.get(f"{RUNS}/{run_id}"))["status"] == "succeeded"


def test_the_sweep_wakes_every_workspace(doors: Doors, person: Person) -> None:
    """The scheduler's tick is nobody's: it answers with numbers, and says nothing of whose steps they are."""
    person.run()

    answer = doors.knock("POST", "/tasks/sweep", doors.task_token)

    assert answer.status_code == 200
    assert set(told(answer)) == {"woken", "told", "is_full"}

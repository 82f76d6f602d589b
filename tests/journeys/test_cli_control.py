"""Holding, ending and repeating runs from the command line."""

from __future__ import annotations

from local.drill.until import until
from tests.support.terminal import BROKEN, ID, Terminal, one_sentence


def held_run(terminal: Terminal) -> str:
    """A run that waits, for its workspace is paused."""
    said = terminal.army("pause", "--workspace", "--reason", "lunch")
    assert said.out == "the workspace is paused; runs: 0\n", said.err
    return str(terminal.army_json("run", "profile_audit", "--handle", "@nova", "--no-watch")["workflow_run_id"])


def failed_run(terminal: Terminal) -> str:
    """A run whose second step failed."""
    terminal.store(BROKEN)
    said = terminal.army("run", "broken", "--handle", "@nova", "--json")
    assert said.code == 3, said.err
    return str(said.json["id"])


def test_a_run_is_held_and_goes_on(terminal: Terminal) -> None:
    """Paused with its workspace, shown as such; after resume it ends by itself."""
    run_id = held_run(terminal)

    assert "running, paused, with its workspace, by local-user" in terminal.army("show", run_id).out
    assert "the workspace is paused; resume that" in one_sentence(terminal.army("resume", run_id))
    assert terminal.army("resume", "--workspace").out == "the workspace goes on; runs: 1\n"
    until(lambda: terminal.army_json("show", run_id)["status"] == "succeeded", what="the end of the run")


def test_a_run_is_cancelled(terminal: Terminal) -> None:
    """It says so, once more when asked again, and a finished one says how it ended."""
    run_id = held_run(terminal)

    assert terminal.army("cancel", run_id, "--reason", "typo").out == f"run {run_id} is cancelled\n"
    assert terminal.army_json("cancel", run_id)["cancel_reason"] == "typo"
    assert "has ended: cancelled" in one_sentence(terminal.army("pause", run_id))
    assert "cancelled by local-user: typo" in terminal.army("show", run_id).out


def test_a_redrive_says_what_it_may_cost_first(terminal: Terminal) -> None:
    """The estimate alone starts nothing; without --yes, nobody there to ask is a no; with it, a new run."""
    run_id = failed_run(terminal)

    estimate = terminal.army("redrive", run_id, "--estimate")
    refused = terminal.army("redrive", run_id)
    runs = terminal.army_json("runs")["runs"]
    started = terminal.army("redrive", run_id, "--yes")

    assert estimate.code == 0 and "taken over: read\nit may cost $0.00, and what has no price yet" in estimate.out
    assert (refused.code, len(runs)) == (1, 1)
    (new_id,) = set(ID.findall(started.out))
    assert started.out == f"started run {new_id}; follow it with: army show {new_id}\n"
    assert f"redrive of {run_id} at judge" in terminal.army("show", new_id).out


def test_failed_runs_are_redriven_together(terminal: Terminal) -> None:
    """By workflow and class of error, each once."""
    run_id = failed_run(terminal)
    which = ("redrive", "--workflow", "broken", "--error-class", "input_unresolved")

    assert run_id in terminal.army(*which, "--estimate").out
    assert [one["run_id"] for one in terminal.army_json(*which, "--yes")["redriven"]] == [run_id]


def test_a_run_is_restarted_and_forked(terminal: Terminal) -> None:
    """From a step on, as it was; and with another brief and other options."""
    run_id = terminal.army_json("run", "profile_audit", "--handle", "@nova")["id"]

    restarted = terminal.army_json("restart", run_id, "--from", "synthesis")["workflow_run_id"]
    changes = ("--field", "notes=spring", "--field", "region=GB", "--option", "synthesis.workflow_note=short")
    forked = terminal.army_json("fork", run_id, "--from", "synthesis", *changes)["workflow_run_id"]

    assert terminal.army_json("show", restarted)["forked_at_steps"] == ["synthesis"]
    brief = terminal.army_json("show", forked)["brief_jsonb"]
    assert (brief["notes"], brief["region"]) == ("spring", "GB")


def test_a_fork_with_another_prompt(terminal: Terminal) -> None:
    """From a file, for the call that the fork begins at; the trace says what is asked differently."""
    run_id = terminal.army_json("run", "profile_audit", "--handle", "@nova")["id"]
    words = terminal.folder / "words.md"
    words.write_text("Answer as a poem.", encoding="utf-8")
    begin = ("fork", run_id, "--from", "synthesis:report")

    forked = terminal.army_json(*begin, "--prompt", f"synthesis=@{words}")["workflow_run_id"]
    trace = terminal.army("trace", forked, "--step", "synthesis").out

    assert terminal.army_json("show", forked)["forked_at_steps"] == ["synthesis:report"]
    assert "asked differently before; system prompt" in " ".join(trace.split())
    assert "made no call 'poem'; it made:" in one_sentence(terminal.army("fork", run_id, "--from", "synthesis:poem"))
    assert terminal.army(*begin, "--prompt", f"synthesis=@{words}.none").code == 2
    assert terminal.army(*begin, "--prompt", "synthesis").code == 2


def test_an_urgent_run_is_shown_as_one(terminal: Terminal) -> None:
    """In the list and by itself; what is no priority is a mistake of usage."""
    run = ("run", "profile_audit", "--handle", "@nova", "--no-watch", "--priority")

    run_id = terminal.army_json(*run, "urgent")["workflow_run_id"]

    assert terminal.army_json("show", run_id)["priority"] == "urgent"
    assert "priority  urgent" in terminal.army("show", run_id).out
    assert [one["priority"] for one in terminal.army_json("runs")["runs"]] == ["urgent"]
    assert terminal.army(*run, "highest").code == 2


def test_what_to_hold_is_named_once(terminal: Terminal) -> None:
    """Nothing, or two things, is a mistake of usage."""
    assert terminal.army("pause").code == 2
    assert terminal.army("resume", "--workspace", "--workflow", "profile_audit").code == 2
    assert terminal.army("redrive").code == 2
    assert terminal.army("fork", "00000000-0000-4000-8000-000000000001", "--from", "a", "--option", "x=1").code == 2

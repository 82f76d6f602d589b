"""Brands from the command line: none yet, one added, spoken for, and what is refused."""

from __future__ import annotations

from tests.support.terminal import Terminal, all_of, one_sentence, usage

VOICE = "Warm [and] plain."
ADD = ["brands", "add", "--name", "Aster", "--voice", VOICE, "--banned", "miracle", "--banned", "flawless"]


def test_no_brands_say_what_to_do(terminal: Terminal) -> None:
    """An empty list names the command that fills it; for programs it is an empty list."""
    people, programs = all_of(terminal, [["brands"], ["brands", "--json"]])

    assert people.out == 'no brands yet; add one with: army brands add --name "Aster" --voice "Warm and plain."\n'
    assert programs.json == {"brands": []}


def test_a_brand_is_added_listed_and_spoken_for(terminal: Terminal) -> None:
    """The id that `add` prints is the one that a run takes, and the run's prompts have the voice."""
    said = terminal.army(*ADD)
    (brand,) = terminal.army_json("brands")["brands"]

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"added brand Aster: {brand['id']}\n")
    assert said.out.endswith(f"--brand-id {brand['id']}\n")
    assert (brand["voice"], brand["banned_terms"]) == (VOICE, ["miracle", "flawless"])
    shown = terminal.army("brands").out
    assert all(text in shown for text in (brand["id"], "Aster", VOICE, "miracle, flawless"))
    run = terminal.army_json("run", "profile_audit", "--handle", "@lakucosmetics", "--brand-id", brand["id"])
    (trace,) = terminal.army_json("trace", run["id"], "--step", "compliance")["agent_runs"]
    assert any(VOICE in (call["system_prompt"] or "") for call in trace["steps"])


def test_a_wrong_brand_is_refused(terminal: Terminal) -> None:
    """One sentence that names the field, or how the command is used."""
    refused = [
        (["brands", "add", "--name", " "], "name: must not be empty"),
        (["brands", "add", "--name", "x" * 201], "name: must have at most 200 characters"),
        (["brands", "add", "--name", "a", "--voice", "x" * 6001], "voice: must have at most 6000 characters"),
        (["brands", "add", "--name", "a", "--banned", "b", "--banned", ""], "banned_terms.1: must not be empty"),
    ]
    for said, (_, told) in zip(all_of(terminal, [words for words, _ in refused]), refused, strict=True):
        assert one_sentence(said) == told
    assert "Missing option '--name'" in usage(terminal.army("brands", "add"))
    assert terminal.army_json("brands") == {"brands": []}

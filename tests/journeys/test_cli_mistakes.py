"""What the commands say when they are used wrongly, refused, or cannot reach what they need."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cli.main import army
from tests.support.terminal import Terminal, all_of, one_sentence, usage

UNKNOWN = "00000000-0000-4000-8000-000000000009"
REFUSED: list[tuple[list[str], str]] = [
    (
        ["run", "nope", "--handle", "a"],
        "WORKFLOW: there is no workflow 'nope'; there are: campaign_launch, profile_audit",
    ),
    (["run", "Profile-Audit", "--handle", "a"], "WORKFLOW: must be lower case letters, digits and _"),
    (["run", "profile_audit", "--handle", "a b"], "handle: 'a b' is no TikTok handle: letters, digits"),
    (["run", "profile_audit", "--handle", "a", "--budget-usd", "-1"], "budget_usd: "),
    (["run", "profile_audit", "--handle", "a", "--field", "A=1"], "fields: 'A' is not a field name"),
    (["run", "profile_audit", "--handle", "a", "--brand-id", UNKNOWN], f"brand_id: there is no brand {UNKNOWN}"),
    (["show", UNKNOWN], f"run_id: there is no run {UNKNOWN} in this workspace"),
    (["trace", UNKNOWN], f"run_id: there is no run {UNKNOWN} in this workspace"),
    (["report", UNKNOWN], f"run_id: there is no run {UNKNOWN} in this workspace"),
    (["up"], "a stack already runs in "),
    (["migrate"], "settings: DATABASE_OWNER_URL: needed to migrate"),
]
WRONG_USE: list[tuple[list[str], str]] = [
    (["nope"], "No such command 'nope'"),
    (["run"], "Missing argument 'WORKFLOW'"),
    (["run", "profile_audit"], "Missing option '--handle'"),
    (["run", "profile_audit", "--handle", "a", "--field", "colour"], "must read name=value"),
    (["run", "profile_audit", "--handle", "a", "--dataset", "nope.csv"], "'nope.csv' does not exist"),
    (["run", "profile_audit", "--handle", "a", "--idempotency-key", "ключ"], "printable ASCII"),
    (["runs", "--limit", "0"], "0 is not in the range"),
    (["show", "../briefs"], "'../briefs' is not a valid UUID"),
    (["up", "--workers", "0"], "0 is not in the range"),
]

CLOSED: list[tuple[dict[str, str], str]] = [
    ({"ARMY_TOKEN": "nonsense"}, "the token is malformed"),
    ({"ARMY_TOKEN": "two\nlines"}, "the token holds characters that no token has"),
    ({"ARMY_TOKEN": "caf\xe9"}, "the token holds characters that no token has"),
    ({"ARMY_API_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9 does not answer"),
    ({"ARMY_API_URL": "nonsense"}, "ARMY_API_URL must begin with https:// or http://"),
]


def test_a_refused_command_says_why(terminal: Terminal) -> None:
    """Exit code 1, and one sentence in the words of the command line."""
    for said, (_, told) in zip(all_of(terminal, [words for words, _ in REFUSED]), REFUSED, strict=True):
        assert one_sentence(said).startswith(told)


def test_a_wrong_use_is_explained(terminal: Terminal) -> None:
    """Exit code 2, how the command is used, and what was wrong with this use."""
    for said, (_, told) in zip(all_of(terminal, [words for words, _ in WRONG_USE]), WRONG_USE, strict=True):
        assert told in usage(said)


def test_every_command_has_help(terminal: Terminal) -> None:
    """--help explains the command, exits with 0 and says nothing on standard error."""
    names = ["", *sorted(army.commands)]

    for name, said in zip(names, all_of(terminal, [[*name.split(), "--help"] for name in names]), strict=True):
        assert (said.code, said.err) == (0, ""), name
        assert said.out.startswith(f"Usage: army {name}".rstrip())
        assert name in ("", "up") or "--json" in said.out
        assert max(map(len, said.out.splitlines())) <= 80


def test_the_version_is_told(terminal: Terminal) -> None:
    """Also where the package is not installed but run from its source tree."""
    said = terminal.army("--version")

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("army")


def test_a_wrong_setting_is_named(terminal: Terminal) -> None:
    """One sentence with the setting's name, and not its value."""
    said = terminal.army("runs", CLAUDE_MODE="nonsense-value")

    assert one_sentence(said).startswith("settings: CLAUDE_MODE: ")
    assert "nonsense-value" not in said.err


def test_a_deployment_is_reached_by_its_address(terminal: Terminal, tmp_path: Path) -> None:
    """With ARMY_API_URL and a token the same commands talk to that API."""
    there = {"ARMY_API_URL": terminal.url + "/", "ARMY_TOKEN": terminal.token, "ARMY_HOME": str(tmp_path / "none")}

    said = terminal.army("run", "profile_audit", "--handle", "@nova", "--json", **there)

    assert said.code == 0, said.err
    assert said.json["id"] in terminal.army("runs").out
    (tmp_path / "brands.csv").write_text("x\n")
    refused = terminal.army("run", "profile_audit", "--handle", "a", "--dataset", "brands.csv", **there)
    assert "--dataset takes a file of this machine" in usage(refused)


def test_an_api_that_does_not_open_is_told(terminal: Terminal) -> None:
    """A wrong token, a wrong address: one sentence, and no part of the token."""
    good = {"ARMY_API_URL": terminal.url, "ARMY_TOKEN": "x"}

    with ThreadPoolExecutor(3) as pool:
        heard = list(pool.map(lambda wrong: terminal.army("runs", **{**good, **wrong[0]}), CLOSED))

    for said, (_, told) in zip(heard, CLOSED, strict=True):
        assert one_sentence(said).startswith(told)


def test_an_address_without_a_token_is_a_wrong_use(terminal: Terminal) -> None:
    """ARMY_API_URL alone opens nothing."""
    assert "ARMY_TOKEN is not" in usage(terminal.army("runs", ARMY_API_URL=terminal.url))

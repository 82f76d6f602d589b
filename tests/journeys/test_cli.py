"""The command line as a person uses it: runs, watched or not, of mock accounts and of files, and how they exit."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from uuid import uuid4

from local.drill.until import until
from local.processes import left_behind
from tests.support.exports import scraped_items, write_csv
from tests.support.machines import Machine
from tests.support.terminal import BROKEN, ID, Terminal, all_of, one_sentence

SEVEN = 7


def test_a_watched_run_ends_in_its_report(terminal: Terminal) -> None:
    """The events on standard error as they happen, the report and its cost on standard output."""
    said = terminal.army("run", "profile_audit", "--handle", "@Nova.Beauty", "--watch")

    assert said.code == 0, said.err
    assert said.out.startswith("# Profile Audit: @nova.beauty\n")
    assert re.search(r"^total +\d .*\$0\.\d{4}$", said.out, re.MULTILINE)
    lines = said.err.splitlines()
    assert ID.search(lines[0])
    assert lines[1].endswith("  workflow_run.started")
    assert lines[-1].endswith("  workflow_run.completed")
    assert re.search(r"workflow_step\.succeeded  synthesis  \d+ ms  \$0\.\d+", said.err)


def test_a_run_is_json_for_programs(terminal: Terminal) -> None:
    """The run after its end, and not a word besides."""
    said = terminal.army("run", "profile_audit", "--handle", "@nova", "--json")

    assert (said.code, said.err) == (0, "")
    assert said.json["status"] == "succeeded"
    assert len(said.json["steps"]) == SEVEN


def test_a_run_need_not_be_watched(terminal: Terminal) -> None:
    """With a stack that stays, --no-watch comes back at once and says how to follow."""
    said = terminal.army("run", "profile_audit", "--handle", "@nova", "--no-watch")
    started = terminal.army_json("run", "profile_audit", "--handle", "@nova", "--no-watch")

    found = ID.findall(said.out)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"started run {found[0]}; follow it with: army show {found[0]}\n"
    assert started["is_new"] is True
    until(lambda: terminal.army_json("show", started["workflow_run_id"])["status"] == "succeeded")


def test_a_brief_is_said_whole(terminal: Terminal) -> None:
    """Every option of a brief reaches the run, in its own type."""
    given = ["--target-type", "own_brand", "--notes", "شكراً 💄", "--budget-usd", "2.50"]
    fields = ["--field", "region=GB", "--field", "freshness_hours=48", "--field", 'window_days="30"']

    run = terminal.army_json("run", "profile_audit", "--handle", "@nova", *given, *fields)

    assert run["brief_jsonb"] == {
        "handle": "nova",
        "target_type": "own_brand",
        "notes": "شكراً 💄",
        "budget_usd": "2.5",
        "region": "GB",
        "freshness_hours": 48,
        "window_days": "30",
    }


def test_asking_again_with_a_key_starts_nothing(terminal: Terminal) -> None:
    """The second command shows the first one's run; another brief under the key is refused."""
    asked = ["run", "profile_audit", "--handle", "@nova", "--idempotency-key", "monday"]
    first, again = terminal.army_json(*asked), terminal.army_json(*asked)

    other = terminal.army("run", "profile_audit", "--handle", "@other", "--idempotency-key", "monday")

    assert again["id"] == first["id"]
    assert "Idempotency-Key" in one_sentence(other)
    assert len(terminal.army_json("runs")["runs"]) == 1


def test_a_failed_run_exits_with_three(terminal: Terminal) -> None:
    """The exit code says that it failed, the output where and why, the JSON the same."""
    terminal.store(BROKEN)

    said = terminal.army("run", "broken", "--handle", "@nova")

    assert said.code == 3
    assert "workflow_run.failed" in said.err
    assert "brief.missing" in said.out
    assert re.search(r"^✘ +1 +judge +failed", said.out, re.MULTILINE)
    told = terminal.army("run", "broken", "--handle", "@nova", "--json")
    assert (told.code, told.json["status"], told.json["error_class"]) == (3, "failed", "input_unresolved")
    assert told.json["steps_open"] == 0
    shown = terminal.army_json("show", told.json["id"])
    assert {**shown, **told.json} == shown
    listed = terminal.army("runs", "--status", "failed").out
    assert len(ID.findall(listed)) == 2
    report = one_sentence(terminal.army("report", told.json["id"]))
    assert report == f"run {told.json['id']} is failed and has no report; army show {told.json['id']} says more"
    assert f"every call and its error: army trace {told.json['id']}" in terminal.army("show", told.json["id"]).out


def test_a_run_reads_a_file_that_you_have(terminal: Terminal, tmp_path: Path) -> None:
    """A scraper's CSV, named as it lies on the disk: the report is about its account, and says from which file."""
    write_csv(tmp_path / "my export.csv", scraped_items(seed=3, accounts=3, videos_each=40))
    asked = ["run", "profile_audit", "--handle", "@brand_2", "--dataset", "my export.csv"]

    first, again = terminal.army_json(*asked), terminal.army_json(*asked)

    assert first["report_md"].startswith("# Profile Audit: @brand_2")
    assert "my export.csv" in first["report_md"]
    assert first["brief_jsonb"]["dataset"] == again["brief_jsonb"]["dataset"]
    own = terminal.machine.folder / "datasets" / str(terminal.workspace)
    copies = [file.name for file in own.iterdir() if file.name.endswith(".csv")]
    assert copies == [first["brief_jsonb"]["dataset"]]


def test_an_account_that_the_file_lacks_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    """One sentence with near names, and no run."""
    write_csv(tmp_path / "brands.csv", scraped_items(seed=3, accounts=3, videos_each=10))

    said = terminal.army("run", "profile_audit", "--handle", "@brand_x", "--dataset", "brands.csv")

    told = one_sentence(said)
    assert told.startswith("handle: 'brand_x' is not among the 3 accounts of the dataset; near names: brand_")
    assert terminal.army_json("runs") == {"runs": []}


def test_a_file_of_something_else_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    """One sentence about the dataset, whatever the file holds."""
    contents = [b"", b"\x00\xff\x00", b"no,table,of,accounts\n1,2,3,4\n", b'{"a": 1']
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.csv").write_bytes(content)
    asked = ["run", "profile_audit", "--handle", "@nova", "--dataset"]

    for said in all_of(terminal, [[*asked, f"{number}.csv"] for number in range(len(contents))]):
        assert one_sentence(said).startswith("dataset: ")


def test_captions_cannot_drive_the_terminal(terminal: Terminal, tmp_path: Path) -> None:
    """Escape sequences that somebody put into a caption are shown as what they are: not at all."""
    write_csv(tmp_path / "rude.csv", scraped_items(seed=3, accounts=1, videos_each=40))
    rows = list(csv.reader((tmp_path / "rude.csv").read_text(encoding="utf-8-sig").splitlines(keepends=True)))
    caption = rows[0].index("text")
    for row in rows[1:]:
        row[caption] = "\x1b[31mred\x1b]0;title\x07 [bold]cures acne[/bold] #fyp"
    with (tmp_path / "rude.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)

    said = terminal.army("run", "profile_audit", "--handle", "@brand_0", "--dataset", "rude.csv")
    run_id = ID.findall(said.err)[0]
    traced = terminal.army("trace", run_id, "--whole")

    assert said.code == 0, said.err
    assert "[bold]cures acne[/bold]" in said.out
    assert "\x1b" not in said.out + said.err + traced.out
    assert "\x07" not in said.out + traced.out


def test_a_command_without_a_stack_brings_its_own(terminal: Terminal, stack: Machine, tmp_path: Path) -> None:
    """It starts one, follows the run to its end even if told not to, and leaves no process behind."""
    home = Path(f"/var/tmp/army-alone-{uuid4().hex[:8]}")  # Postgres runs as nobody, who must get there
    try:
        said = terminal.army("run", "profile_audit", "--handle", "@nova", "--no-watch", "--json", ARMY_HOME=str(home))

        assert said.code == 0, said.err
        assert json.loads(said.out)["status"] == "succeeded"
        assert f"no stack runs in {home}; starting one for this command" in said.err
        assert "the run is followed to its end" in said.err
        assert left_behind(home) == []
    finally:
        shutil.rmtree(home, ignore_errors=True)

"""`army demo campaign` as a person has it: real processes, both modes, and what each decision comes to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from local.clean import DEMO, forget
from shared.config import process_environ
from tests.support.machines import ROOT
from tests.support.terminal import Said

PATIENCE_S = 120.0
COMMAND = [sys.executable, "-W", "ignore", "-m", "cli.main", "demo", "campaign"]
KINDS = ["update_listing", "update_listing", "publish_video", "launch_campaign", "send_message", "send_message"]


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    """A home of its own. The settings lead to the real TikTok, as those of somebody who has connected an account."""
    home = Path(tempfile.mkdtemp(prefix="army-demo-", dir="/var/tmp"))
    home.chmod(0o755)
    yield {
        **process_environ(),
        "ARMY_HOME": str(home / "home"),
        "PYTHONPATH": str(ROOT),
        "MOCK_LATENCY_SCALE": "0",
        "TIKTOK_OPEN_API_URL": "https://open.tiktokapis.com",
        "TIKTOK_ACCESS_TOKEN": "act.of-a-real-account",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/real",
    }
    assert forget(home / "home" / DEMO) is None
    shutil.rmtree(home, ignore_errors=True)


def demo(environ: dict[str, str], *words: str) -> Said:
    done = subprocess.run(
        [*COMMAND, *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def typed(environ: dict[str, str], words: Sequence[str], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """The command in a terminal, where after each prompt its answer is typed: exit code, and all that was shown."""
    ours, theirs = os.openpty()
    window = {**environ, "TERM": "dumb", "COLUMNS": "160"}
    process = subprocess.Popen([*COMMAND, *words], env=window, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown, left = "", list(answers)
    while True:
        try:
            part = os.read(ours, 65_536).decode(errors="replace")
        except OSError:  # a pseudo-terminal says so when the other side is closed
            break
        shown += part
        if left and shown.rstrip().endswith(left[0][0]):
            os.write(ours, f"{left.pop(0)[1]}\n".encode())
    os.close(ours)
    return process.wait(PATIENCE_S), shown.replace("\r\n", "\n")


def test_from_brief_to_proof(environ: dict[str, str]) -> None:
    """Everything is done once, by HTTP, and the vendors' own records say so; the film is upright; the spend is proved.
    No setting of a real account or database reaches the demo."""
    said = demo(environ, "--answers", "approve,approve,approve,approve", "--json")
    assert said.code == 0, said.err
    end = json.loads(said.out)
    post, launch = end["effects"][2], end["effects"][3]
    video = post["video"]

    assert (end["status"], end["problems"], end["not_run"]) == ("succeeded", [], [])
    assert [effect["kind"] for effect in end["effects"]] == KINDS
    assert all(effect["status"] == "done" and effect["on_record"] for effect in end["effects"])
    assert [one["decision"] for one in end["decisions"]] == ["approve"] * 4
    assert (video["width"], video["height"], video["video"], video["audio"]) == (1080, 1920, "h264", "aac")
    assert post["receipt"]["vendor"] == "tiktok"
    assert post["on_record"]["post_id"] == post["receipt"]["reference"]
    assert post["on_record"]["bytes"] == Path(video["file"]).stat().st_size
    assert launch["on_record"]["runs"]
    assert launch["on_record"]["budget"] == 300.0
    assert end["plan_md"].startswith("# Campaign Launch: @lakucosmetics")
    (audit,) = end["runs_inside"]
    assert (audit["title"], audit["reused"], audit["verdict"]) == ("Profile Audit", None, "proved")
    assert f"| Profile Audit | {audit['workflow_run_id']} | for this one |" in end["plan_md"]
    assert (end["proof"]["verdict"], end["proof"]["differences"]) == ("proved", [])


def test_a_rejection_stops_what_stands_behind_it(environ: dict[str, str]) -> None:
    """In a terminal, without any vendor: each gate shows what it is about, `more` shows all of it, and the end says
    what was done, what was not, and what was never begun."""
    prompt = "approve, reject or more:"
    answers = [(prompt, "approve"), (prompt, "more"), (prompt, "a"), (prompt, "r"), ("why:", "too [loud]")]
    code, shown = typed(environ, ["--mode", "mock"], answers)

    assert code == 3, shown
    assert "fake" not in shown.partition("workflow_run.started")[0]
    assert shown.count("digest    ") == 3
    assert "so far; releases up to $300" in shown
    assert '"caption":' in shown
    assert "made first, for $0." in shown
    end = shown.rpartition("listings changed")[2]
    assert "posted\n" in end
    assert "1080×1920, h264 and aac" in end
    assert "mock mode: no vendor was asked" in end
    assert "rejected at Approve ad spend: too [loud]" in end
    assert "not done (refused): Launch a campaign for reach" in end
    assert "campaign launched" not in end
    assert [line.strip() for line in end.splitlines() if "not run:" in line] == [
        "not run: Creator outreach",
        "not run: Approve outreach DMs",
        "not run: Campaign plan",
    ]
    assert "proved: run" in end


def test_nobody_is_there_to_answer(environ: dict[str, str]) -> None:
    """Without a terminal the answers are needed before anything is started."""
    said = demo(environ)

    assert said.code == 2
    assert "nobody is there to answer" in said.err
    assert "starting" not in said.err

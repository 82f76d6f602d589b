"""What the bench asks of every engine, and what it says to a wrong word."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import arguments, in_turn
from bench.cells import parse_cell
from bench.dag import Shape, expected, given_to, shape, worked
from bench.peers.catalog import PEERS, ROOT, Peer, peers_named
from bench.peers.driving import Loop, serve
from bench.peers.session import PeerError, PeerProcess, libpq_url
from bench.work import definition


class Engine:
    """Walks a shape in memory; `wrong` is what it adds to every digest."""

    def __init__(self, wrong: int = 0) -> None:
        self.wrong = wrong
        self.at_work = self.most = 0
        self.calls: list[str] = []

    async def start(self, folder: Path, url: str) -> None:
        self.calls.append(f"start {folder.name} {url}")

    async def prepare(self, of: Shape) -> None:
        self.calls.append(f"prepare {of.name}")

    async def run(self, of: Shape, number: int) -> int:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        digests: dict[str, int] = {}
        for level in of.levels:
            await asyncio.sleep(0)
            for key in level:
                given = given_to(key, number, [digests[before] for before in of.depends_on[key]])
                digests[key] = worked(given)["digest"]
        self.at_work -= 1
        return digests[of.last] + self.wrong

    async def stop(self) -> None:
        self.calls.append("stop")


def driven(engine: Engine, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    asked, answers = io.StringIO("".join(json.dumps(order) + "\n" for order in orders)), io.StringIO()
    asyncio.run(serve(engine, Path("folder"), "url", asked, answers))
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def drive(name: str, **more: Any) -> dict[str, Any]:
    return {"do": "drive", "shape": name, "at_once": 1, "seconds": 0, "least_runs": 1, "first_run": 1, **more}


@pytest.mark.parametrize(
    ("name", "size", "levels"), [("audit", 6, [1, 4, 1]), ("chain:3", 3, [1, 1, 1]), ("fan:10", 12, [1, 10, 1])]
)
def test_shapes_are_what_they_are_called(name: str, size: int, levels: list[int]) -> None:
    """The same steps in every engine, level after level."""
    of = shape(name)

    assert (of.size, [len(level) for level in of.levels]) == (size, levels)
    assert [step.depends_on for step in definition(of).steps] == list(of.depends_on.values())


@pytest.mark.parametrize("name", ["", "audits", "chain", "chain:", "chain:0", "fan:-1", "fan:x", "chain:10001"])
def test_what_is_no_shape_is_refused(name: str) -> None:
    """The message names the shapes there are."""
    with pytest.raises(ValueError, match="use audit, chain:N or fan:N"):
        shape(name)


@pytest.mark.parametrize("cell", ["audit@", "audit@0", "audit@x", "audit@1001", "audit@-1"])
def test_what_is_no_number_of_runs_is_refused(cell: str) -> None:
    """The message says what may stand after the @."""
    with pytest.raises(ValueError, match="1 to 1000"):
        parse_cell(cell)


def test_documents_are_about_a_kilobyte() -> None:
    """However many steps came before, what goes in and what comes out is as long."""
    for upstream in ([], [1], list(range(1000))):
        given = given_to("s1", 7, upstream)
        assert 900 < len(json.dumps(given)) < 1100
        assert 900 < len(json.dumps(worked(given))) < 1100


def test_a_skipped_or_doubled_step_shows() -> None:
    """The last digest depends on every step, on how many there were, and on the run."""
    of = shape("audit")
    middle = [worked(given_to(key, 1, [worked(given_to("s0", 1, []))["digest"]]))["digest"] for key in of.levels[1]]
    ends = [worked(given_to("s5", 1, some))["digest"] for some in (middle, middle[:3], [*middle, middle[0]])]

    assert ends[0] == expected(of, 1)
    assert len({*ends, expected(of, 2)}) == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--peers", "nope"], "there is no peer nope; there are: langgraph, dbos, dbos-queue, restate-call"),
        (["--peers", "dbos,dbos"], "named twice: dbos"),
        (["--cells", "audit@8,chain"], "use audit, chain:N or fan:N"),
        (["--seconds", "0"], "--seconds must be more than 0"),
        (["--rounds", "-1"], "--rounds must be more than 0"),
    ],
)
def test_wrong_words_are_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is started, with what is allowed."""
    with pytest.raises(SystemExit):
        arguments(words)

    assert told in " ".join(capsys.readouterr().err.split())


def test_nothing_asked_for_is_everything_of_ours() -> None:
    """Without peers, the standard cells, once."""
    given = arguments([])

    assert (given.peers, given.rounds, len(given.cells)) == ([], 1, 9)


def test_every_round_begins_with_another_one() -> None:
    """Whoever was first in a round is last in the next; all have the same number of turns."""
    rounds = [in_turn(["ours", "a", "b"], number) for number in range(4)]

    assert rounds == [["ours", "a", "b"], ["a", "b", "ours"], ["b", "ours", "a"], ["ours", "a", "b"]]


def test_every_peer_has_its_requirements() -> None:
    """Its environment can be made, with every package pinned, and its module is there."""
    for peer in PEERS.values():
        lines = (ROOT / "bench" / "peers" / f"requirements-{peer.environment}.txt").read_text().splitlines()
        assert all("==" in line for line in lines if not line.startswith("#"))
        assert (ROOT / "bench" / "peers" / f"{peer.module}.py").exists()


def test_a_peer_is_driven_by_orders() -> None:
    """Started, prepared, driven with so many in flight, checked, and stopped at the end of the orders."""
    engine = Engine()

    answers = driven(
        engine, {"do": "prepare", "shape": "audit"}, drive("audit", at_once=4, least_runs=20), {"do": "check"}
    )

    assert engine.calls == ["start folder url", "prepare audit", "stop"]
    assert len(answers[2]["latencies_s"]) >= 20
    assert (engine.most, answers[3]["checked"]) == (4, len(answers[2]["latencies_s"]))


def test_a_wrong_digest_is_no_result() -> None:
    """A peer that leaves work out is found out, and stopped."""
    engine = Engine(wrong=1)

    with pytest.raises(AssertionError, match=r"1 wrong digests, such as run 1 of chain:2"):
        driven(engine, drive("chain:2"), {"do": "check"})

    assert engine.calls[-1] == "stop"


def test_runs_are_checked_once() -> None:
    """What a check has seen, the next one does not count again."""
    loop = Loop(Engine())

    async def twice() -> list[Any]:
        await loop.drive(shape("audit"), 1, 0.0, 2, 1)
        return [loop.check()["checked"], loop.check()["checked"]]

    assert asyncio.run(twice()) == [2, 0]


def test_a_peer_that_ends_says_why(tmp_path: Path) -> None:
    """Its last words are in the error."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    process = PeerProcess(Peer("broken", str(tmp_path), "in_no_such_engine", "nothing"), tmp_path, "url")

    with pytest.raises(PeerError, match=r"(?s)broken has ended.*No module named 'bench.peers.in_no_such_engine'"):
        process.answer(30)


def test_an_address_is_read_by_other_libraries() -> None:
    """The folder of the socket stays, and there is no host of the network."""
    assert libpq_url("postgresql://army_admin@/peer?host=/s") == "postgresql://army_admin@/peer?host=/s"


def test_peers_that_are_not_installed_are_named() -> None:
    """With the command that installs them."""
    absent = [peer.name for peer in PEERS.values() if not peer.python.exists()]
    if absent:
        with pytest.raises(ValueError, match="make bench-peers"):
            peers_named(absent[0])
    assert peers_named("") == []

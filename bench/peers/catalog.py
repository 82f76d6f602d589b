"""The other engines that can be measured beside ours: where each lives, and what it makes durable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / ".bench"  # `make bench-peers` makes them


@dataclass(frozen=True)
class Peer:
    """One way of using another engine. `environment`: the folder in .bench, and its requirements file, by name;
    `module`: the part of bench.peers that drives it, inside of that environment."""

    name: str
    environment: str
    module: str
    durable: str

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.environment / "bin" / "python"


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "langgraph",
            "langgraph",
            "in_langgraph",
            "the state after each level of the graph and what each node put out, in Postgres, before the next level "
            "begins; no row of the run, no queue, no lease, nothing that goes on by itself after a crash",
        ),
        Peer(
            "dbos",
            "dbos",
            "in_dbos",
            "input and output of the run, and of each step, in Postgres; steps stay in the process that began the run",
        ),
        Peer(
            "dbos-queue",
            "dbos",
            "in_dbos_queue",
            "each step is a queued workflow with its input and output in Postgres, which any process may take",
        ),
        Peer(
            "restate-call",
            "restate",
            "in_restate",
            "each step is a call over HTTP; its input, output and journal are in the server's own store, with fsync",
        ),
    )
}


def peers_named(given: str) -> list[Peer]:
    """The peers of a list with commas. Raises ValueError with what is allowed, or with what has to be done first."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        raise ValueError(f"there is no peer {', '.join(unknown)}; there are: {', '.join(PEERS)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    found = [PEERS[name] for name in names]
    missing = sorted({peer.environment for peer in found if not peer.python.exists()})
    if missing:
        raise ValueError(f"not installed: {', '.join(missing)}; run `make bench-peers` first")
    return found

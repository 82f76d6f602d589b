"""What processes and Postgres use, read from /proc and from Postgres itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from local.postgres import Addresses
from shared.config import Settings
from shared.store.connection import connect_url
from shared.store.sql import parsed
from shared.store.wire import WireConnection

TICKS = os.sysconf("SC_CLK_TCK")
QUERIES = parsed((Path(__file__).parent / "bench.sql").read_text())


def tree(root: int) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found, to_visit = [], [root]
    while to_visit:
        pid = to_visit.pop()
        found.append(pid)
        to_visit += below.get(pid, [])
    return found


def cpu_s(pids: list[int]) -> float:
    """User and system seconds of these processes, and of their children that have ended."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(fields[at]) for at in (11, 12, 13, 14))
    return total / TICKS


@dataclass(frozen=True)
class Reading:
    """One look at everything that is counted."""

    app_cpu_s: float
    postgres_cpu_s: float
    write_xacts: int
    wal_bytes: int


class Meter:
    """Reads CPU and Postgres counters. The owner's connection is its own and counts among neither."""

    def __init__(self, addresses: Addresses, postgres_pid: int) -> None:
        settings = Settings.model_validate({"database_owner_url": addresses.owner})
        assert settings.database_owner_url is not None
        self._connection: WireConnection = connect_url(settings.database_owner_url, "owner")
        self._postgres_pid = postgres_pid

    def read(self) -> Reading:
        (row,) = self._connection.exchange([QUERIES["counters"].with_values({})])[0]
        postgres = tree(self._postgres_pid)
        ours = [pid for pid in tree(os.getpid()) if pid not in set(postgres)]
        return Reading(cpu_s(ours), cpu_s(postgres), int(row.next_xid), int(row.wal_bytes))

    def close(self) -> None:
        self._connection.close()

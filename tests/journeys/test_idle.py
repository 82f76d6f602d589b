"""Waiting costs nothing: with a thousand runs that wait for a person, the machine asks the database for what is due,
once a tick, and nothing else."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from local.drill.until import until
from local.stack import Stack
from shared.config import process_environ
from shared.engine.rooms import Rooms
from shared.engine.start_run import RunRequest, start_run
from shared.store.session import Store
from shared.store.sql import queries
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.parked import fill
from tests.support.queues import HeldQueue

GATES, TICKS = 1_000, 10
TICKS_AN_HOUR, MOST_AN_HOUR = 60, 100  # of a Cloud Scheduler job; of statements
LOGGED = re.compile(r"(?:execute [^:\n]*|statement): ((?:.*)(?:\n\t.*)*)")


@pytest.fixture(scope="module")
def idle() -> Iterator[Stack]:
    """A stack whose only work is a thousand open gates, and whose Postgres writes down every statement."""
    folder = Path(tempfile.mkdtemp(prefix="army-idle-", dir="/var/tmp"))
    folder.chmod(0o755)
    environ = {**process_environ(), "SWEEP_GRACE_S": "3600"}
    with Stack(folder / "stack", environ, sweep_every_s=0.2, fsync=False) as stack:
        store = Store(stack.settings)
        request = RunRequest(uuid4(), PROFILE_AUDIT, {"handle": "@x", "target_type": "own_brand"}, "t")
        run = start_run(request, Rooms(stack.settings, store, HeldQueue()))
        store.close()
        owner = stack.settings.database_owner_url
        assert len(fill(owner, "open_gates", run_id=run.run_id, many=GATES)) == GATES
        fill(owner, "log_statements")
        fill(owner, "reload")
        yield stack
    shutil.rmtree(folder, ignore_errors=True)


def statements(stack: Stack) -> list[str]:
    """The names of the statements that Postgres was sent, since it began to write them down; their text, if they are
    none of ours."""
    log = (stack.folder / "postgres" / "postgres.log").read_text()
    names = {" ".join(query.sql.split()): name for name, query in queries().items()}
    texts = [" ".join(found.split()) for found in LOGGED.findall(log)]
    return [names.get(text, text) for text in texts]


def test_a_thousand_open_gates_cost_the_sweeps_question_only(idle: Stack) -> None:
    """One statement a tick: whatever else a sweep looks for has to be part of it, to stay below a hundred an hour."""
    until(lambda: statements(idle).count("due_to_wake") >= TICKS, what=f"{TICKS} ticks")

    found = statements(idle)

    ticks = found.count("due_to_wake")
    others = [name for name in found if name != "due_to_wake"]
    assert len(others) + ticks <= ticks * MOST_AN_HOUR / TICKS_AN_HOUR
    assert all(name in queries() for name in others), others

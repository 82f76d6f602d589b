"""What was published is held against what stands in the outbox: whatever was changed since is found, and where."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from shared.config import Settings
from shared.engine.drain_outbox import RelayTask, drain_outbox
from shared.engine.rooms import Rooms
from shared.engine.verify_audit import verify_run
from shared.errors import NotFoundError
from shared.store.connection import connect_url
from shared.store.wire import Statement
from tests.support.agents import registered_agents
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, workflow
from tests.support.telling import KeptAudit, told_rooms


@pytest.fixture
def told(settings: Settings, queue: HeldQueue) -> Iterator[Rooms]:
    with registered_agents():
        rooms = told_rooms(settings, queue, KeptAudit())
        yield rooms
        rooms.store.close()


@pytest.fixture
def run_id(told: Rooms, queue: HeldQueue, workspace: UUID) -> UUID:
    """A run of two steps that has ended and was published whole."""
    run = started(workflow(step("first"), step("second", "first")), workspace, told)
    queue.deliver_all(told)
    return run.run_id


def tamper(settings: Settings, run_id: UUID, sql: str) -> None:
    """Changes rows past every wall, as somebody with the owner's password could."""
    assert settings.database_owner_url is not None
    connection = connect_url(settings.database_owner_url, "owner")
    connection.exchange([Statement(sql.replace("RUN", "$1::uuid"), [run_id])])
    connection.close()


def test_an_untouched_run_is_intact(told: Rooms, workspace: UUID, run_id: UUID) -> None:
    """Every event fits its hash, and the last one is the one that was published last."""
    found = verify_run(workspace, run_id, told)

    assert (found["verdict"], found["first_broken_seq"], found["published"]) == ("intact", None, 10)


@pytest.mark.parametrize(
    ("sql", "seq", "why"),
    [
        (
            "update tiktok_outbox set payload = payload || '{\"cost_usd\": 0}' where subject_id = RUN and seq = 5",
            5,
            "changed",
        ),
        ("update tiktok_outbox set created_at = now() where subject_id = RUN and seq = 1", 1, "changed"),
        ("update tiktok_outbox set kind = 'workflow_run.failed' where subject_id = RUN and seq = 10", 10, "changed"),
        ("delete from tiktok_outbox where subject_id = RUN and seq = 4", 4, "missing"),
        ("delete from tiktok_outbox where subject_id = RUN and seq >= 9", 9, "missing"),
        ("delete from tiktok_audit_links where subject_id = RUN and seq = 7", 7, "no hash"),
        ("update tiktok_audit_links set hash = repeat('0', 64) where subject_id = RUN and seq = 3", 3, "changed"),
        ("update tiktok_tellings set chain_head = repeat('0', 64) where subject_id = RUN", 10, "published last"),
        (
            "update tiktok_outbox o set payload = p.payload, kind = p.kind, created_at = p.created_at"
            " from tiktok_outbox p where o.subject_id = RUN and p.subject_id = RUN"
            " and (o.seq, p.seq) in ((6, 8), (8, 6))",
            6,
            "changed",
        ),
    ],
)
def test_the_first_broken_link_is_named(
    told: Rooms, workspace: UUID, run_id: UUID, sql: str, seq: int, why: str
) -> None:
    """Edited, deleted, cut off, swapped, or its hash touched: the first event that does not fit, and what is wrong."""
    tamper(told.settings, run_id, sql)

    found = verify_run(workspace, run_id, told)

    assert (found["verdict"], found["first_broken_seq"]) == ("broken", seq)
    assert why in found["why"]


def test_nothing_published_is_no_proof(rooms: Rooms, workspace: UUID) -> None:
    """A run that was never published is said to be so, not to be intact."""
    run = started(workflow(step("first")), workspace, rooms)

    assert verify_run(workspace, run.run_id, rooms)["verdict"] == "unpublished"


def test_what_came_since_is_no_break(told: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Events that are not published yet are not held against anything."""
    run = started(workflow(step("first")), workspace, told)
    drain_outbox(RelayTask(workspace, run.run_id), told)
    queue.deliver(next(wake for wake in queue.held if "step_id" in wake.body), told)

    found = verify_run(workspace, run.run_id, told)

    assert (found["verdict"], found["published"]) == ("intact", 1)


def test_a_foreign_run_is_not_there(told: Rooms, run_id: UUID) -> None:
    """Another workspace learns nothing of it."""
    with pytest.raises(NotFoundError):
        verify_run(uuid4(), run_id, told)

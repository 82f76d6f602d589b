"""The outbox is drained: every event to the audit, in order, at least once; the newest state to the mirror."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import pytest

from shared.audit.table import misfits
from shared.config import Settings
from shared.engine.control import Ask, pause_run
from shared.engine.drain_outbox import Drained, DrainOutcome, RelayTask, drain_outbox
from shared.engine.hold_effects import hold_effects
from shared.engine.members import Member
from shared.engine.rooms import Rooms
from shared.engine.sweep import sweep
from shared.engine.tell import OF_NO_RUN, OF_RUNS_FOUND, TellSoon, subject_in
from shared.errors import ProviderRefusedError, TransientError
from shared.queue.tasks import Wake
from shared.store.sql import queries
from tests.support.agents import registered_agents
from tests.support.database import Cluster, settings_for
from tests.support.escrow import registered_effects
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, started, step, workflow
from tests.support.tasks import eventually
from tests.support.telling import Death, KeptAudit, KeptMirror, relays, told_rooms

THREE = workflow(step("first"), step("second", "first"), step("third", "second"))


@pytest.fixture
def audit() -> KeptAudit:
    return KeptAudit()


@pytest.fixture
def mirror() -> KeptMirror:
    return KeptMirror()


@pytest.fixture
def told(settings: Settings, queue: HeldQueue, audit: KeptAudit, mirror: KeptMirror) -> Iterator[Rooms]:
    with registered_agents():
        rooms = told_rooms(settings, queue, audit, mirror, relay_batch=4)
        yield rooms
        rooms.store.close()


def drained(workspace: UUID, run_id: UUID, rooms: Rooms) -> Drained:
    """Drains once the window since the last telling is over."""

    def one() -> Drained | None:
        found = drain_outbox(RelayTask(workspace, run_id), rooms)
        return None if found.outcome is DrainOutcome.HELD else found

    found = eventually(one)
    assert found is not None
    return found


def ended_run(workspace: UUID, rooms: Rooms) -> UUID:
    """A run of three steps that has ended; nothing of it is told yet."""
    assert isinstance(rooms.queue, HeldQueue)
    run = started(THREE, workspace, rooms)
    while steps := [wake for wake in rooms.queue.held if wake not in relays(rooms.queue)]:
        rooms.queue.held.remove(steps[0])
        rooms.queue.deliver(steps[0], rooms)
    return run.run_id


def test_every_event_is_published_in_order(told: Rooms, queue: HeldQueue, workspace: UUID, audit: KeptAudit) -> None:
    """What stands in the outbox is what the audit got: each event once, numbered without a gap."""
    run = started(THREE, workspace, told)

    queue.deliver_all(told)

    written = events_of(run.run_id, workspace, told)
    assert [(event["seq"], event["kind"]) for event in audit.of(run.run_id)] == [(e.seq, e.kind) for e in written]
    assert written[-1].kind == "workflow_run.completed"
    assert [problem for event in audit.of(run.run_id) for problem in misfits(event)] == []


def test_the_mirror_shows_the_end(told: Rooms, queue: HeldQueue, workspace: UUID, mirror: KeptMirror) -> None:
    """The run's document and those of its steps say how they ended, under the run's last version."""
    run = started(THREE, workspace, told)

    queue.deliver_all(told)

    path = f"workspaces/{workspace}/runs/{run.run_id}"
    assert mirror.fields(path)["status"] == "succeeded"
    assert mirror.version(path) == events_of(run.run_id, workspace, told)[-1].seq
    steps = {key: mirror.fields(f"{path}/steps/{key}")["status"] for key in ("first", "second", "third")}
    assert steps == dict.fromkeys(("first", "second", "third"), "succeeded")


def test_the_mirror_shows_the_beginning_whole(told: Rooms, workspace: UUID, mirror: KeptMirror) -> None:
    """After the first telling every step has its document, also those that wait."""
    run = started(THREE, workspace, told)

    drained(workspace, run.run_id, told)

    steps = f"workspaces/{workspace}/runs/{run.run_id}/steps"
    assert [mirror.fields(f"{steps}/{key}")["status"] for key in ("first", "third")] == ["queued", "pending"]


def test_the_mirror_holds_no_content(told: Rooms, queue: HeldQueue, workspace: UUID, mirror: KeptMirror) -> None:
    """Neither the brief's text nor what a step put out is in any document."""
    started(THREE, workspace, told, brief={"handle": "x", "notes": "very-secret-notes"})

    queue.deliver_all(told)

    shown = str([document.fields for document in mirror.documents.values()])
    assert "very-secret" not in shown and "output" not in shown and "input" not in shown


def test_a_gate_is_mirrored(told: Rooms, queue: HeldQueue, workspace: UUID, mirror: KeptMirror) -> None:
    """An open approval has a document: what it asks is in it by digest only."""
    write = step("write", agent="proposing", input_map={"notes": "brief.notes"})
    asking = workflow(write, step("ok", "write", agent="approval_gate"))
    with registered_effects():
        started(asking, workspace, told, brief={"notes": [{"text": "a"}]})
        queue.deliver_all(told)

    (gate,) = [one for path, one in mirror.documents.items() if f"workspaces/{workspace}/gates/" in path]
    assert (gate.fields["status"], gate.fields["step_key"]) == ("open", "ok")
    assert "proposal" not in gate.fields


def test_off_asks_for_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Where audit and mirror are off, no telling is asked for, and one that comes by itself does nothing."""
    run = started(THREE, workspace, rooms)

    assert relays(queue) == []
    assert drain_outbox(RelayTask(workspace, run.run_id), rooms).outcome == DrainOutcome.OFF


def test_a_window_has_one_task(told: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """A whole run in one window asks for one telling, not for one an event."""
    run_id = ended_run(workspace, told)

    assert len(events_of(run_id, workspace, told)) > 10
    assert [wake.body["subject_id"] for wake in relays(queue)] == [str(run_id)]


class AwayQueue(HeldQueue):
    """Takes no telling, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def wake_many(self, items: Sequence[Wake]) -> None:
        self.asked += 1
        raise TransientError("the queue does not answer")


def test_a_queue_that_is_away_is_left_alone(workspace: UUID) -> None:
    """The first commit finds out; those after it do not wait for the queue until a while has passed."""
    queue = AwayQueue()
    patient, eager = TellSoon(queue, 1.0), TellSoon(queue, 1.0, away_s=0.0)
    moves = [("claim_steps", {"run_id": uuid4()})]

    for _ in range(5):
        patient(workspace, moves)
    asked = queue.asked
    for _ in range(5):
        eager(workspace, moves)

    assert (asked, queue.asked) == (1, 6)


def test_a_move_without_events_asks_for_nothing(queue: HeldQueue, workspace: UUID) -> None:
    """What only reads, or moves runs that it finds itself, makes no task."""
    tell = TellSoon(queue, 1.0)

    tell(workspace, [("run_status", {"run_id": uuid4()}), ("wake_parent", {"run_id": uuid4(), "grace_s": 1.0})])
    tell(workspace, [("resume_runs", {"run_id": None})])

    assert queue.held == []


def test_every_statement_that_tells_says_of_whom() -> None:
    """One that writes events names their run or their workspace; else it must be listed in shared/engine/tell.py."""
    silent = [name for name, value in subject_in().items() if value not in queries()[name].parameters]

    assert silent == []
    assert queries().keys() >= OF_NO_RUN.keys() | OF_RUNS_FOUND and len(subject_in()) > 25


@pytest.mark.parametrize("room", ["audit", "mirror"])
def test_what_was_not_taken_is_told_later(
    told: Rooms, queue: HeldQueue, workspace: UUID, audit: KeptAudit, mirror: KeptMirror, room: str
) -> None:
    """A room that does not answer loses nothing: the telling says so, asks for another, and that one tells all."""
    run_id = ended_run(workspace, told)
    queue.held.clear()
    refusing = audit if room == "audit" else mirror
    refusing.refusals = 1

    failed = drain_outbox(RelayTask(workspace, run_id), told)

    assert failed.outcome == DrainOutcome.FAILED and len(relays(queue)) == 1
    assert drained(workspace, run_id, told).outcome == DrainOutcome.TOLD
    assert len(audit.view(run_id)) == len(audit.of(run_id)) == len(events_of(run_id, workspace, told))
    assert mirror.fields(f"workspaces/{workspace}/runs/{run_id}")["status"] == "succeeded"


def test_a_refusal_is_no_reason_to_redeliver(told: Rooms, workspace: UUID, audit: KeptAudit) -> None:
    """A topic that is not there is recorded as a failure, and tried again later: the queue is not told to hurry."""
    run_id = ended_run(workspace, told)

    def refuse() -> None:
        raise ProviderRefusedError("NOT_FOUND", "no such topic")

    audit.meanwhile = refuse

    assert drain_outbox(RelayTask(workspace, run_id), told).outcome == DrainOutcome.FAILED


def test_a_death_publishes_again(
    settings: Settings, queue: HeldQueue, workspace: UUID, audit: KeptAudit, mirror: KeptMirror
) -> None:
    """A drain that dies after the topic took a batch leaves it unmarked: it is sent again, the same to the letter."""
    with registered_agents():
        rooms = told_rooms(settings, queue, audit, mirror, relay_batch=4, relay_lease_s=0.05)
        run_id = ended_run(workspace, rooms)

        def die() -> None:
            raise Death

        audit.meanwhile = die
        with pytest.raises(Death):
            drain_outbox(RelayTask(workspace, run_id), rooms)
        audit.meanwhile = lambda: None
        drained(workspace, run_id, rooms)
        written = events_of(run_id, workspace, rooms)
        rooms.store.close()

    published = audit.of(run_id)
    assert published[:4] == published[4:8]
    assert [event["seq"] for event in audit.view(run_id)] == [event.seq for event in written]


def test_two_drains_do_not_mix(told: Rooms, queue: HeldQueue, workspace: UUID, audit: KeptAudit) -> None:
    """While one drain is at work, another tells nothing and asks for a time after it. Nothing is sent twice."""
    run_id = ended_run(workspace, told)
    queue.held.clear()
    others: list[Drained] = []
    audit.meanwhile = lambda: others.append(drain_outbox(RelayTask(workspace, run_id), told))

    first = drain_outbox(RelayTask(workspace, run_id), told)

    assert first.outcome == DrainOutcome.TOLD
    assert {other.outcome for other in others} == {DrainOutcome.HELD} and len(relays(queue)) >= 1
    assert [event["seq"] for event in audit.of(run_id)] == list(range(1, first.published + 1))


def test_a_slow_drain_is_overtaken(
    settings: Settings, queue: HeldQueue, workspace: UUID, audit: KeptAudit, mirror: KeptMirror
) -> None:
    """A drain that sleeps past its claim marks nothing when it wakes: what the other one told stands."""
    with registered_agents():
        rooms = told_rooms(settings, queue, audit, mirror, relay_lease_s=0.02)
        run_id = ended_run(workspace, rooms)
        others: list[Drained] = []

        def sleep_while_another_tells() -> None:
            audit.meanwhile = lambda: None
            others.append(drained(workspace, run_id, rooms))

        audit.meanwhile = sleep_while_another_tells
        overtaken = drain_outbox(RelayTask(workspace, run_id), rooms)
        again = drained(workspace, run_id, rooms)
        rooms.store.close()

    assert (others[0].outcome, overtaken.outcome) == (DrainOutcome.TOLD, DrainOutcome.NOT_OURS)
    assert (again.outcome, again.published) == (DrainOutcome.TOLD, 0)


def test_drains_race(told: Rooms, workspace: UUID, audit: KeptAudit) -> None:
    """Eight drains at once publish every event exactly once between them, in order."""
    run_id = ended_run(workspace, told)
    threads = [threading.Thread(target=drained, args=(workspace, run_id, told)) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [event["seq"] for event in audit.of(run_id)] == [e.seq for e in events_of(run_id, workspace, told)]


def test_a_drain_out_of_time_goes_on_later(
    settings: Settings, queue: HeldQueue, workspace: UUID, audit: KeptAudit, mirror: KeptMirror
) -> None:
    """A drain with more to tell than time tells a part, and asks for another."""
    with registered_agents():
        rooms = told_rooms(settings, queue, audit, mirror, relay_batch=4)
        run_id = ended_run(workspace, rooms)
        queue.held.clear()
        hurried = Rooms(rooms.settings.model_copy(update={"relay_within_s": 0.0}), rooms.store, queue, audit, mirror)

        first = drain_outbox(RelayTask(workspace, run_id), hurried)
        asked = len(relays(queue))
        drained(workspace, run_id, rooms)
        written = events_of(run_id, workspace, rooms)
        rooms.store.close()

    assert (first.outcome, first.published, asked) == (DrainOutcome.MORE, 4, 1)
    assert [event["seq"] for event in audit.of(run_id)] == [event.seq for event in written]


def test_a_foreign_subject_is_unknown(told: Rooms, workspace: UUID, audit: KeptAudit) -> None:
    """A run of another workspace, or none at all, is told of to nobody."""
    run_id = ended_run(workspace, told)

    outcomes = [drain_outbox(RelayTask(*ids), told).outcome for ids in ((uuid4(), run_id), (workspace, uuid4()))]

    assert outcomes == [DrainOutcome.UNKNOWN] * 2 and audit.deliveries == []


def test_a_pause_is_told(told: Rooms, workspace: UUID, mirror: KeptMirror) -> None:
    """Control of a run reaches the mirror as its steps do."""
    run = started(THREE, workspace, told)
    pause_run(Ask(workspace, run.run_id, "ada", "lunch"), told)

    drained(workspace, run.run_id, told)

    assert mirror.fields(f"workspaces/{workspace}/runs/{run.run_id}")["paused_at"] is not None


def test_the_workspace_is_told_of(told: Rooms, queue: HeldQueue, workspace: UUID, audit: KeptAudit) -> None:
    """What happens to the whole workspace is counted by it, and belongs to no run."""
    hold_effects(Member(workspace, "ada", ("admin",)), "wait for legal", told)

    queue.deliver_all(told)

    (event,) = audit.of(workspace)
    assert (event["kind"], event["actor"]) == ("effects.held", "ada")
    assert "run_id" not in event


def test_the_sweep_finds_what_was_lost(cluster: Cluster, workspace: UUID) -> None:
    """Every task of a telling is lost: the sweep finds the events, has them told, and then looks no more."""
    settings = settings_for(cluster.fresh(), sweep_grace_s=0.1)
    queue, audit, mirror = HeldQueue(), KeptAudit(), KeptMirror()
    with registered_agents():
        rooms = told_rooms(settings, queue, audit, mirror)
        run_id = ended_run(workspace, rooms)
        queue.held.clear()

        eventually(lambda: sweep(rooms).told)
        queue.deliver_all(rooms)
        after = [sweep(rooms).told for _ in range(3)]
        written = events_of(run_id, workspace, rooms)
        rooms.store.close()

    assert [event["seq"] for event in audit.of(run_id)] == [event.seq for event in written]
    assert after == [0, 0, 0]


def test_the_sweep_takes_over_from_the_dead(cluster: Cluster, workspace: UUID) -> None:
    """A drain died, and its own task with it: the sweep has its subject told again."""
    settings = settings_for(cluster.fresh(), sweep_grace_s=0.1)
    queue, audit, mirror = HeldQueue(), KeptAudit(), KeptMirror()
    with registered_agents():
        rooms = told_rooms(settings, queue, audit, mirror, relay_lease_s=0.05)
        run_id = ended_run(workspace, rooms)
        queue.held.clear()

        def die() -> None:
            raise Death

        audit.meanwhile = die
        with pytest.raises(Death):
            drain_outbox(RelayTask(workspace, run_id), rooms)
        audit.meanwhile = lambda: None
        eventually(lambda: sweep(rooms).told)
        queue.deliver_all(rooms)
        rooms.store.close()

    assert mirror.fields(f"workspaces/{workspace}/runs/{run_id}")["status"] == "succeeded"

"""Effects whose executor dies, whose vendor will not, that are held, resolved, or outlive their run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from shared.effects.spend_cap import AdSpend, ad_day, charge
from shared.engine.control import Ask, cancel_run
from shared.engine.hold_effects import hold_effects, lift_hold, read_hold
from shared.engine.read_run import read_run
from shared.engine.resolve_effect import Resolution, resolve_effect
from shared.engine.rooms import Rooms
from shared.errors import ConflictError, NotFoundError
from tests.engine.test_gates import at_gate, decided, effects_of, left_to_wake
from tests.support.ageing import alerts_of, pass_time
from tests.support.escrow import Vendor, registered_effects
from tests.support.queues import HeldQueue
from tests.support.runs import events_of, owner_of, steps_of


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with registered_effects() as made:
        yield made


def released(rooms: Rooms, queue: HeldQueue, workspace: UUID, **note: Any) -> tuple[UUID, Any]:
    """A run with one effect that was approved and not begun, and the effect."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "one", **note})
    decided(rooms, workspace, gate)
    (effect,) = effects_of(run_id, workspace, rooms)
    return run_id, effect


def dies(rooms: Rooms, queue: HeldQueue, workspace: UUID, run_id: UUID, effect: Any) -> str:
    """An executor takes the effect and dies: its task comes to nothing. The effect's key at the vendor."""
    queue.held.clear()
    values = {"effect_id": effect.id, "lease_s": 30.0, "grace_s": 20.0}
    (claimed,) = rooms.store.move_step(workspace, "claim_effect", run_id=run_id, **values)
    return str(claimed.idempotency_key)


def the_effect(rooms: Rooms, workspace: UUID, run_id: UUID) -> Any:
    (effect,) = effects_of(run_id, workspace, rooms)
    return effect


def resolve(rooms: Rooms, workspace: UUID, effect: Any, became: Any, **more: Any) -> Any:
    return resolve_effect(Resolution(workspace, effect.id, "ada", became, "looked", **more), rooms)


def test_an_executor_that_died_before_the_deed(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """While its lease holds nobody takes over; after that the vendor is looked at, and it is done once."""
    run_id, effect = released(rooms, queue, workspace)
    dies(rooms, queue, workspace, run_id, effect)

    pass_time(run_id, 10, rooms, queue)
    assert (the_effect(rooms, workspace, run_id).status, vendor.asked) == ("doing", [])
    pass_time(run_id, 60, rooms, queue)

    assert the_effect(rooms, workspace, run_id).attempt == 2
    assert (len(vendor.asked), read_run(workspace, run_id, rooms)["status"]) == (1, "succeeded")


def test_an_executor_that_died_after_the_deed(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """It is found at the vendor, and not done again."""
    run_id, effect = released(rooms, queue, workspace)
    key = dies(rooms, queue, workspace, run_id, effect)
    vendor.done[key] = "one"

    pass_time(run_id, 60, rooms, queue)

    assert the_effect(rooms, workspace, run_id).receipt["reference"] == f"note-{key[:8]}"
    assert (vendor.asked, read_run(workspace, run_id, rooms)["status"]) == ([], "succeeded")


def test_a_lost_executor_of_a_cancelled_run_is_told(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Nobody takes over: it is unknown, an alert says so, and the sweep has nothing left to wake."""
    run_id, effect = released(rooms, queue, workspace)
    dies(rooms, queue, workspace, run_id, effect)
    cancel_run(Ask(workspace, run_id, "ada"), rooms)

    pass_time(run_id, 60, rooms, queue)

    now = the_effect(rooms, workspace, run_id)
    assert (now.status, now.error_class, vendor.asked) == ("unknown", "run_ended", [])
    assert [alert.kind for alert in alerts_of(run_id, rooms)] == ["effect_unknown"]
    pass_time(run_id, 600, rooms, queue)
    assert left_to_wake(rooms, queue, workspace) == []
    run, events = read_run(workspace, run_id, rooms), events_of(run_id, workspace, rooms)
    assert [event.seq for event in events] == list(range(1, run["version"] + 1))
    assert resolve(rooms, workspace, effect, "done", reference="note-7")["status"] == "done"


def test_what_was_begun_when_its_run_ended_raises_an_alert(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Parked by the cancel itself: a person is told to look."""
    run_id, effect = released(rooms, queue, workspace, trouble=["busy"])
    key = dies(rooms, queue, workspace, run_id, effect)
    noted = {"effect_id": effect.id, "attempt": 1, "progress": f'{{"begun": "{key}"}}', "lease_s": 30.0}
    rooms.store.move(workspace, "note_effect", **noted)
    patient = rooms.settings.model_copy(update={"step_retry_base_s": 60.0, "step_retry_floor_s": 60.0})
    pass_time(run_id, 60, replace(rooms, settings=patient), queue)
    assert the_effect(rooms, workspace, run_id).status == "released"

    cancel_run(Ask(workspace, run_id, "ada"), rooms)

    assert the_effect(rooms, workspace, run_id).status == "unknown"
    assert [alert.title for alert in alerts_of(run_id, rooms)] == ["Nobody can tell whether this happened: Pin 'one'"]


def test_a_vendor_that_stays_away_is_given_up(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """After as many tries as the settings say: refused, for it surely did not happen, and the gate fails."""
    run_id, _ = released(rooms, queue, workspace, trouble=["busy"] * 20)

    for _ in range(rooms.settings.max_effect_attempts):
        pass_time(run_id, 7200, rooms, queue)

    now = the_effect(rooms, workspace, run_id)
    assert (now.status, len(vendor.asked)) == ("refused", rooms.settings.max_effect_attempts)
    assert "given up after 8 tries" in now.error_message
    assert read_run(workspace, run_id, rooms)["status"] == "failed"


def test_one_refusal_among_others_lets_the_run_go_on(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """What could be done is done; the step behind the gate reads which was not, and why."""
    run_id, gate = at_gate(rooms, queue, workspace, {"text": "a"}, {"text": "b", "trouble": ["refuse"]})
    decided(rooms, workspace, gate)
    queue.deliver_all(rooms)

    effects = steps_of(run_id, workspace, rooms)["ask"]["output_jsonb"]["effects"]
    assert [(one["status"], one["error"]) for one in effects] == [("done", None), ("refused", "the wall is closed")]
    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"


def test_the_hold_costs_nothing(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Released under it: no task, no wake-up. The first who holds is who is shown. Lifted: done, once."""
    hold_effects(owner_of(workspace), "legal", rooms)
    hold_effects(owner_of(workspace, "bob"), "me too", rooms)
    run_id, _ = released(rooms, queue, workspace)
    queue.deliver_all(rooms)

    held = read_hold(workspace, rooms)
    assert held is not None and (held["by"], held["reason"]) == ("ada", "legal")
    pass_time(run_id, 86_400, rooms, queue)
    assert (left_to_wake(rooms, queue, workspace), vendor.asked) == ([], [])
    assert lift_hold(owner_of(workspace, "bob"), rooms)["effects_woken"] == 1
    queue.deliver_shuffled(rooms, seed=3)
    assert (len(vendor.asked), read_run(workspace, run_id, rooms)["status"]) == (1, "succeeded")
    told = [(event.kind, event.payload["by"]) for event in events_of(workspace, workspace, rooms)]
    assert told == [("effects.held", "ada"), ("effects.lifted", "bob")]


def test_under_the_hold_nobody_takes_over(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """An executor was lost before the deed: whoever takes over would do it, so that waits for the lifting too."""
    run_id, effect = released(rooms, queue, workspace)
    dies(rooms, queue, workspace, run_id, effect)
    hold_effects(owner_of(workspace), None, rooms)

    pass_time(run_id, 60, rooms, queue)
    pass_time(run_id, 60, rooms, queue)

    assert (the_effect(rooms, workspace, run_id).status, vendor.asked) == ("doing", [])
    assert left_to_wake(rooms, queue, workspace) == []
    lift_hold(owner_of(workspace), rooms)
    queue.deliver_all(rooms)
    assert (len(vendor.asked), read_run(workspace, run_id, rooms)["status"]) == (1, "succeeded")


@pytest.mark.parametrize(("became", "status"), [("done", "succeeded"), ("refused", "failed")])
def test_what_nobody_could_tell_is_said_by_a_person(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor, became: str, status: str
) -> None:
    """The run goes on from there, the vendor is not asked, and the events say who said what."""
    run_id, effect = released(rooms, queue, workspace, trouble=["unknown"])
    queue.deliver_all(rooms)
    reference = "note-7" if became == "done" else None

    resolve(rooms, workspace, effect, became, reference=reference)
    queue.deliver_all(rooms)

    assert (the_effect(rooms, workspace, run_id).status, len(vendor.asked)) == (became, 1)
    assert read_run(workspace, run_id, rooms)["status"] == status
    (told,) = [event for event in events_of(run_id, workspace, rooms) if event.kind == "effect.resolved"]
    assert (told.payload["by"], told.payload["note"]) == ("ada", "looked")


def test_what_is_tried_again_is_looked_at_first(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """Still nobody can tell: unknown again, and not repeated."""
    run_id, effect = released(rooms, queue, workspace, trouble=["unknown"])
    queue.deliver_all(rooms)

    resolve(rooms, workspace, effect, "again")
    queue.deliver_all(rooms)

    now = the_effect(rooms, workspace, run_id)
    assert (now.status, now.attempt, len(vendor.asked)) == ("unknown", 2, 1)


def test_money_comes_back_for_what_did_not_happen(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor
) -> None:
    """The ad money that an effect held is given back when a person says that it did not happen; once it did, not."""
    for became, left in (("refused", Decimal(0)), ("done", Decimal("25"))):
        run_id, effect = released(rooms, queue, workspace, trouble=["unknown"])
        queue.deliver_all(rooms)
        key = vendor.asked[-1]
        spend = AdSpend(Decimal(20), 1)
        cap = Decimal(500)
        charge(rooms.store, workspace, spend, key=key, default_cap_usd=cap, run_id=run_id, effect_id=effect.id)
        assert ad_day(rooms.store, workspace, default_cap_usd=cap).used_usd == 25

        resolve(rooms, workspace, effect, became, reference="note-7" if became == "done" else None)

        assert ad_day(rooms.store, workspace, default_cap_usd=cap).used_usd == left


def test_only_one_word_counts(rooms: Rooms, queue: HeldQueue, workspace: UUID, vendor: Vendor) -> None:
    """Resolved once; an effect of another workspace is not there."""
    _, effect = released(rooms, queue, workspace, trouble=["unknown"])
    with pytest.raises(ConflictError, match="is released"):
        resolve(rooms, workspace, effect, "refused")
    queue.deliver_all(rooms)
    with pytest.raises(NotFoundError):
        resolve(rooms, UUID(int=7), effect, "refused")

    resolve(rooms, workspace, effect, "refused")
    with pytest.raises(ConflictError, match="is refused"):
        resolve(rooms, workspace, effect, "done", reference="note-7")

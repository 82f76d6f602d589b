"""What waits costs nothing: the sweep and the moves of a step read as little, however many steps are parked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.config import Settings
from shared.core.ids import new_id
from shared.engine.admission import as_array
from shared.engine.rooms import Rooms
from shared.engine.sweep import A_TICK, Swept, sweep
from shared.store.documents import as_jsonb
from shared.store.session import Store
from tests.support.agents import registered_agents
from tests.support.database import Cluster, settings_for
from tests.support.parked import Scan, fill, scans
from tests.support.queues import HeldQueue
from tests.support.runs import claim_of, started, step, workflow

PARKED, DUE = 100_000, 40
PARKED_EFFECTS, DUE_EFFECTS = 20_000, 30
MONTH_S = 30 * 86_400.0
STEPS = "tiktok_workflow_steps"


@dataclass
class Full:
    """A hundred thousand parked steps, in the workspace and in the run of the steps that are at work."""

    rooms: Rooms
    workspace: UUID
    run_id: UUID
    step_ids: dict[str, UUID]

    @property
    def settings(self) -> Settings:
        return self.rooms.settings

    def fill(self, name: str, **values: Any) -> None:
        fill(self.settings.database_owner_url, name, **values)

    def park(self, many: int, first: int, wake_in_s: float) -> None:
        self.fill("park_steps", run_id=self.run_id, many=many, first=first, status="waiting", wake_in_s=wake_in_s)

    def swept(self, limit: int) -> list[Scan]:
        """How a sweep finds what is due, of which it takes so many."""
        return scans(self.settings.database_unscoped_url, "due_to_wake", limit=limit, most=48, grace_s=1.0)

    def moved(self, name: str, **values: Any) -> list[Scan]:
        """How a statement about a step finds it, and the steps around it."""
        found = scans(self.settings.database_url, name, self.workspace, run_id=self.run_id, **values)
        return [scan for scan in found if scan.table == STEPS]


@pytest.fixture(scope="module")
def full(cluster: Cluster) -> Iterator[Full]:
    """Step `a` is at work, `b` can be claimed, `c` waits for `a`; what is parked is due in a month, or now. Effects are
    proposed, and some released."""
    store = Store(settings_for(cluster.fresh(), sweep_grace_s=60.0))
    with registered_agents():
        rooms = Rooms(settings=store._settings, store=store, queue=HeldQueue())
        workspace = uuid4()
        run = started(workflow(step("a"), step("b"), step("c", "a")), workspace, rooms)
        rows = store.move(workspace, "steps_of_run", run_id=run.run_id, limit=3, offset=0)
        made = Full(rooms, workspace, run.run_id, {row.key: row.id for row in rows})
        store.move_step(workspace, "claim_steps", run_id=run.run_id, **claim(made, "a"))
        made.park(PARKED, 1_000, MONTH_S)
        made.park(DUE, 1_000 + PARKED, -1.0)
        made.fill("park_effects", run_id=run.run_id, many=PARKED_EFFECTS, status="proposed", wake_in_s=None)
        made.fill("park_effects", run_id=run.run_id, many=DUE_EFFECTS, status="released", wake_in_s=-1.0)
        try:
            yield made
        finally:
            store.close()


@pytest.fixture(params=["not analysed", "analysed"])
def known(request: pytest.FixtureRequest, full: Full) -> Full:
    """The tables as a planner sees them that knows nothing of them, and as one that has counted them."""
    if request.param == "analysed":
        full.fill("analyze_all")
    return full


def claim(full: Full, key: str) -> dict[str, Any]:
    return claim_of(full.step_ids[key], new_id(), lease_s=3600.0)


def success(full: Full, key: str) -> dict[str, Any]:
    ended: dict[str, Any] = {
        "step_id": str(full.step_ids[key]),
        "attempt": 1,
        "agent_run_id": str(new_id()),
        "output_jsonb": {},
        "agent_cost_usd": "0",
        "latency_ms": 1,
        "model_used": None,
        "report_md": None,
    }
    ids = {"step_ids": as_array([full.step_ids[key]]), "agent_run_ids": as_array([UUID(ended["agent_run_id"])])}
    return {**ids, "ended": as_jsonb([ended]), "follow": "{}", "grace_s": 60.0}


def are_by_whole_key(found: list[Scan]) -> bool:
    """Each read is by the primary key, with both of its columns, and finds one row a time."""
    return bool(found) and all(
        scan.index == f"{STEPS}_pkey" and {"(workspace_id =", "(id ="} <= set(re.findall(r"\(\w+ =", scan.condition))
        for scan in found
    )


def test_a_sweep_reads_what_is_due_and_no_more(known: Full) -> None:
    """Among 100,000 steps that wait for a month, and 20,000 effects that nobody released, it reads those that are due,
    by the index of what is due."""
    found = known.swept(A_TICK)

    assert max(scan.rows for scan in found if scan.index == "tiktok_wake_ups_due") == DUE
    assert [scan.rows for scan in found if scan.index == "tiktok_effects_due"] == [DUE_EFFECTS]
    assert {scan.how for scan in found} <= {"Index Scan", "Index Only Scan"}
    assert max(scan.rows for scan in found) == DUE


def test_a_sweep_stops_at_its_limit(known: Full) -> None:
    """However much is due, one tick reads no more rows than it may wake."""
    found = known.swept(7)

    assert max(scan.rows for scan in found) == 7


def test_a_step_is_loaded_by_its_whole_key(known: Full) -> None:
    """What a wake-up reads does not grow with the run."""
    assert are_by_whole_key(known.moved("load_steps", step_ids=as_array([known.step_ids["b"]])))


def test_a_step_is_claimed_by_its_whole_key(known: Full) -> None:
    """The claim of one step touches no other."""
    found = known.moved("claim_steps", **claim(known, "b"))

    assert are_by_whole_key(found)
    assert [scan.rows for scan in found] == [1]


def test_a_step_is_settled_by_its_whole_key(known: Full) -> None:
    """The settle touches the step and the one that waited for it, each by its key."""
    found = known.moved("succeed_steps", **success(known, "a"))

    assert are_by_whole_key(found)
    assert [scan.rows for scan in found] == [1, 1]


def test_parked_steps_are_not_woken(full: Full) -> None:
    """A sweep among them wakes what is due, once; the next one finds nothing."""
    assert sweep(full.rooms) == Swept(woken=DUE + DUE_EFFECTS, is_full=False)
    assert sweep(full.rooms) == Swept(woken=0, is_full=False)

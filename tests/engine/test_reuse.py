"""A workflow inside of another that takes a recent run instead of a new one: the Profile Audit before a campaign."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.agents.records import Brand
from shared.core.definitions import WorkflowDef
from shared.engine.brands import add_brand
from shared.engine.earlier_run import Again
from shared.engine.read_run import read_run
from shared.engine.restart_run import repeat_run
from shared.engine.rooms import Rooms
from shared.engine.sub_run import days
from shared.engine.take_brief import Caller, run_ad_hoc, store_workflow
from shared.errors import InvalidDefinitionError, InvalidInputError
from shared.workflows.campaign_launch import CAMPAIGN_LAUNCH
from shared.workflows.check import check_definition
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.ageing import as_owner
from tests.support.model_calls import mock_mode
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, steps_of, workflow

DAY_S = 86_400
BRIEF = {"handle": "lakucosmetics", "target_type": "own_brand", "ad_budget_usd": "300", "max_listings": 1}
FAILING = workflow(step("health", agent="broken"), slug="profile_audit")
ONLY_AUDIT = workflow(
    step("sub", agent="workflow", workflow="profile_audit", reuse_within_s=14 * DAY_S),
    step("last", "sub", input_map={"report": "sub.output.report_md"}),
)


ADS = workflow(
    CAMPAIGN_LAUNCH.step("profile_audit"),
    step(
        "ad_campaign_director",
        "profile_audit",
        agent="ad_campaign_director",
        input_map={
            name: path
            for name, path in CAMPAIGN_LAUNCH.step("ad_campaign_director").input_map.items()
            if path.startswith("profile_audit.")
        },
        options={"assets": [{"sha256": "a" * 64}]},
    ),
    step("spend", "ad_campaign_director", agent="approval_gate"),
    slug="ads",
)


@pytest.fixture(autouse=True)
def _mock_mode(rooms: Rooms, tmp_path: Path) -> Iterator[None]:
    with mock_mode(asset_dir=tmp_path / "assets"):
        yield


def audited(
    rooms: Rooms, queue: HeldQueue, workspace: UUID, definition: WorkflowDef = PROFILE_AUDIT, **brief: Any
) -> UUID:
    """A Profile Audit of the account that has ended."""
    given = {"handle": "lakucosmetics", "target_type": "third_party", **brief}
    run_id = started(definition, workspace, rooms, brief=given).run_id
    queue.deliver_all(rooms)
    return run_id


def launched(rooms: Rooms, queue: HeldQueue, workspace: UUID, **brief: Any) -> dict[str, Any]:
    """A campaign at its first gate: its steps."""
    run_id = started(CAMPAIGN_LAUNCH, workspace, rooms, brief={**BRIEF, **brief}).run_id
    queue.deliver_all(rooms)
    steps = steps_of(run_id, workspace, rooms)
    assert steps["approve_listings"]["status"] == "pending_approval", steps
    return steps


def audits(rooms: Rooms, workspace: UUID) -> list[Any]:
    return rooms.store.move(
        workspace, "runs_newest_first", status=None, workflow_slug="profile_audit", before=None, limit=50
    )


def test_none_yet_so_one_is_made(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The campaign's first step runs a Profile Audit, of the same account, and its report is what the step puts out."""
    audit = launched(rooms, queue, workspace)["profile_audit"]
    (made,) = audits(rooms, workspace)
    found = read_run(workspace, made.id, rooms)

    assert (audit["status"], audit["output_jsonb"]["run_id"]) == ("succeeded", str(made.id))
    assert audit["output_jsonb"]["reused"] is None
    assert audit["output_jsonb"]["report_md"] == found["report_md"]
    assert Decimal(audit["output_jsonb"]["cost_usd"]) == Decimal(found["total_cost_usd"]) > 0
    assert (found["brief_jsonb"]["handle"], found["parent_step_id"]) == ("lakucosmetics", audit["id"])


@pytest.mark.parametrize("age_days", [0, 13.9])
def test_a_recent_one_will_do(age_days: float, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """No audit is run again; the step says which it took, how old that is, and hands its report on."""
    before = audited(rooms, queue, workspace)
    as_owner(rooms, ("age_run", {"run_id": before, "seconds": age_days * DAY_S}))
    audit = launched(rooms, queue, workspace)["profile_audit"]
    reused = audit["output_jsonb"]["reused"]

    assert [run.id for run in audits(rooms, workspace)] == [before]
    assert audit["output_jsonb"]["report_md"] == read_run(workspace, before, rooms)["report_md"]
    assert reused["told"].startswith(f"not run again: run {before} began on 20")
    assert reused["told"].endswith("; one of the last 14 days will do")
    assert ("13 days ago" if age_days else "less than an hour ago") in reused["told"]
    assert Decimal(audit["cost_usd"]) == 0


def test_the_newest_of_several_is_taken(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Also where that one was made inside of another run."""
    first = audited(rooms, queue, workspace)
    as_owner(rooms, ("age_run", {"run_id": first, "seconds": 15 * DAY_S}))
    launched(rooms, queue, workspace)
    inside = audits(rooms, workspace)[0].id
    second = launched(rooms, queue, workspace)["profile_audit"]["output_jsonb"]

    assert inside != first
    assert (second["run_id"], len(audits(rooms, workspace))) == (str(inside), 2)


@pytest.mark.parametrize("why", ["old", "failed", "other account", "other brand", "other data", "other workspace"])
def test_another_one_will_not(why: str, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """One of fifteen days ago, one that failed, or one of anything else: a new one is made."""
    brand = add_brand(Brand(name="Aster"), Caller(workspace, "ada"), rooms).brand_id
    if why == "old":
        as_owner(rooms, ("age_run", {"run_id": audited(rooms, queue, workspace), "seconds": 14 * DAY_S + 60}))
    elif why == "failed":
        assert read_run(workspace, audited(rooms, queue, workspace, FAILING), rooms)["status"] == "failed"
    elif why == "other account":
        audited(rooms, queue, workspace, handle="fernandfield")
    elif why == "other brand":
        audited(rooms, queue, workspace, brand_id=str(brand))
    elif why == "other data":
        audited(rooms, queue, workspace, workflow(step("a"), slug="profile_audit"), dataset="export.json")
    else:
        audited(rooms, queue, uuid4())
    made_before = {run.id for run in audits(rooms, workspace)}
    audit = launched(rooms, queue, workspace)["profile_audit"]["output_jsonb"]

    assert audit["reused"] is None
    assert UUID(audit["run_id"]) not in made_before


def test_the_same_brand_is_the_same(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """An audit for the campaign's own brand is taken."""
    brand = str(add_brand(Brand(name="Aster"), Caller(workspace, "ada"), rooms).brand_id)
    before = audited(rooms, queue, workspace, brand_id=brand)

    assert launched(rooms, queue, workspace, brand_id=brand)["profile_audit"]["output_jsonb"]["run_id"] == str(before)


@pytest.mark.parametrize("is_fresh", [False, True])
def test_a_restart_from_the_step_makes_a_new_one(
    is_fresh: bool, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """Whoever wants the step done again does not get the old run; from any later step its output is taken over."""
    run_id = started(ONLY_AUDIT, workspace, rooms, brief={"handle": "lakucosmetics"}).run_id
    queue.deliver_all(rooms)
    (first,) = audits(rooms, workspace)
    caller = Caller(workspace, "ada")
    later = repeat_run(Again("restart", run_id, "last", is_fresh=is_fresh), caller, rooms).run_id
    queue.deliver_all(rooms)
    assert [run.id for run in audits(rooms, workspace)] == [first.id]

    again = repeat_run(Again("restart", later, "sub", is_fresh=is_fresh), caller, rooms).run_id
    queue.deliver_all(rooms)

    made = steps_of(again, workspace, rooms)["sub"]["output_jsonb"]
    assert (made["reused"], made["run_id"] == str(first.id)) == (None, False)


def test_a_failed_audit_stops_the_campaign(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Before anything of the campaign is paid for; the failure names the audit's run."""
    store_workflow(FAILING, Caller(workspace, "ada"), rooms)
    run_id = started(CAMPAIGN_LAUNCH, workspace, rooms, brief=BRIEF).run_id
    queue.deliver_all(rooms)
    run = read_run(workspace, run_id, rooms)

    assert run["status"] == "failed"
    assert f"run {audits(rooms, workspace)[0].id} of profile_audit failed" in run["error_message"]
    assert {one["status"] for one in run["steps"][1:]} == {"skipped"}


def test_its_cost_is_within_the_cap(rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """The audit spends of the campaign's budget; where that does not do, the audit asks, and the campaign's list of
    what waits has it."""
    run_id = started(CAMPAIGN_LAUNCH, workspace, rooms, brief=BRIEF, budget_usd=Decimal("0.0001")).run_id
    queue.deliver_all(rooms)
    asked = {"status": "open", "before": None, "limit": 50}
    gates = rooms.store.move(workspace, "gates_newest_first", run_id=run_id, **asked)
    (cap,) = rooms.store.move(workspace, "caps_of_run", run_id=run_id)

    assert {(gate.kind, gate.workflow_slug) for gate in gates} == {("budget", "profile_audit")}
    assert cap.used_usd <= Decimal("0.0001")
    assert steps_of(run_id, workspace, rooms)["profile_audit"]["status"] == "waiting"


@pytest.mark.parametrize(
    ("handle", "status", "effects"), [("lakucosmetics", "ok", 1), ("competitor_cosmetics", "on_hold", 0)]
)
def test_no_ads_at_high_risk(
    handle: str, status: str, effects: int, rooms: Rooms, queue: HeldQueue, workspace: UUID
) -> None:
    """The audit's word on the risk reaches the ad plan, whether the audit was made for it or taken over; at high risk
    nothing is proposed, and the gate has nothing to release."""
    for was_there in (False, True):
        run_id = started(ADS, workspace, rooms, brief={**BRIEF, "handle": handle}).run_id
        queue.deliver_all(rooms)
        steps = steps_of(run_id, workspace, rooms)
        (gate,) = rooms.store.move(workspace, "gates_newest_first", run_id=run_id, status="open", before=None, limit=50)

        audit, ads = steps["profile_audit"]["output_jsonb"], steps["ad_campaign_director"]["output_jsonb"]
        assert set(audit["outputs"]) == {"account_health", "synthesis"}
        assert (audit["reused"] is not None) == was_there
        assert (ads["status"], len(gate.proposal["effects"])) == (status, effects), ads["reason"]
        assert ("shadowban risk is high" in ads["summary"]) == (status == "on_hold")


def test_a_step_that_is_not_there_cannot_be_taken(rooms: Rooms, workspace: UUID) -> None:
    """Told when the definition is stored, by step and field; and only a step that runs a workflow takes any."""
    wrong = workflow(step("sub", agent="workflow", workflow="profile_audit", takes=("helth",)))
    with pytest.raises(
        InvalidDefinitionError, match="profile_audit has no step 'helth'; it has: account_health"
    ) as told:
        store_workflow(wrong, Caller(workspace, "ada"), rooms)
    assert told.value.field == "steps.sub.takes"
    with pytest.raises(InvalidDefinitionError, match="is for a step whose agent is workflow"):
        check_definition(workflow(step("a", takes=("b",))))


@pytest.mark.parametrize("seed", range(3))
def test_disorder_makes_one(seed: int, rooms: Rooms, queue: HeldQueue, workspace: UUID) -> None:
    """Wake-ups repeated and out of order: one audit, which the step behind it reads."""
    run_id = started(ONLY_AUDIT, workspace, rooms, brief={"handle": "lakucosmetics"}).run_id
    queue.deliver_shuffled(rooms, seed)

    assert read_run(workspace, run_id, rooms)["status"] == "succeeded"
    assert len(audits(rooms, workspace)) == 1
    assert steps_of(run_id, workspace, rooms)["last"]["output_jsonb"]["echo"]["report"].startswith("# ")


def test_a_brief_is_checked_down_to_the_audit(rooms: Rooms, workspace: UUID) -> None:
    """A field that no step takes is refused as before, also none of the audit's; one of the audit's has to be right."""
    caller = Caller(workspace, "ada")
    with pytest.raises(InvalidInputError, match=r"^fields\.ad_bugdet_usd: no step of campaign_launch takes it"):
        run_ad_hoc("campaign_launch", {**BRIEF, "ad_bugdet_usd": 3}, None, caller, rooms)
    with pytest.raises(InvalidInputError, match=r"^fields\.freshness_hours: trend_watcher: must be"):
        run_ad_hoc("campaign_launch", {**BRIEF, "freshness_hours": -1}, None, caller, rooms)
    assert run_ad_hoc("campaign_launch", {**BRIEF, "freshness_hours": 48}, None, caller, rooms).is_new


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"agent": "echo", "reuse_within_s": 60}, "is for a step whose agent is workflow"),
        ({"agent": "workflow", "workflow": "trial", "reuse_within_s": 60}, "runs itself"),
    ],
)
def test_where_it_may_stand(more: dict[str, Any], told: str) -> None:
    """Only on a step that runs a workflow, and not on one that would find its own run."""
    with pytest.raises(InvalidDefinitionError, match=told):
        check_definition(workflow(step("a", **more)))


def test_times_for_people() -> None:
    """Whole days where there are some, else hours."""
    told = [days(seconds) for seconds in (59, 3_600, 2 * 3_600 + 1, DAY_S, 14 * DAY_S)]

    assert told == ["less than an hour", "1 hour", "2 hours", "1 day", "14 days"]

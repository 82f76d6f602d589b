"""What of a run waits for a person: open approvals, effects that nobody can tell about, and the workspace's hold."""

from __future__ import annotations

from cli.client import Api
from shared.core.canonical import JsonObject

APPROVALS = "/api/dashboard/approvals"
AT_WORK = ("queued", "running")  # steps that go on by themselves


def with_what_waits(api: Api, run: JsonObject) -> JsonObject:
    """The run with its open `approvals`, its `effects`, and the `hold` of its workspace."""
    open_ones = api.get(APPROVALS, run_id=run["id"], limit=200)["approvals"]
    return {**run, "approvals": open_ones, **api.get(f"/api/dashboard/workflows/runs/{run['id']}/effects")}


def waiting_run(api: Api, run: JsonObject) -> JsonObject | None:
    """The run with what waits, if it goes on by nothing but what a person does; None if it has ended or goes on."""
    if run["status"] != "running" or any(step["status"] in AT_WORK for step in run["steps"]):
        return None
    found = with_what_waits(api, run)
    return found if waits_for_person(found) else None


def waits_for_person(run: JsonObject) -> bool:
    """Whether a run with what waits, none of whose steps is at work, waits for a person."""
    statuses = {effect["status"] for effect in run["effects"]}
    is_held = run["hold"] is not None and "released" in statuses
    if "doing" in statuses or ("released" in statuses and not is_held):
        return False
    return bool(run["approvals"]) or "unknown" in statuses or is_held

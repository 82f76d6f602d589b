"""The dashboard's door: reading runs, traces, the catalog, and the live stream."""

from __future__ import annotations

import flask
import functions_framework

from shared.agents.catalog import SPECS
from shared.agents.registry import AGENT_REGISTRY
from shared.engine import read_run as reading
from shared.engine.verify_audit import verify_run
from shared.errors import InvalidInputError
from shared.web.door import Answer, Call, Door, from_user
from shared.web.requests import Rows, RunsPage, RunWait, StreamFrom

door = Door()
LAST_EVENT_ID = "Last-Event-ID"


@door.route("GET", "/api/dashboard/workflows/runs", caller=from_user, query=RunsPage)
def list_runs(call: Call) -> Answer:
    rows = call.rooms.store.move(
        call.workspace_id,
        "runs_newest_first",
        limit=call.query.limit,
        before=call.query.before,
        status=call.query.status,
        workflow_slug=call.query.workflow_slug,
    )
    return Answer({"runs": [reading.shown_run(row) for row in rows]})


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>", caller=from_user, query=RunWait)
def get_run(call: Call) -> Answer:
    run_id = call.id_named("run_id")
    if call.query.wait_s:
        reading.wait_for_end(call.workspace_id, run_id, call.query.wait_s, call.rooms)
    return Answer(reading.read_run(call.workspace_id, run_id, call.rooms, steps_shown=call.query.steps))


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/steps", caller=from_user, query=Rows)
def list_steps(call: Call) -> Answer:
    limit, offset = call.query.limit, call.query.offset
    rows = reading.read_steps(call.workspace_id, call.id_named("run_id"), limit, offset, call.rooms)
    return Answer({"steps": rows})


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/stream", caller=from_user, query=StreamFrom)
def stream(call: Call) -> Answer:
    events = reading.stream_run(call.workspace_id, call.id_named("run_id"), _after(call), call.rooms)
    return Answer(stream=events)


def _after(call: Call) -> int:
    header = call.headers.get(LAST_EVENT_ID)
    if header is None:
        return call.query.after or 0
    if not header.isascii() or not header.isdigit() or len(header) > 9:
        raise InvalidInputError(LAST_EVENT_ID, "must be the id of an event of this stream")
    return int(header)


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/agent-runs", caller=from_user)
def list_agent_runs(call: Call) -> Answer:
    rows = reading.read_agent_runs(call.workspace_id, call.id_named("run_id"), call.rooms)
    return Answer({"agent_runs": rows})


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/audit", caller=from_user)
def audit_of_run(call: Call) -> Answer:
    return Answer(verify_run(call.workspace_id, call.id_named("run_id"), call.rooms))


@door.route("GET", "/api/dashboard/agent-runs/<agent_run_id>/steps", caller=from_user, query=Rows)
def get_trace(call: Call) -> Answer:
    agent_run_id = call.id_named("agent_run_id")
    limit, offset = call.query.limit, call.query.offset
    return Answer(reading.read_agent_run(call.workspace_id, agent_run_id, limit, offset, call.rooms))


@door.route("GET", "/api/dashboard/agents/catalog", caller=from_user)
def catalog(call: Call) -> Answer:
    agents = [{**spec.model_dump(mode="json"), "is_available": name in AGENT_REGISTRY} for name, spec in SPECS.items()]
    return Answer({"agents": agents})


@functions_framework.http
def dashboard(request: flask.Request) -> flask.Response:
    return door(request)

"""The intake door: briefs, workflows, and the runs they start."""

from __future__ import annotations

import flask
import functions_framework

from shared.engine import take_brief as intake
from shared.engine.read_run import shown_row, stream_url
from shared.engine.start_run import StartedRun
from shared.errors import NotFoundError
from shared.web.body import parse_fields
from shared.web.door import Answer, Call, Door, from_user
from shared.web.requests import BriefFields, NewAgentRun, NewBrief, NewRun, NewWorkflow, Page
from shared.workflows.check import check_definition
from shared.workflows.seeded import SEEDED_WORKFLOWS

door = Door()


def _caller(call: Call) -> intake.Caller:
    return intake.Caller(call.workspace_id, call.created_by, call.idempotency_key)


def _run_answer(run: StartedRun) -> Answer:
    body = {"workflow_run_id": str(run.run_id), "stream_url": stream_url(run.run_id), "is_new": run.is_new}
    return Answer(body, status=202)


@door.route("POST", "/api/dashboard/briefs", caller=from_user, body=NewBrief)
def create_brief(call: Call) -> Answer:
    brief: NewBrief = call.body
    own = brief.model_dump(mode="json", exclude={"fields", "outcome"}, exclude_none=True)
    taken = intake.take_brief(brief.outcome, own, brief.fields, _caller(call), call.rooms)
    body = {"brief_id": str(taken.brief_id), "status": "pending", "created_at": taken.created_at.isoformat()}
    return Answer(body, status=201 if taken.is_new else 200)


@door.route("GET", "/api/dashboard/briefs", caller=from_user, query=Page)
def list_briefs(call: Call) -> Answer:
    rows = call.rooms.store.move(
        call.workspace_id, "briefs_newest_first", limit=call.query.limit, before=call.query.before
    )
    return Answer({"briefs": [shown_row(row) for row in rows]})


@door.route("GET", "/api/dashboard/briefs/<brief_id>", caller=from_user)
def get_brief(call: Call) -> Answer:
    rows = call.rooms.store.move(call.workspace_id, "brief", brief_id=call.id_named("brief_id"))
    if not rows:
        raise NotFoundError(f"brief_id: there is no brief {call.id_named('brief_id')} in this workspace")
    return Answer(shown_row(rows[0]))


@door.route("POST", "/api/dashboard/workflows/run", caller=from_user, body=NewRun)
def run_workflow(call: Call) -> Answer:
    asked: NewRun = call.body
    if asked.brief_id is not None:
        return _run_answer(intake.run_stored_brief(asked.brief_id, asked.workflow_slug, _caller(call), call.rooms))
    brief = parse_fields(asked.brief_fields(), BriefFields)
    run = intake.run_ad_hoc(asked.workflow_slug, brief.as_brief(), brief.budget_usd, _caller(call), call.rooms)
    return _run_answer(run)


@door.route("POST", "/api/dashboard/agents/<name>/run", caller=from_user, body=NewAgentRun)
def run_agent(call: Call) -> Answer:
    return _run_answer(intake.run_one_agent(call.names["name"], call.body.input, _caller(call), call.rooms))


@door.route("GET", "/api/dashboard/workflows", caller=from_user)
def list_workflows(call: Call) -> Answer:
    stored = {row.slug: row.dag_jsonb for row in call.rooms.store.move(call.workspace_id, "stored_definitions")}
    seeded = {slug: definition.to_dag_jsonb() for slug, definition in SEEDED_WORKFLOWS.items()}
    found = [{**dag, "is_seeded": slug not in stored} for slug, dag in sorted({**seeded, **stored}.items())]
    return Answer({"workflows": found})


@door.route("POST", "/api/dashboard/workflows", caller=from_user, body=NewWorkflow)
def store_workflow(call: Call) -> Answer:
    check_definition(call.body)
    digest = intake.store_workflow(call.body, _caller(call), call.rooms)
    return Answer({"slug": call.body.slug, "version": call.body.version, "digest": digest}, status=201)


@functions_framework.http
def brief_intake(request: flask.Request) -> flask.Response:
    return door(request)

"""The intake door: briefs, workflows, the runs they start, and what a person may do to a run."""

from __future__ import annotations

from uuid import UUID

import flask
import functions_framework

from shared.agents.records import Brand
from shared.core.canonical import JsonObject
from shared.core.status import RunStatus
from shared.engine import accounts, brands, control
from shared.engine import pause_scope as scopes
from shared.engine import read_run as reading
from shared.engine import restart_run as repeating
from shared.engine import take_brief as intake
from shared.engine.earlier_run import Again, Kind, estimate
from shared.engine.members import Member
from shared.engine.plan_assets import asset_plan
from shared.engine.read_run import shown_row, stream_url
from shared.engine.start_run import StartedRun
from shared.errors import NotFoundError
from shared.web.accounts import GivenAccount
from shared.web.body import parse_fields
from shared.web.door import Answer, Call, Door, from_user
from shared.web.requests import (
    BriefFields,
    FailedRuns,
    NewAgentRun,
    NewAssetPlan,
    NewBrand,
    NewBrief,
    NewFork,
    NewRun,
    NewWorkflow,
    Page,
    Reason,
    Redrive,
    RedriveEstimate,
    Restart,
    RunsToRedrive,
    RunWait,
)
from shared.workflows.check import check_definition
from shared.workflows.seeded import SEEDED_WORKFLOWS

door = Door()


def _caller(call: Call) -> intake.Caller:
    return intake.Caller(call.workspace_id, call.created_by, call.idempotency_key)


def _member(call: Call) -> Member:
    return Member(call.workspace_id, call.created_by, call.roles)


def _run_answer(run: StartedRun) -> Answer:
    return Answer(_told(run), status=202)


def _told(run: StartedRun) -> JsonObject:
    return {"workflow_run_id": str(run.run_id), "stream_url": stream_url(run.run_id), "is_new": run.is_new}


def _run_awaited(run: StartedRun, call: Call) -> Answer:
    """With `?wait=30s` also the run itself: as it ended (200), or as it stood when the time was up (202)."""
    if not call.query.wait_s:
        return _run_answer(run)
    reading.wait_for_end(call.workspace_id, run.run_id, call.query.wait_s, call.rooms)
    found = reading.read_run(call.workspace_id, run.run_id, call.rooms, steps_shown=call.query.steps)
    return Answer({**_told(run), "run": found}, status=200 if RunStatus(found["status"]).is_final else 202)


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
        raise NotFoundError(f"there is no brief {call.id_named('brief_id')} in this workspace", field="brief_id")
    return Answer(shown_row(rows[0]))


@door.route("POST", "/api/dashboard/brands", caller=from_user, body=NewBrand)
def create_brand(call: Call) -> Answer:
    added = brands.add_brand(Brand(**call.body.model_dump()), _caller(call), call.rooms)
    body = {"brand_id": str(added.brand_id), "created_at": added.created_at.isoformat()}
    return Answer(body, status=201 if added.is_new else 200)


@door.route("GET", "/api/dashboard/brands", caller=from_user, query=Page)
def list_brands(call: Call) -> Answer:
    rows = call.rooms.store.move(
        call.workspace_id, "brands_newest_first", limit=call.query.limit, before=call.query.before
    )
    return Answer({"brands": [shown_row(row) for row in rows]})


@door.route("GET", "/api/dashboard/brands/<brand_id>", caller=from_user)
def get_brand(call: Call) -> Answer:
    return Answer(shown_row(brands.read_brand(call.workspace_id, call.id_named("brand_id"), call.rooms)))


@door.route("GET", "/api/dashboard/accounts", caller=from_user, query=Page)
def list_accounts(call: Call) -> Answer:
    found = accounts.list_accounts(call.workspace_id, call.query.before, call.query.limit, call.rooms)
    return Answer({"accounts": found})


@door.route("POST", "/api/dashboard/accounts", caller=from_user, body=GivenAccount)
def connect_account(call: Call) -> Answer:
    """Connects an account, or connects it again with new tokens. The answer holds none."""
    added = accounts.connect_account(call.body.as_account(), _member(call), call.rooms)
    return Answer(added, status=201 if added["is_new"] else 200)


@door.route("POST", "/api/dashboard/accounts/<account_id>/disconnect", caller=from_user)
def disconnect_account(call: Call) -> Answer:
    return Answer(accounts.disconnect_account(call.id_named("account_id"), _member(call), call.rooms))


@door.route("POST", "/api/dashboard/workflows/run", caller=from_user, body=NewRun, query=RunWait)
def run_workflow(call: Call) -> Answer:
    asked: NewRun = call.body
    slug, caller = asked.workflow_slug, _caller(call)
    if asked.brief_id is not None:
        run = intake.run_stored_brief(asked.brief_id, slug, caller, call.rooms, asked.priority)
    else:
        brief = parse_fields(asked.brief_fields(), BriefFields)
        run = intake.run_ad_hoc(slug, brief.as_brief(), brief.budget_usd, caller, call.rooms, asked.priority)
    return _run_awaited(run, call)


@door.route("POST", "/api/dashboard/agents/<name>/run", caller=from_user, body=NewAgentRun, query=RunWait)
def run_agent(call: Call) -> Answer:
    asked: NewAgentRun = call.body
    run = intake.run_one_agent(call.names["name"], asked.input, _caller(call), call.rooms, asked.priority)
    return _run_awaited(run, call)


@door.route("POST", "/agents/plan-assets", caller=from_user, body=NewAssetPlan)
def plan_assets(call: Call) -> Answer:
    """Plans, and writes nothing: the same request gives the same plan."""
    plan = asset_plan(call.workspace_id, call.body.brand_id, call.body.brief, call.rooms)
    return Answer(plan.model_dump(mode="json"))


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


def _ask(call: Call) -> control.Ask:
    return control.Ask(call.workspace_id, call.id_named("run_id"), call.created_by, call.body.reason)


@door.route(
    "POST", "/api/dashboard/workflows/runs/<run_id>/cancel", caller=from_user, body=Reason, has_optional_body=True
)
def cancel(call: Call) -> Answer:
    """202: what is at work ends within about two seconds; the run's stream tells when."""
    return Answer(control.cancel_run(_ask(call), call.rooms), status=202)


@door.route(
    "POST", "/api/dashboard/workflows/runs/<run_id>/pause", caller=from_user, body=Reason, has_optional_body=True
)
def pause(call: Call) -> Answer:
    return Answer(control.pause_run(_ask(call), call.rooms))


@door.route(
    "POST", "/api/dashboard/workflows/runs/<run_id>/resume", caller=from_user, body=Reason, has_optional_body=True
)
def resume(call: Call) -> Answer:
    return Answer(control.resume_run(_ask(call), call.rooms))


@door.route("POST", "/api/dashboard/workflows/runs/<run_id>/restart", caller=from_user, body=Restart)
def restart(call: Call) -> Answer:
    again = Again("restart", call.id_named("run_id"), call.body.from_step, is_fresh=call.body.fresh)
    return _run_answer(repeating.repeat_run(again, _caller(call), call.rooms))


@door.route("POST", "/api/dashboard/workflows/runs/<run_id>/redrive", caller=from_user, body=Redrive)
def redrive(call: Call) -> Answer:
    again = Again("redrive", call.id_named("run_id"), is_fresh=call.body.fresh)
    return _run_answer(repeating.repeat_run(again, _caller(call), call.rooms))


@door.route("POST", "/api/dashboard/workflows/runs/<run_id>/fork", caller=from_user, body=NewFork)
def fork(call: Call) -> Answer:
    asked: NewFork = call.body
    run_id, changes = call.id_named("run_id"), asked.brief.changes()
    again = Again(
        "fork",
        run_id,
        asked.from_step,
        asked.from_call,
        asked.fresh,
        brief=changes,
        options=asked.options,
        prompts=asked.prompts,
    )
    return _run_answer(repeating.repeat_run(again, _caller(call), call.rooms))


@door.route("GET", "/api/dashboard/workflows/runs/<run_id>/redrive-estimate", caller=from_user, query=RedriveEstimate)
def redrive_estimate(call: Call) -> Answer:
    """What it may cost, in US dollars. Starts nothing."""
    kind: Kind = "redrive" if call.query.from_step is None else "restart"
    again = Again(kind, call.id_named("run_id"), call.query.from_step, is_fresh=call.query.fresh)
    return Answer(estimate(call.workspace_id, again, call.rooms))


def _failed(call: Call, asked: FailedRuns) -> list[UUID]:
    among = asked.run_ids if isinstance(asked, RunsToRedrive) else None
    return repeating.runs_to_redrive(
        call.workspace_id, asked.workflow_slug, asked.error_class, asked.limit, call.rooms, among=among
    )


@door.route("GET", "/api/dashboard/workflows/redrive-estimate", caller=from_user, query=FailedRuns)
def redrives_estimate(call: Call) -> Answer:
    """What redriving the failed runs may cost together. Starts nothing."""
    return Answer(repeating.estimate_redrives(call.workspace_id, _failed(call, call.query), call.rooms))


@door.route("POST", "/api/dashboard/workflows/redrive", caller=from_user, body=RunsToRedrive)
def redrives(call: Call) -> Answer:
    """Each failed run once: those that were redriven already are passed over."""
    return Answer(repeating.redrive_runs(_failed(call, call.body), _caller(call), call.rooms), status=202)


@door.route("POST", "/api/dashboard/workflows/<name>/pause", caller=from_user, body=Reason, has_optional_body=True)
def pause_workflow(call: Call) -> Answer:
    """Holds the workflow's runs, and those yet to start."""
    slug = intake.definition_of(call.names["name"], call.workspace_id, call.rooms).slug
    return Answer(scopes.pause_scope(call.workspace_id, slug, call.created_by, call.body.reason, call.rooms))


@door.route("POST", "/api/dashboard/workflows/<name>/resume", caller=from_user, body=Reason, has_optional_body=True)
def resume_workflow(call: Call) -> Answer:
    return Answer(scopes.resume_scope(call.workspace_id, call.names["name"], call.created_by, call.rooms))


@door.route("POST", "/api/dashboard/workspace/pause", caller=from_user, body=Reason, has_optional_body=True)
def pause_workspace(call: Call) -> Answer:
    """Holds every run, and those yet to start."""
    return Answer(scopes.pause_scope(call.workspace_id, None, call.created_by, call.body.reason, call.rooms))


@door.route("POST", "/api/dashboard/workspace/resume", caller=from_user, body=Reason, has_optional_body=True)
def resume_workspace(call: Call) -> Answer:
    return Answer(scopes.resume_scope(call.workspace_id, None, call.created_by, call.rooms))


@door.route("GET", "/api/dashboard/pauses", caller=from_user)
def list_pauses(call: Call) -> Answer:
    return Answer({"pauses": scopes.read_pauses(call.workspace_id, call.rooms)})


@functions_framework.http
def brief_intake(request: flask.Request) -> flask.Response:
    return door(request)

"""Commands that hold, end or repeat runs."""

from __future__ import annotations

from uuid import UUID

import click

from cli import show
from cli.client import Api
from cli.options import RUNS, as_json, print_json, run_argument, stated
from cli.prompts import changed_prompts, named_place
from cli.reach import reachable_api, stack_stays
from cli.start import named_field
from cli.table import plain, table
from cli.watch import watch_run
from shared.core.canonical import JsonObject

WORKFLOWS = "/api/dashboard/workflows"
BRIEF_FIELDS = ("handle", "target_type", "notes", "brand_id", "dataset")

reason_option = click.option("--reason", help="Why; it is shown with the run.")
fresh_option = click.option("--fresh", is_flag=True, help="Make every call anew, also those that were answered before.")
optional_run = click.argument("run_id", type=click.UUID, required=False)
workflow_option = click.option("--workflow", metavar="SLUG", help="The runs of this workflow, and those yet to start.")
workspace_option = click.option("--workspace", is_flag=True, help="Every run, and those yet to start.")


@click.command()
@run_argument
@reason_option
@as_json
def cancel(run_id: UUID, reason: str | None, as_json: bool) -> None:
    """End a run: what is at work stops within about two seconds."""
    with reachable_api() as api:
        told = api.post(f"{RUNS}/{run_id}/cancel", stated(reason=reason))
    if as_json:
        print_json(told)
    elif told["status"] == "cancelled":
        click.echo(f"run {run_id} is cancelled")
    else:
        click.echo(f"run {run_id} is being cancelled; steps still at work: {told['steps_open']}")


@click.command()
@optional_run
@workflow_option
@workspace_option
@reason_option
@as_json
def pause(run_id: UUID | None, workflow: str | None, workspace: bool, reason: str | None, as_json: bool) -> None:
    """Hold a run, a workflow or the workspace: what is at work finishes, nothing further begins."""
    path, what = _held(run_id, workflow, workspace)
    with reachable_api() as api:
        told = api.post(f"{path}/pause", stated(reason=reason))
    _told(told, as_json, f"{what} is paused", "runs_paused")


@click.command()
@optional_run
@workflow_option
@workspace_option
@as_json
def resume(run_id: UUID | None, workflow: str | None, workspace: bool, as_json: bool) -> None:
    """Let go on what was paused."""
    path, what = _held(run_id, workflow, workspace)
    with reachable_api() as api:
        told = api.post(f"{path}/resume", {})
    _told(told, as_json, f"{what} goes on", "runs_resumed")


def _held(run_id: UUID | None, workflow: str | None, workspace: bool) -> tuple[str, str]:
    """The path of what is to be paused or resumed, and its name for people."""
    if sum((run_id is not None, workflow is not None, workspace)) != 1:
        raise click.UsageError("name one of: RUN_ID, --workflow SLUG, --workspace")
    if run_id is not None:
        return f"{RUNS}/{run_id}", f"run {run_id}"
    if workflow is not None:
        return f"{WORKFLOWS}/{workflow}", f"workflow {workflow}"
    return "/api/dashboard/workspace", "the workspace"


def _told(told: JsonObject, as_json: bool, sentence: str, count: str) -> None:
    if as_json:
        print_json(told)
    else:
        click.echo(sentence + (f"; runs: {told[count]}" if count in told else ""))


@click.command()
@run_argument
@click.option("--from", "from_step", required=True, metavar="STEP", help="The first step to do again.")
@fresh_option
@as_json
def restart(run_id: UUID, from_step: str, fresh: bool, as_json: bool) -> None:
    """Do a step of a run again, and all that comes after it, as a new run."""
    with reachable_api() as api:
        started = api.post(f"{RUNS}/{run_id}/restart", {"from_step": from_step, "fresh": fresh})
        _follow(api, started, as_json)


def _follow(api: Api, started: JsonObject, as_json: bool) -> None:
    """Says what was started. Where no stack stays up, the run is followed to its end first."""
    run_id = started["workflow_run_id"]
    if not stack_stays():
        watch_run(api, run_id, quiet=as_json)
    if as_json:
        print_json(started)
    else:
        click.echo(f"started run {run_id}; follow it with: army show {run_id}")


@click.command()
@run_argument
@click.option(
    "--from", "begin", required=True, metavar="STEP[:CALL]", help="The first step to do again, or a call of it."
)
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A field of the brief to change.")
@click.option("--option", "options", multiple=True, metavar="STEP.NAME=VALUE", help="An option of a step to change.")
@click.option(
    "--prompt", "prompts", multiple=True, metavar="STEP[:CALL]=TEXT|@FILE", help="The prompt to ask with instead."
)
@click.option(
    "--prompt-append",
    "appended",
    multiple=True,
    metavar="STEP[:CALL]=TEXT|@FILE",
    help="What to add to it.",
)
@fresh_option
@as_json
def fork(
    run_id: UUID,
    begin: str,
    fields: tuple[str, ...],
    options: tuple[str, ...],
    prompts: tuple[str, ...],
    appended: tuple[str, ...],
    fresh: bool,
    as_json: bool,
) -> None:
    """Do a part of a run again with another brief, other options or other prompts, as a new run.

    A CALL is one of those that `army trace` lists, by its label; the second of a label is label#2. Calls before it are
    answered by the run's journal, for nothing.
    """
    from_step, from_call = named_place(begin)
    body: JsonObject = {"from_step": from_step, "fresh": fresh}
    changed = dict(named_field(given) for given in fields)
    own = {name: value for name, value in changed.items() if name in BRIEF_FIELDS}
    others = {name: value for name, value in changed.items() if name not in BRIEF_FIELDS}
    brief = {**own, **({"fields": others} if others else {})}
    with reachable_api() as api:
        changes = {"options": _options(options), "prompts": changed_prompts(prompts, appended, begin)}
        given = {name: change for name, change in changes.items() if change}
        asked = {**body, **stated(brief=brief or None, from_call=from_call), **given}
        _follow(api, api.post(f"{RUNS}/{run_id}/fork", asked), as_json)


def _options(given: tuple[str, ...]) -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    for text in given:
        step, dot, rest = text.partition(".")
        if not dot:
            raise click.BadParameter(f"{text!r} must read step.name=value", param_hint="--option")
        name, value = named_field(rest)
        found.setdefault(step, {})[name] = value
    return found


@click.command()
@optional_run
@click.option("--workflow", metavar="SLUG", help="Failed runs of this workflow.")
@click.option("--error-class", metavar="CLASS", help="Failed runs with this class of error, such as model_busy.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100), help="Runs, at most.")
@click.option("--estimate", "only_estimate", is_flag=True, help="Say what it may cost, and start nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@fresh_option
@as_json
def redrive(
    run_id: UUID | None,
    workflow: str | None,
    error_class: str | None,
    limit: int,
    only_estimate: bool,
    yes: bool,
    fresh: bool,
    as_json: bool,
) -> None:
    """Do again what failed, of one run or of many; what succeeded is taken over.

    Says what it may cost and asks first, unless --yes.
    """
    many = workflow is not None or error_class is not None
    if (run_id is not None) == many or (many and fresh):
        raise click.UsageError("name a RUN_ID (with --fresh, if you like), or --workflow or --error-class, or both")
    path = WORKFLOWS if run_id is None else f"{RUNS}/{run_id}"
    which: JsonObject = (
        stated(workflow_slug=workflow, error_class=error_class, limit=limit) if run_id is None else {"fresh": fresh}
    )
    with reachable_api() as api:
        if only_estimate or not yes:
            told = api.get(f"{path}/redrive-estimate", **which)
            if only_estimate:
                print_json(told) if as_json else _show_estimate(told)
                return
            if many and not told["runs"]:
                _follow_all(api, {"redriven": [], "refused": []}, as_json)
                return
            _show_estimate(told, err=as_json)
            click.confirm("redrive?", abort=True, err=True)
            if many:  # what has failed meanwhile was not asked about
                which = {**which, "run_ids": [one["workflow_run_id"] for one in told["runs"]]}
        done = api.post(f"{path}/redrive", which)
        _follow(api, done, as_json) if run_id is not None else _follow_all(api, done, as_json)


def _show_estimate(told: JsonObject, *, err: bool = False) -> None:
    """What a redrive may cost, for people; on standard error where standard output is for a program."""
    total = show.money(told["estimated_usd"]) + ("" if told["is_complete"] else ", and what has no price yet")
    if err:
        click.echo(f"it may cost {total}", err=True)
        return
    if "runs" in told:
        rows = [
            (one["workflow_run_id"], one["workflow_slug"], show.money(one["estimated_usd"])) for one in told["runs"]
        ]
        table("failed runs to redrive", ("run", "workflow", "may cost"), rows, numbers=("may cost",))
    else:
        columns = ("step", "status", "cost before", "answered already", "may cost", "known from")
        names = ("cost_before_usd", "reusable_usd", "estimated_usd")
        rows = [
            (one["key"], one["status"], *(show.money(one[name]) for name in names), one["basis"].replace("_", " "))
            for one in told["steps"]
        ]
        table("steps to do again", columns, rows, numbers=columns[2:5])
        click.echo(f"taken over: {plain(', '.join(told['taken_over'])) or 'nothing'}")
    click.echo(f"it may cost {total}")


def _follow_all(api: Api, done: JsonObject, as_json: bool) -> None:
    if not stack_stays():
        for run in done["redriven"]:
            watch_run(api, run["workflow_run_id"], quiet=as_json)
    if as_json:
        print_json(done)
        return
    for run in done["redriven"]:
        click.echo(f"run {run['run_id']} is redriven as {run['workflow_run_id']}")
    for run in done["refused"]:
        click.echo(f"run {run['run_id']} is not: {plain(run['why'])}")
    if not done["redriven"] and not done["refused"]:
        click.echo("there are no such failed runs")


COMMANDS = (cancel, pause, resume, restart, fork, redrive)

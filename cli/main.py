"""`army`: the whole product from a terminal. Every command takes --json; errors are one sentence and exit code 1."""

from __future__ import annotations

import io
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from cli import show
from cli.accounts import accounts
from cli.approvals import COMMANDS as APPROVAL_COMMANDS
from cli.assets import plan_assets
from cli.audit import audit
from cli.brands import brands
from cli.card import show_what_waits
from cli.client import Api, ApiError
from cli.control import COMMANDS
from cli.demo import demo
from cli.drill import drill
from cli.effects import COMMANDS as EFFECT_COMMANDS
from cli.ended import exit_as, show_end
from cli.money import COMMANDS as MONEY_COMMANDS
from cli.options import RUNS, as_json, print_json, run_argument
from cli.reach import reachable_api, stack_stays, taken_in
from cli.start import checked_key, named_field, started_run
from cli.table import plain, table
from cli.waits import waits_for_person, with_what_waits
from cli.watch import ended_run, watch_run
from local.beside import lines_about
from local.postgres import PostgresError
from local.processes import StackError
from local.vendors import VENDORS
from shared.config import current_settings, process_environ
from shared.core.canonical import JsonObject
from shared.core.priority import Priority
from shared.errors import EngineError


class Army(click.Group):
    """Turns our own errors into one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read our output has seen enough
        except (ApiError, EngineError, OSError, PostgresError, StackError) as failed:
            raise click.ClickException(plain(str(failed))) from failed


def _show_version(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:
    if not is_asked:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"army {version('tiktok-army')}")
    except PackageNotFoundError:
        click.echo("army, from its source tree (not installed)")
    context.exit()


@click.group(cls=Army, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def army() -> None:
    """Durable AI agent workflows for TikTok marketing teams.

    Without any setting everything runs on this machine, with mock models and mock accounts. State lives in
    ARMY_HOME (default: .army). Set ARMY_API_URL and ARMY_TOKEN to talk to a deployment instead.
    """


for command in (
    *COMMANDS,
    *APPROVAL_COMMANDS,
    *EFFECT_COMMANDS,
    *MONEY_COMMANDS,
    audit,
    accounts,
    brands,
    plan_assets,
    demo,
    drill,
):
    army.add_command(command)


@army.command()
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 32), help="Door processes.")
@click.option(
    "--sweep-every",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Seconds between two ticks of the scheduler.",
)
@click.option("--fake", "fakes", multiple=True, type=click.Choice(sorted(VENDORS)), help="Run this fake vendor too.")
@click.option("--audit", is_flag=True, help="Publish every event to a Pub/Sub emulator, and keep it in a file.")
@click.option("--mirror", is_flag=True, help="Show how runs stand in a Firestore emulator.")
def up(workers: int, sweep_every: float, fakes: tuple[str, ...], audit: bool, mirror: bool) -> None:
    """Run the whole cloud on this machine until Ctrl-C."""
    from local.stack import Executors, Stack

    settings = current_settings()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with Stack(
        settings.army_home,
        process_environ(),
        told=click.echo,
        executors=Executors(workers),
        sweep_every_s=sweep_every,
        fakes=[*fakes, *(name for name, is_asked in (("audit", audit), ("mirror", mirror)) if is_asked)],
    ) as stack:
        click.echo(f"the doors answer at {stack.url} (models: {stack.settings.claude_mode}, ", nl=False)
        click.echo(f"accounts: {stack.settings.tiktok_provider_mode}); logs in {stack.folder / 'logs'}")
        for name, url in stack.fakes.items():
            click.echo(f"fake {name} at {url}")
        for line in lines_about(stack.settings, stack.folder):
            click.echo(line)
        click.echo("try, in another terminal: army run profile_audit --handle @lakucosmetics --watch")
        stop.wait()
        click.echo("stopping")


@army.command()
@click.argument("workflow")
@click.option("--handle", required=True, help="The account, with or without @.")
@click.option(
    "--target-type", type=click.Choice(["own_brand", "third_party"]), default="third_party", show_default=True
)
@click.option("--notes", help="What to look out for, in your words.")
@click.option("--brand-id", type=click.UUID, help="The brand profile to speak for.")
@click.option("--budget-usd", help="What the run's models may cost, in US dollars; at the cap it asks.")
@click.option(
    "--dataset",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Account data: a scraper export (JSON, JSONL, CSV, XLSX) or TikTok's own download (JSON, zip).",
)
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A further field of the brief.")
@click.option(
    "--priority",
    type=click.Choice([one.value for one in Priority]),
    help="Which of the workspace's waiting runs go first; normal unless given.",
)
@click.option(
    "--idempotency-key", metavar="TEXT", callback=checked_key, help="Asking again with the same key starts nothing new."
)
@click.option("--watch/--no-watch", default=None, help="Follow the run; without a running stack, always on.")
@as_json
def run(
    workflow: str,
    handle: str,
    target_type: str,
    notes: str | None,
    brand_id: UUID | None,
    budget_usd: str | None,
    dataset: Path | None,
    fields: tuple[str, ...],
    priority: str | None,
    idempotency_key: str | None,
    watch: bool | None,
    as_json: bool,
) -> None:
    """Run WORKFLOW for an account. Exit code 3 if the run fails, 4 if it waits for a person.

    WORKFLOW is the slug of a workflow, such as profile_audit; `army workflows` lists them.
    """
    brief: JsonObject = {
        "handle": handle,
        "target_type": target_type,
        "notes": notes,
        "brand_id": str(brand_id) if brand_id else None,
        "budget_usd": budget_usd,
        "dataset": taken_in(dataset, current_settings()) if dataset else None,
        "fields": dict(named_field(given) for given in fields),
    }
    with reachable_api() as api:
        given = {name: value for name, value in brief.items() if value not in (None, {})}
        started = started_run(api, workflow, given, idempotency_key, priority)
        run_id = started["workflow_run_id"]
        if watch is False and stack_stays():
            print_json(started) if as_json else click.echo(f"started run {run_id}; follow it with: army show {run_id}")
            return
        if watch is False:
            click.echo("no stack stays up after this command, so the run is followed to its end", err=True)
        ended = watch_run(api, run_id, quiet=as_json) if watch is not None or not as_json else ended_run(api, run_id)
    if as_json:
        print_json(ended)
    else:
        show_end(ended)
    exit_as(ended)


@army.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200))
@click.option("--status", type=click.Choice(["running", "succeeded", "failed", "cancelled"]))
@as_json
def runs(limit: int, status: str | None, as_json: bool) -> None:
    """List runs, newest first."""
    with reachable_api() as api:
        found = api.get(RUNS, limit=limit, status=status)
    print_json(found) if as_json else show.show_runs(found["runs"], status)


@army.command(name="show")
@run_argument
@as_json
def show_command(run_id: UUID, as_json: bool) -> None:
    """Show one run: its brief, its steps, its cost, what waits for a person, and what to do next."""
    with reachable_api() as api:
        found = with_what_waits(api, _whole_run(api, run_id))
    if as_json:
        print_json(found)
        return
    show.show_run(found)
    show.show_costs(found)
    show_what_waits(found)
    if found["status"] == "running" and waits_for_person(found):
        return
    if found["report_md"]:
        click.echo(f"the report: army report {run_id}")
    elif found["status"] == "running":
        click.echo("it is still running; look again in a moment")
    else:
        click.echo(f"every call and its error: army trace {run_id}")


def _whole_run(api: Api, run_id: UUID) -> JsonObject:
    """The run with all of its steps, of which one answer holds a thousand at most."""
    found: JsonObject = api.get(f"{RUNS}/{run_id}")
    if len(found["steps"]) < found["steps_total"]:
        found["steps"] = api.all_of(f"{RUNS}/{run_id}/steps", "steps")["steps"]
    return found


@army.command()
@run_argument
@click.option("--step", help="Only this step.")
@click.option("--whole", is_flag=True, help="Print prompts, requests and answers too.")
@as_json
def trace(run_id: UUID, step: str | None, whole: bool, as_json: bool) -> None:
    """Show every call that a run made: model, provider, database."""
    with reachable_api() as api:
        attempts = api.get(f"{RUNS}/{run_id}/agent-runs")["agent_runs"]
        if step is not None:
            _check_step(step, _whole_run(api, run_id))
        chosen = [attempt for attempt in attempts if step in (None, attempt["key"])]
        traces = [api.all_of(f"/api/dashboard/agent-runs/{attempt['id']}/steps", "steps") for attempt in chosen]
    if as_json:
        print_json({"agent_runs": traces})
        return
    for found in traces:
        show.show_trace(found["agent_run"], found["steps"], whole=whole)
    if not traces:
        click.echo(
            f"no agent has run{f' in step {step}' if step else ''} yet; army show {run_id} says what it waits for"
        )


def _check_step(step: str, run: JsonObject) -> None:
    keys = [one["key"] for one in run["steps"]]
    if step not in keys:
        raise ApiError(f"the run has no step {step!r}; it has: {', '.join(keys[:50])}")


@army.command()
@run_argument
@as_json
def report(run_id: UUID, as_json: bool) -> None:
    """Print a run's Markdown report."""
    with reachable_api() as api:
        found = api.get(f"{RUNS}/{run_id}")
    if as_json:
        print_json({"id": found["id"], "status": found["status"], "report_md": found["report_md"]})
    elif found["report_md"] is None:
        raise click.ClickException(f"run {run_id} is {found['status']} and has no report; army show {run_id} says more")
    else:
        click.echo(plain(found["report_md"]))


@army.command()
@as_json
def workflows(as_json: bool) -> None:
    """List the workflows that can be run."""
    with reachable_api() as api:
        found = api.get("/api/dashboard/workflows")
    if as_json:
        print_json(found)
        return
    rows = [
        (one["slug"], one["version"], one["name"], len(one["steps"]), one["description"]) for one in found["workflows"]
    ]
    columns = ("slug", "version", "name", "steps", "description")
    table("workflows", columns, rows, numbers=("version", "steps"), prose=("description",), spare=("name",))


@army.command()
@click.argument("name", required=False)
@as_json
def agents(name: str | None, as_json: bool) -> None:
    """List the agents of the catalog, or show one."""
    with reachable_api() as api:
        found = api.get("/api/dashboard/agents/catalog")["agents"]
    if name is not None:
        found = [agent for agent in found if agent["name"] == name]
        if not found:
            raise click.ClickException(f"there is no agent {name!r}; army agents lists them")
    if as_json:
        print_json({"agents": found})
        return
    rows = [
        (
            agent["name"],
            agent["pattern"],
            agent["typical_model"] or "none",
            "yes" if agent["is_available"] else "not yet",
            agent["purpose"],
        )
        for agent in found
    ]
    table(
        "agents" if name is None else name,
        ("name", "pattern", "model", "available", "purpose"),
        rows,
        prose=("purpose",),
        spare=("pattern",),
    )
    if name is not None:
        for part in ("inputs", "options", "outputs"):
            fields = [(field["name"], field["type"], field["unit"], field["description"]) for field in found[0][part]]
            table(part, ("name", "type", "unit", "description"), fields, prose=("description",))


@army.command()
@as_json
def migrate(as_json: bool) -> None:
    """Bring the database of DATABASE_OWNER_URL to the current schema."""
    from shared.store.migrate import migrate as bring_up

    revision = bring_up(current_settings())
    print_json({"revision": revision}) if as_json else click.echo(f"the schema is at revision {revision}")


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character is no reason to fail
    army(prog_name="army")


if __name__ == "__main__":
    main()

"""`army`: the whole product from a terminal. Every command takes --json; errors are one sentence and exit code 1."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from cli import show
from cli.client import Api, ApiError
from cli.reach import reachable_api, taken_in
from cli.watch import ended_run, watch_run
from shared.config import current_settings, process_environ
from shared.core.canonical import JsonObject
from shared.errors import EngineError

RUNS = "/api/dashboard/workflows/runs"
EXIT_RUN_FAILED = 3

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class Army(click.Group):
    """Turns our own errors into one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ApiError, EngineError, OSError, RuntimeError) as failed:
            if isinstance(failed, RuntimeError) and type(failed) is RuntimeError:
                raise
            raise click.ClickException(str(failed)) from failed


@click.group(cls=Army, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tiktok-army")
def army() -> None:
    """Durable AI agent workflows for TikTok marketing teams.

    Without any setting everything runs on this machine, with mock models and mock accounts. State lives in
    ARMY_HOME (default: .army). Set ARMY_API_URL and ARMY_TOKEN to talk to a deployment instead.
    """


def _print(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@army.command()
@click.option("--workers", default=2, show_default=True, help="Door processes.")
@click.option("--sweep-every", default=5.0, show_default=True, help="Seconds between two ticks of the scheduler.")
def up(workers: int, sweep_every: float) -> None:
    """Run the whole cloud on this machine until Ctrl-C."""
    from local.stack import Stack

    settings = current_settings()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Stack(
        settings.army_home, process_environ(), told=click.echo, workers=workers, sweep_every_s=sweep_every
    ) as stack:
        click.echo(f"the doors answer at {stack.url} (models: {stack.settings.claude_mode}, ", nl=False)
        click.echo(f"accounts: {stack.settings.tiktok_provider_mode}); logs in {stack.folder / 'logs'}")
        click.echo("try, in another terminal: army run profile_audit --handle @lakucosmetics --watch")
        stop.wait()
        click.echo("stopping")


@army.command()
@click.option("--handle", default="@lakucosmetics", show_default=True, help="The account to audit.")
@as_json
def demo(handle: str, as_json: bool) -> None:
    """Start everything, audit an account, and print the report and what it cost."""
    with reachable_api() as api:
        run = _started_run(api, "profile_audit", {"handle": handle, "target_type": "own_brand"})
        ended = watch_run(api, run["workflow_run_id"], quiet=as_json)
        if as_json:
            _print(ended)
        else:
            _show_end(ended)
            click.echo("\nWhere to look next:")
            click.echo(f"  army show {ended['id']}          the steps")
            click.echo(f"  army trace {ended['id']}         every call: prompts, tokens, cost")
            click.echo("  army run profile_audit --handle @any_handle --watch")
            click.echo("  army run profile_audit --handle @somebody --dataset export.csv --watch")
            click.echo("  army up                          keep everything running")
    _exit_as(ended)


def _started_run(api: Api, slug: str, brief: JsonObject, key: str | None = None) -> JsonObject:
    """A brief is handed in, and a run of it is started."""
    taken = api.post(
        "/api/dashboard/briefs", {"outcome": slug, **brief}, idempotency_key=f"{key}-brief" if key else None
    )
    asked = {"brief_id": taken["brief_id"], "workflow_slug": slug}
    started: JsonObject = api.post("/api/dashboard/workflows/run", asked, idempotency_key=key)
    return started


def _show_end(run: JsonObject) -> None:
    if run["report_md"]:
        click.echo(run["report_md"])
        click.echo()
    if run["status"] != "succeeded":
        show.show_run(run)
    show.show_costs(run)


def _exit_as(run: JsonObject) -> None:
    if run["status"] != "succeeded":
        sys.exit(EXIT_RUN_FAILED)


def _field(given: str) -> tuple[str, Any]:
    name, equals, value = given.partition("=")
    if not equals:
        raise click.BadParameter(f"{given!r} must read name=value", param_hint="--field")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


@army.command()
@click.argument("workflow")
@click.option("--handle", required=True, help="The account, with or without @.")
@click.option(
    "--target-type", type=click.Choice(["own_brand", "third_party"]), default="third_party", show_default=True
)
@click.option("--notes", help="What to look out for, in your words.")
@click.option("--brand-id", type=click.UUID, help="The brand profile to speak for.")
@click.option("--budget-usd", help="The most this run may cost, in US dollars.")
@click.option(
    "--dataset",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Account data: a scraper export (JSON, JSONL, CSV, XLSX) or TikTok's own download (JSON, zip).",
)
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A further field of the brief.")
@click.option("--idempotency-key", help="Asking again with the same key starts nothing new.")
@click.option("--watch/--no-watch", default=None, help="Follow the run; without a running stack, always on.")
@as_json
def run(
    workflow: str,
    handle: str,
    target_type: str,
    notes: str | None,
    brand_id: Any,
    budget_usd: str | None,
    dataset: Path | None,
    fields: tuple[str, ...],
    idempotency_key: str | None,
    watch: bool | None,
    as_json: bool,
) -> None:
    """Run WORKFLOW for an account. Exit code 3 if the run fails."""
    brief: JsonObject = {
        "handle": handle,
        "target_type": target_type,
        "notes": notes,
        "brand_id": str(brand_id) if brand_id else None,
        "budget_usd": budget_usd,
        "dataset": taken_in(dataset, current_settings()) if dataset else None,
        "fields": dict(_field(given) for given in fields),
    }
    with reachable_api() as api:
        given = {name: value for name, value in brief.items() if value not in (None, {})}
        started = _started_run(api, workflow, given, idempotency_key)
        run_id = started["workflow_run_id"]
        if watch is False and _stack_stays():
            _print(started) if as_json else click.echo(f"started run {run_id}; follow it with: army show {run_id}")
            return
        ended = watch_run(api, run_id, quiet=as_json) if watch is not None or not as_json else ended_run(api, run_id)
    if as_json:
        _print(ended)
    else:
        _show_end(ended)
    _exit_as(ended)


def _stack_stays() -> bool:
    """True if the run goes on after this command: a deployment, or a stack that was up before."""
    from local.stack import running

    settings = current_settings()
    if settings.army_api_url:
        return True
    found = running(settings.army_home)
    return found is not None and not _is_ours(found.pid)


def _is_ours(pid: int) -> bool:
    import os

    return pid == os.getpid()


@army.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200))
@click.option("--status", type=click.Choice(["running", "succeeded", "failed", "cancelled"]))
@as_json
def runs(limit: int, status: str | None, as_json: bool) -> None:
    """List runs, newest first."""
    with reachable_api() as api:
        found = api.get(RUNS, limit=limit, status=status)
    _print(found) if as_json else show.show_runs(found["runs"])


@army.command(name="show")
@click.argument("run_id")
@as_json
def show_command(run_id: str, as_json: bool) -> None:
    """Show one run: its brief, its steps, its cost."""
    with reachable_api() as api:
        found = api.get(f"{RUNS}/{run_id}")
    if as_json:
        _print(found)
    else:
        show.show_run(found)
        show.show_costs(found)


@army.command()
@click.argument("run_id")
@click.option("--step", help="Only this step.")
@click.option("--whole", is_flag=True, help="Print prompts, requests and answers too.")
@as_json
def trace(run_id: str, step: str | None, whole: bool, as_json: bool) -> None:
    """Show every call that a run made: model, provider, database."""
    with reachable_api() as api:
        attempts = api.get(f"{RUNS}/{run_id}/agent-runs")["agent_runs"]
        chosen = [attempt for attempt in attempts if step in (None, attempt["key"])]
        traces = [api.get(f"/api/dashboard/agent-runs/{attempt['id']}/steps", limit=1000) for attempt in chosen]
    if as_json:
        _print({"agent_runs": traces})
    elif not traces:
        raise click.ClickException(f"no agent has run{f' in step {step}' if step else ''} yet")
    else:
        for found in traces:
            show.show_trace(found["agent_run"], found["steps"], whole=whole)


@army.command()
@click.argument("run_id")
@as_json
def report(run_id: str, as_json: bool) -> None:
    """Print a run's Markdown report."""
    with reachable_api() as api:
        found = api.get(f"{RUNS}/{run_id}")
    if as_json:
        _print({"id": found["id"], "status": found["status"], "report_md": found["report_md"]})
    elif found["report_md"] is None:
        raise click.ClickException(f"run {run_id} is {found['status']} and has no report; army show {run_id} says more")
    else:
        click.echo(found["report_md"])


@army.command()
@as_json
def workflows(as_json: bool) -> None:
    """List the workflows that can be run."""
    with reachable_api() as api:
        found = api.get("/api/dashboard/workflows")
    if as_json:
        _print(found)
        return
    rows = [
        (one["slug"], one["version"], one["name"], len(one["steps"]), one["description"]) for one in found["workflows"]
    ]
    show.table("workflows", ("slug", "version", "name", "steps", "description"), rows, numbers=("version", "steps"))


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
        _print({"agents": found})
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
    show.table("agents", ("name", "pattern", "model", "available", "purpose"), rows)
    if name is not None:
        for part in ("inputs", "options", "outputs"):
            fields = [(field["name"], field["type"], field["unit"], field["description"]) for field in found[0][part]]
            show.table(part, ("name", "type", "unit", "description"), fields)


@army.command()
@as_json
def migrate(as_json: bool) -> None:
    """Bring the database of DATABASE_OWNER_URL to the current schema."""
    from shared.store.migrate import migrate as bring_up

    revision = bring_up(current_settings())
    _print({"revision": revision}) if as_json else click.echo(f"the schema is at revision {revision}")


def main() -> None:
    army()


if __name__ == "__main__":
    main()

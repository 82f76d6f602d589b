"""`army drill`: faults for a workflow of yours, in a stack of its own, and the books compared afterwards."""

from __future__ import annotations

import json
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.client import ApiError
from cli.options import EXIT_RUN_FAILED, as_json, print_json
from cli.reach import found_api
from cli.start import named_field
from cli.table import plain, table
from shared.core.canonical import JsonObject

if TYPE_CHECKING:
    from local.drill.report import Report
    from shared.core.definitions import WorkflowDef

APP = "local.drill.app:make_app()"


@click.command()
@click.argument("workflow")
@click.option("--seed", type=click.IntRange(0), help="The dice of an earlier drill again; else they are new.")
@click.option("--runs", default=10, show_default=True, type=click.IntRange(1, 200), help="Runs under faults.")
@click.option(
    "--minutes",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.05, 60),
    help="The storm ends after so long, with fewer runs if need be.",
)
@click.option("--handle", default="@lakucosmetics", show_default=True, help="The account of every brief.")
@click.option("--field", "fields", multiple=True, metavar="NAME=VALUE", help="A further field of every brief.")
@as_json
def drill(
    workflow: str, seed: int | None, runs: int, minutes: float, handle: str, fields: tuple[str, ...], as_json: bool
) -> None:
    """Run WORKFLOW under faults, and check that nothing was lost and nothing paid twice. Exit code 3 if it was.

    WORKFLOW is the slug of a workflow, or a JSON file that defines one. Executors are killed and stopped, Postgres
    ends, tasks are lost, refused and delivered again, as a seed draws it. All of it happens in a stack of its own in a
    temporary folder, with mock accounts and a fake model vendor that keeps a bill: your stack is not touched. Where a
    run waits at a gate, it is approved.
    """
    from local.drill.doors import DoorRefusedError
    from local.drill.report import Report
    from local.drill.running import Runner, Scenario
    from local.drill.storm import CalmError, Storm
    from local.drill.until import DrillError

    brief: JsonObject = {"handle": handle, "fields": dict(named_field(given) for given in fields)}
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    try:
        definition = _definition(workflow)
        storm = Storm(definition, brief, runs, minutes)
        runner = Runner(chosen, APP, is_short=False, told=_told())
        for number in (signal.SIGTERM, signal.SIGHUP):  # ended from outside, the stack of the drill ends with it
            signal.signal(number, lambda received, _: sys.exit(128 + received))
        try:
            result = runner.run(Scenario("drill", f"{definition.slug}, seed {chosen}", storm.blow))
        finally:
            runner.close()
    except (CalmError, DrillError, DoorRefusedError) as refused:
        raise click.ClickException(plain(str(refused))) from refused
    report = Report(chosen, storm, result)
    print_json(report.as_json()) if as_json else _show(report, workflow)
    if report.verdict != "held":
        sys.exit(EXIT_RUN_FAILED)


def _told() -> Any:
    began = time.monotonic()
    return lambda line: click.echo(f"[{time.monotonic() - began:6.1f} s] {plain(line)}", err=True)


def _definition(workflow: str) -> WorkflowDef:
    """The definition in a file; or the one of this slug, from the stack that runs, else from the seeded ones."""
    from local.drill.storm import definition_in
    from shared.workflows.check import parse_definition
    from shared.workflows.seeded import SEEDED_WORKFLOWS

    if workflow.endswith(".json") or Path(workflow).is_file():
        try:
            return parse_definition(json.loads(Path(workflow).read_text()))
        except ValueError as wrong:
            raise ApiError(f"{workflow} is not a JSON document: {wrong}") from wrong
    api = found_api()
    seeded = [one.to_dag_jsonb() for one in SEEDED_WORKFLOWS.values()]
    return definition_in({"workflows": seeded} if api is None else api.get("/api/dashboard/workflows"), workflow)


def _show(report: Report, workflow: str) -> None:
    from local.drill.report import INVARIANTS
    from local.drill.storm import TITLES

    storm, result = report.storm, report.result
    table("faults", ("fault", "fired"), [(TITLES[name], storm.fired[name]) for name in TITLES], numbers=("fired",))
    held = [(name, title, report.standing(name)) for name, title in INVARIANTS.items()]
    table("invariants", ("", "what must hold", "verdict"), held, prose=("what must hold",))
    told = report.as_json()
    calls = [(name.replace("_", " "), told["calls"][name]) for name in ("paid", "reused", "in_doubt", "wasted")]
    money = [
        (f"US dollars {name.replace('_', ' ')}", told["usd"][name]) for name in ("billed", "journal", "paid_twice")
    ]
    table("calls of models", ("calls", "number"), [*calls, *money], numbers=("number",))
    ended = ", ".join(f"{number} {status}" for status, number in storm.statuses.items()) or "none"
    click.echo(f"runs: {ended}; attempts: {result.attempts}, of which {storm.attempts_lost} lost their executor")
    if storm.approvals:
        click.echo(f"approvals at gates: {storm.approvals}")
    click.echo(f"a run took {storm.calm_s:.1f} s in calm, {storm.stormy_s:.1f} s in the storm (median)")
    for problem in result.problems:
        click.echo(f"BROKEN: {plain(problem)}")
    if report.verdict == "unproven":
        click.echo("nothing was proved: ask for more --runs")
    click.echo(f"{report.verdict}: army drill {workflow} --seed {report.seed} --runs {storm.runs} draws the same again")

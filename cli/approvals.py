"""Commands for what waits for a person: the queue, and one decision at a time on exactly what was shown."""

from __future__ import annotations

import sys
from uuid import UUID

import click

from cli.card import show_approvals, show_card, show_differences
from cli.client import Api, ApiError
from cli.options import as_json, print_json, stated
from cli.reach import reachable_api, stack_stays
from cli.table import plain
from cli.waits import APPROVALS
from cli.watch import watch_run
from shared.core.canonical import JsonObject
from shared.core.status import GateStatus

target = click.argument("step_or_run", metavar="STEP|RUN", type=click.UUID)
digest_option = click.option("--digest", help="Decide only if this is what it proposes now; else what is shown here.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask; needed where nobody is there to answer.")


@click.command()
@click.option("--status", type=click.Choice([str(one) for one in GateStatus]), default="open", show_default=True)
@click.option("--run", "run_id", type=click.UUID, help="Only those of this run.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@as_json
def approvals(status: str, run_id: UUID | None, limit: int, as_json: bool) -> None:
    """List what waits for a decision, newest first."""
    with reachable_api() as api:
        found = api.get(APPROVALS, status=status, run_id=run_id, limit=limit)
    if as_json:
        print_json(found)
        return
    show_approvals(found["approvals"], status)
    if found["approvals"] and status == "open":
        click.echo("look at one and decide: army approve STEP, or: army reject STEP --feedback …")


@click.command()
@target
@click.option("--note", help="Why; it is kept with the decision.")
@click.option("--up-to", metavar="USD", help="Release no more money than this; at a cap: the new cap.")
@digest_option
@yes_option
@as_json
def approve(
    step_or_run: UUID, note: str | None, up_to: str | None, digest: str | None, yes: bool, as_json: bool
) -> None:
    """Show an approval, ask, and let happen what was shown. Of a run with one open approval, the run will do."""
    decide("approve", step_or_run, digest, stated(note=note, up_to_usd=up_to), yes=yes, as_json=as_json)


@click.command()
@target
@click.option("--feedback", help="Why not, for whoever does it again.")
@digest_option
@yes_option
@as_json
def reject(step_or_run: UUID, feedback: str | None, digest: str | None, yes: bool, as_json: bool) -> None:
    """Show an approval, ask, and refuse it: nothing of it happens, and its run fails or takes another branch."""
    decide("reject", step_or_run, digest, stated(feedback=feedback), yes=yes, as_json=as_json)


def decide(what: str, step_or_run: UUID, digest: str | None, body: JsonObject, *, yes: bool, as_json: bool) -> None:
    """Shows it, asks, decides on the digest that was shown, and says what follows."""
    with reachable_api() as api:
        gate = open_approval(api, step_or_run)
        if not as_json:
            show_card(gate)
        if not yes:
            _ask(what)
        try:
            told = api.post(f"{APPROVALS}/{gate['step_id']}/{what}", {"digest": digest or gate["digest"], **body})
        except ApiError as refused:
            if refused.problem.get("differences") and not as_json:
                show_differences(refused.problem["differences"])
            raise
        if not stack_stays():
            watch_run(api, gate["run_id"], quiet=as_json)
    print_json(told) if as_json else click.echo(_sentence(told))


def open_approval(api: Api, step_or_run: UUID) -> JsonObject:
    """The approval of this step, or the only open one of this run. Raises `ApiError` that says what to name."""
    found = api.get(APPROVALS, run_id=step_or_run)["approvals"]
    if len(found) > 1:
        listed = ", ".join(f"{gate['step_id']} ({plain(gate['title'])})" for gate in found)
        raise ApiError(f"run {step_or_run} waits for {len(found)} decisions; name one step: {listed}")
    step_id = found[0]["step_id"] if found else step_or_run
    try:
        gate: JsonObject = api.get(f"{APPROVALS}/{step_id}")
    except ApiError as refused:
        if refused.problem.get("status") == 404:
            raise ApiError(
                f"no decision is asked for at {step_or_run}, as a step or a run; army approvals lists what waits"
            ) from refused
        raise
    return gate


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"nobody is there to answer: say --yes to {what} what is shown")
    click.confirm(f"{what}?", abort=True, err=True)


def _sentence(told: JsonObject) -> str:
    run = f"army show {told['run_id']}"
    if told["status"] == "open":
        return f"approved by {told['approvals']} of {told['quorum']}; it waits for the others"
    if told["status"] == "rejected":
        return f"rejected: nothing of it happens; {run} says how the run ends"
    let_go = len(told["released_effects"])
    return f"approved; effects released: {let_go}; follow the run with: {run}" if let_go else f"approved; {run}"


COMMANDS = (approvals, approve, reject)

"""`army demo campaign`: Campaign Launch from brief to plan on this machine, with a decision at each of its gates."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cli.brands import BRANDS
from cli.campaign_end import campaign_end
from cli.campaign_shown import show_campaign
from cli.card import show_card
from cli.client import Api
from cli.deciding import Answer, Decider, always_approve, ask_person, checked_answers, in_turn, parsed_answers
from cli.demo_stack import demo_stack
from cli.options import EXIT_RUN_FAILED, RUNS, as_json, print_json
from cli.reach import local_token
from cli.start import started_run
from cli.walk import Walk
from cli.watch import event_line
from shared.core.canonical import JsonObject
from shared.core.definitions import APPROVAL_NODE

if TYPE_CHECKING:
    from local.stack import Stack

EXIT_DIFFERS = 1
BRAND: JsonObject = {
    "name": "Laku Cosmetics",
    "voice": "Warm, plain and curious. Short sentences. Says what a thing is and how it is used.",
    "guidelines": "No promises about skin. No before and after. Vegan and refillable may be said; both are true.",
    "banned_terms": ["miracle", "flawless", "anti-aging"],
}
BRIEF: JsonObject = {
    "handle": "@lakucosmetics",
    "target_type": "own_brand",
    "notes": "Bring the brow gel to those who already watch our skincare posts.",
    "fields": {
        "ad_budget_usd": "300",
        "ad_days": 7,
        "advertiser_id": "7000000000001",
        "duration_s": 6,
        "max_listings": 2,
        "max_creators": 2,
    },
}


def _parsed(_context: click.Context, _option: click.Parameter, given: str | None) -> tuple[Answer, ...] | None:
    if given is None:
        return None
    from shared.workflows.campaign_launch import CAMPAIGN_LAUNCH

    answers = parsed_answers(given)
    checked_answers(answers, sum(step.agent_name == APPROVAL_NODE for step in CAMPAIGN_LAUNCH.steps))
    return answers


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["real", "mock"]),
    default="real",
    show_default=True,
    help="real: over HTTP, against fake vendors on this machine. mock: without any vendor.",
)
@click.option("--yes", is_flag=True, help="Approve at every gate.")
@click.option("--answers", callback=_parsed, metavar="LIST", help="One for each gate: approve,approve,reject:FEEDBACK")
@as_json
def campaign(mode: str, yes: bool, answers: tuple[Answer, ...] | None, as_json: bool) -> None:
    """Run Campaign Launch from brief to plan, deciding at its four gates, and check what came of it.

    Nothing leaves this machine and nothing is paid. Exit code 3 if a gate is rejected or the run fails, 1 if a receipt,
    a file or the spend is not as it is told.
    """
    decide = _decider(yes, answers, as_json)
    with demo_stack(mode) as stack:
        api = Api(stack.url, local_token(stack.settings))
        walk = _walk(api, _begun(api), decide, stack, quiet=as_json)
        walk.to_its_end()
        end = campaign_end(api, walk.run["id"], stack.settings, stack.fakes)
    told = {"mode": mode, "folder": str(stack.folder), "decisions": walk.decisions, **end}
    print_json(told) if as_json else show_campaign(told)
    _exit(told)


def _decider(yes: bool, answers: Sequence[Answer] | None, as_json: bool) -> Decider:
    if yes and answers is not None:
        raise click.UsageError("--yes and --answers say different things; give one")
    if yes:
        return always_approve
    if answers is not None:
        return in_turn(answers)
    if as_json or not sys.stdin.isatty():
        raise click.UsageError("nobody is there to answer at the gates: give --yes, or --answers approve,reject:WHY")
    return ask_person


def _begun(api: Api) -> JsonObject:
    """A brand, a brief that speaks for it, and a run of that brief."""
    brand = api.post(BRANDS, BRAND)
    started = started_run(api, "campaign_launch", {**BRIEF, "brand_id": brand["brand_id"]})
    run: JsonObject = api.get(f"{RUNS}/{started['workflow_run_id']}")
    return run


def _walk(api: Api, run: JsonObject, decide: Decider, stack: Stack, *, quiet: bool) -> Walk:
    return Walk(
        api=api,
        run=run,
        decide=decide,
        told=_passed_over if quiet else _tell,
        shown=_passed_over if quiet else _show,
        rendered=_reviewed,
        studio=stack.fakes.get("studio"),
    )


def _passed_over(_told: JsonObject) -> None:
    """Whoever asked for JSON gets it at the end."""


def _tell(event: JsonObject) -> None:
    if not event["type"].startswith("agent_run."):
        click.echo(event_line(event), err=True)


def _show(gate: JsonObject) -> None:
    click.echo()
    show_card(gate)


def _reviewed(generation_id: str) -> None:
    click.echo(f"at Studio, a person approves the render {generation_id}; Studio calls back", err=True)


def _exit(told: JsonObject) -> None:
    if told["problems"]:
        sys.exit(EXIT_DIFFERS)
    if told["status"] != "succeeded":
        sys.exit(EXIT_RUN_FAILED)

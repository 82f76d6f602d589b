"""Commands for money: what a day may cost, and the proof of what a run did cost."""

from __future__ import annotations

import sys
from decimal import Decimal
from uuid import UUID

import click

from cli.card import show_caps
from cli.options import RUNS, as_json, print_json, run_argument, stated
from cli.reach import reachable_api
from cli.show import count, money
from cli.table import line, plain, table
from shared.core.canonical import JsonObject

CAPS = "/api/dashboard/caps"
AD_SPEND = "/api/dashboard/ad-spend"
EXIT_DIFFERS = 1


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def caps(context: click.Context, as_json: bool) -> None:
    """Show what a day (UTC) may cost, and today's use; `army caps set` sets it."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        found = api.get(CAPS)
    print_json(found) if as_json else show_caps(found["caps"])


@caps.command(name="set")
@click.option("--day", metavar="USD", help="Model calls of one day.")
@click.option("--ad-day", metavar="USD", help="Ads of one day.")
@as_json
def set_caps(day: str | None, ad_day: str | None, as_json: bool) -> None:
    """Set what each day may cost, from today on."""
    if day is None and ad_day is None:
        raise click.UsageError("name --day USD, --ad-day USD, or both")
    with reachable_api() as api:
        found = api.put(CAPS, stated(day=day, ad_day=ad_day))
    print_json(found) if as_json else show_caps(found["caps"])


@click.group(name="ad-spend", invoke_without_command=True)
@as_json
@click.pass_context
def ad_spend(context: click.Context, as_json: bool) -> None:
    """Show what campaigns may spend, were seen to spend and did spend, by day (UTC); `settle` reads the vendor now."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        found = api.get(AD_SPEND)
    print_json(found) if as_json else show_ad_spend(found["campaigns"])


@ad_spend.command()
@as_json
def settle(as_json: bool) -> None:
    """Read what campaigns spent, and settle the days whose figures are final. The scheduler does it by itself."""
    with reachable_api() as api:
        told = api.post(f"{AD_SPEND}/settle", {})
    if as_json:
        print_json(told)
        return
    line(f"campaigns read: {told['campaigns_read']}; days settled: {told['days_settled']}")
    if told["campaigns_paused"]:
        line(f"paused at the day's cap: {told['campaigns_paused']}")
    if told["campaigns_failed"]:
        line(f"could not be read, and are asked for again later: {told['campaigns_failed']}")


def show_ad_spend(campaigns: list[JsonObject]) -> None:
    """A row for each day of each campaign, newest campaign first."""
    rows = [
        (
            plain(one["campaign_id"]),
            plain(one["name"]),
            one["status"],
            day["day"],
            *(money(day[name]) for name in ("reserved_usd", "seen_usd", "settled_usd")),
        )
        for one in campaigns
        for day in one["days"]
    ]
    columns = ("campaign", "name", "status", "day (UTC)", "reserved", "seen so far", "settled")
    table("what ads spend", columns, rows, numbers=columns[4:], prose=("name",), spare=("name",))


@click.command()
@run_argument
@as_json
def prove(run_id: UUID, as_json: bool) -> None:
    """Compute what a run cost from raw token counters, and compare. Exit code 1 if anything differs."""
    with reachable_api() as api:
        proof = api.get(f"{RUNS}/{run_id}/proof")
    print_json(proof) if as_json else show_proof(proof)
    if proof["verdict"] != "proved":
        sys.exit(EXIT_DIFFERS)


def show_proof(proof: JsonObject) -> None:
    """How each call ended and what it cost, the totals, what was saved, and whatever differs."""
    rows = [
        (name.replace("_", " "), count(one["count"]), money(one["usd"]))
        for name, one in proof["calls"].items()
        if one["count"]
    ]
    table("calls that cost, or may have", ("calls", "number", "US dollars"), rows, numbers=("number", "US dollars"))
    totals = proof["totals"]
    counted = (
        ("what the counters come to", money(totals["computed_usd"])),
        ("the rows of calls", money(totals["calls_usd"])),
        ("steps", money(totals["steps_usd"])),
        ("the run", money(totals["run_usd"])),
    )
    table("the same money, counted four times", ("total of", "US dollars"), counted, numbers=("US dollars",))
    for told in _sentences(proof):
        line(told)
    wrong = [
        (one["where"], one["what"], money(one["expected_usd"]), money(one["found_usd"])) for one in proof["differences"]
    ]
    if wrong:
        columns = ("where", "must be", "expected", "found")
        table("what differs", columns, wrong, numbers=("expected", "found"), prose=("where", "must be"))
    line(f"{proof['verdict']}: run {proof['workflow_run_id']} ({plain(proof['status'])})")


def _sentences(proof: JsonObject) -> list[str]:
    saved, ads = proof["saved"], proof["ad_spend"]
    by_cache, by_journal = money(saved["by_cache_usd"]), money(saved["by_journal_usd"])
    told = [f"saved by the prompt cache: {by_cache}; by the journal: {by_journal}"]
    if Decimal(saved["by_cache_usd"]) < 0:
        told[0] += " (writing to the cache costs a quarter more, and little was read back yet)"
    if Decimal(ads["reserved_usd"]):
        settled = sum(1 for day in ads["days"] if day["settled_usd"] is not None)
        told.append(
            f"ad spend held against the caps of {len(ads['days'])} days: {money(ads['reserved_usd'])} "
            "(a quarter more than the budget: TikTok may overshoot a day by that); "
            f"settled: {money(ads['settled_usd'])} for {settled} of them"
        )
    if Decimal(proof["not_in_totals_usd"]):
        told.append(f"answered after its step had ended, in no total: {money(proof['not_in_totals_usd'])}")
    if not proof["is_final"]:
        told.append("the run goes on: only what has ended is compared")
    return told


COMMANDS = (ad_spend, caps, prove)

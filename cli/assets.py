"""`army plan-assets`: which assets a brand needs, in which order, who looks at them, and what is still to be asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import click
from rich.markup import escape

from cli.client import ApiError
from cli.options import as_json, print_json, stated
from cli.reach import reachable_api
from cli.table import line, plain, table
from shared.core.canonical import JsonObject
from shared.workflows.asset_brief import Channel, Granularity

PLAN_ASSETS = "/agents/plan-assets"
SHOWN = 40  # assets and gates in a table; --json has all


@click.command(name="plan-assets")
@click.option("--brand-id", required=True, type=click.UUID, help="The brand profile to plan for: army brands.")
@click.option("--brief", help="What the assets are for, in your words.")
@click.option(
    "--brief-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The brief as a JSON object: products, channels, assets and so on (docs/assets.md).",
)
@click.option("--handle", help="Take the products on sale in the shop of this account.")
@click.option("--products-total", type=int, help="How many products there should be.")
@click.option("--channel", "channels", multiple=True, type=click.Choice(get_args(Channel)), help="Where they go.")
@click.option("--variants", type=int, help="How many versions of each composite, 1 to 5.")
@click.option("--gates", type=click.Choice(get_args(Granularity)), help="After what a person looks.")
@click.option("--batch-size", type=int, help="How many assets a gate has with --gates per_batch.")
@as_json
def plan_assets(
    brand_id: UUID,
    brief: str | None,
    brief_file: Path | None,
    handle: str | None,
    products_total: int | None,
    channels: tuple[str, ...],
    variants: int | None,
    gates: str | None,
    batch_size: int | None,
    as_json: bool,
) -> None:
    """Plan the assets of a brand: five layers, the gates between them, and what to ask the customer."""
    given = _read(brief_file) if brief_file else {}
    given |= stated(
        goal=brief,
        handle=handle,
        products_total=products_total,
        channels=list(channels) or None,
        variants=variants,
        gate_granularity=gates,
        batch_size=batch_size,
    )
    with reachable_api() as api:
        plan = api.post(PLAN_ASSETS, {"brand_id": str(brand_id), "brief": given})
    print_json(plan) if as_json else _show(plan)


def _read(file: Path) -> JsonObject:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as wrong:
        raise ApiError(f"{file.name} is not JSON in UTF-8") from wrong
    if not isinstance(found, dict):
        raise ApiError(f"{file.name} must hold a JSON object: the brief")
    return found


def _show(plan: JsonObject) -> None:
    """The layers first, then what they hold, the gates, and what is open."""
    is_partial = ", a part of it: questions are open" if plan["is_partial"] else ""
    line(f"[bold]assets of {escape(plain(plan['brand']))}[/bold]{is_partial}")
    stages = [(stage["key"], len(stage["assets"]), len(stage["gates"])) for stage in plan["stages"]]
    table(
        "layers, in the order in which they are made", ("layer", "assets", "gates"), stages, numbers=("assets", "gates")
    )
    assets = [
        (stage["key"], asset["key"], asset["title"], ", ".join(asset["depends_on"]))
        for stage in plan["stages"]
        for asset in stage["assets"]
    ]
    columns = ("layer", "asset", "title", "made from")
    _first("assets", columns, assets, prose=("title", "made from"), spare=("layer",))
    if plan["gates"]:
        gates = [(gate["key"], gate["title"], len(gate["covers"]), len(gate["holds"])) for gate in plan["gates"]]
        _first("gates", ("gate", "title", "covers", "holds"), gates, numbers=("covers", "holds"), prose=("title",))
    else:
        line("no gates: nobody is asked between the layers")
    _show_open(plan)


def _first(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], **how: Any) -> None:
    table(title, columns, rows[:SHOWN], **how)
    if len(rows) > SHOWN:
        line(f"… and {len(rows) - SHOWN:,} more {title}; --json has them all\n")


def _show_open(plan: JsonObject) -> None:
    """Questions, what was left out, and where the products come from."""
    questions = plan["questions_for_customer"]
    line("[bold]to ask the customer[/bold]" if questions else "nothing is left to ask the customer")
    for question in questions:
        waiting = ", ".join(question["blocks"])
        line(f"  {escape(plain(question['question']))}" + (f" (waiting for it: {waiting})" if waiting else ""))
    for one in plan["stripped_dependencies"][:SHOWN]:
        line(f"left out: {one['asset']} is made from {escape(plain(one['depends_on']))}, which is not in the plan")
    for note in plan["notes"]:
        line(f"note: {escape(plain(note))}")

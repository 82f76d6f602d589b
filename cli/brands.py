"""Commands for brand profiles: how a brand speaks, which a run can then speak for."""

from __future__ import annotations

import click

from cli.options import as_json, print_json
from cli.reach import reachable_api
from cli.table import line, plain, table

BRANDS = "/api/dashboard/brands"
EMPTY = 'no brands yet; add one with: army brands add --name "Aster" --voice "Warm and plain."'
SHOWN = 200  # characters of a voice or of guidelines in the list; --json has all


@click.group(invoke_without_command=True)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@as_json
@click.pass_context
def brands(context: click.Context, limit: int, as_json: bool) -> None:
    """List brand profiles, newest first; `army brands add` makes one."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        found = api.get(BRANDS, limit=limit)
    if as_json:
        print_json(found)
    elif found["brands"]:
        _show(found["brands"])
    else:
        line(EMPTY)


def _show(found: list[dict[str, str]]) -> None:
    rows = [
        (
            brand["id"],
            brand["name"],
            _shortened(brand["voice"]),
            _shortened(brand["guidelines"]),
            ", ".join(brand["banned_terms"]),
        )
        for brand in found
    ]
    columns = ("brand", "name", "voice", "guidelines", "banned terms")
    table("brands, newest first", columns, rows, prose=columns[1:], spare=("guidelines", "banned terms", "voice"))


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN].rstrip() + "…"


@brands.command()
@click.option("--name", required=True, help="What the brand is called.")
@click.option("--voice", default="", help="How it speaks, in your words.")
@click.option("--guidelines", default="", help="What it asks of what is written for it.")
@click.option("--banned", "banned", multiple=True, metavar="TERM", help="A term it never uses; may be given often.")
@as_json
def add(name: str, voice: str, guidelines: str, banned: tuple[str, ...], as_json: bool) -> None:
    """Add a brand profile."""
    asked = {"name": name, "voice": voice, "guidelines": guidelines, "banned_terms": list(banned)}
    with reachable_api() as api:
        added = api.post(BRANDS, asked)
    if as_json:
        print_json(added)
        return
    click.echo(f"added brand {plain(name)}: {added['brand_id']}")
    click.echo(f"speak for it with: army run profile_audit --handle @… --brand-id {added['brand_id']}")

"""Commands for what was let go: effects and their end, the switch that holds them back, and signals from outside."""

from __future__ import annotations

import json
from uuid import UUID

import click

from cli.card import show_effects, show_hold
from cli.options import RUNS, as_json, print_json, stated
from cli.reach import reachable_api
from cli.table import plain
from shared.core.status import EffectStatus

EFFECTS = "/api/dashboard/effects"
HOLD = f"{EFFECTS}/hold"


class OfRun(click.Group):
    """A group whose first word may be the id of a run instead of a command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = args and self.get_command(ctx, args[0]) is not None
        return super().resolve_command(ctx, args if known else ["of", *args])


@click.group(cls=OfRun, invoke_without_command=True, subcommand_metavar="[RUN] | resolve ID …")
@click.option("--status", type=click.Choice([str(one) for one in EffectStatus]), help="Only those that stand so.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 200))
@as_json
@click.pass_context
def effects(context: click.Context, status: str | None, limit: int, as_json: bool) -> None:
    """List effects of the workspace, newest first, or those of RUN; resolve what nobody can tell about."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        found = api.get(EFFECTS, status=status, limit=limit)
    if as_json:
        print_json(found)
        return
    show_effects(found["effects"], "effects, newest first")
    show_hold(found["hold"])


@effects.command(hidden=True)
@click.argument("run_id", metavar="RUN", type=click.UUID)
@as_json
def of(run_id: UUID, as_json: bool) -> None:
    """The effects of one run, in the order of its steps."""
    with reachable_api() as api:
        found = api.get(f"{RUNS}/{run_id}/effects")
    if as_json:
        print_json(found)
        return
    show_effects(found["effects"])
    show_hold(found["hold"])


@effects.command()
@click.argument("effect_id", metavar="ID", type=click.UUID)
@click.option(
    "--as",
    "became",
    required=True,
    type=click.Choice(["done", "refused", "again"]),
    help="It happened; it did not; or try again, which looks at the vendor first.",
)
@click.option("--note", required=True, help="How you know.")
@click.option("--reference", help="What was done: the vendor's own id of it.")
@click.option(
    "--receipt",
    "receipt",
    multiple=True,
    metavar="NAME=VALUE",
    help="What else is known of it, such as url=https://www.tiktok.com/@brand/video/7300000000000000001.",
)
@as_json
def resolve(
    effect_id: UUID, became: str, note: str, reference: str | None, receipt: tuple[str, ...], as_json: bool
) -> None:
    """Say what became of an effect that nobody could tell about (unknown)."""
    body = {"as": became, "note": note, **stated(reference=reference, receipt=_receipt(receipt) or None)}
    with reachable_api() as api:
        told = api.post(f"{EFFECTS}/{effect_id}/resolve", body)
    if as_json:
        print_json(told)
    else:
        click.echo(f"effect {effect_id} is {told['status']}; army show {told['run_id']} says how its run goes on")


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def hold(context: click.Context, as_json: bool) -> None:
    """The workspace's switch: while it is on, nothing is done to the world, whatever was approved."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        found = api.get(EFFECTS, limit=1)["hold"]
    if as_json:
        print_json({"hold": found})
    elif found is None:
        click.echo("nothing is held back; army hold on holds everything")
    else:
        show_hold(found)


@hold.command()
@click.option("--reason", help="Why; it is shown with the effects.")
@as_json
def on(reason: str | None, as_json: bool) -> None:
    """Hold everything back. What is being done goes on to its end."""
    with reachable_api() as api:
        told = api.post(HOLD, stated(reason=reason))
    if as_json:
        print_json(told)
    elif told["is_new"]:
        click.echo("from now on nothing is done to the world; lift it with: army hold off")
    else:
        show_hold(told["hold"])


@hold.command()
@as_json
def off(as_json: bool) -> None:
    """Let effects be done again, those first that were released meanwhile."""
    with reachable_api() as api:
        told = api.delete(HOLD)
    if as_json:
        print_json(told)
    else:
        click.echo(
            f"the hold is lifted; effects woken: {told['effects_woken']}"
            if told["is_lifted"]
            else "nothing was held back"
        )


@click.command()
@click.argument("key")
@click.option("--payload", help="What the step that waits is given: JSON, or else text.")
@as_json
def signal(key: str, payload: str | None, as_json: bool) -> None:
    """Send what a step waits for, or will. The first signal of a KEY counts."""
    with reachable_api() as api:
        told = api.post("/api/dashboard/signals", {"key": key, **stated(payload=_payload(payload))})
    if as_json:
        print_json(told)
    elif told["is_new"]:
        click.echo(f"sent to {plain(key)}; steps woken: {told['woken']}")
    else:
        click.echo(f"{plain(key)} was sent to before: the first signal counts")


def _receipt(given: tuple[str, ...]) -> dict[str, object]:
    """Values are text, but for lists and objects, which are JSON."""
    found: dict[str, object] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--receipt")
        found[name] = _payload(value) if value[:1] in ("[", "{") else value
    return found


def _payload(text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text


COMMANDS = (effects, hold, signal)

"""`army demo`: an audit from a clean start; `army demo campaign`: a campaign with a person at each gate."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from cli.demo_campaign import campaign
from cli.ended import exit_as, show_end
from cli.options import as_json, print_json
from cli.reach import reachable_api
from cli.start import started_run
from cli.watch import watch_run


@click.group(invoke_without_command=True)
@click.option("--handle", default="@lakucosmetics", show_default=True, help="The account to audit.")
@as_json
@click.pass_context
def demo(context: click.Context, handle: str, as_json: bool) -> None:
    """Start everything, audit an account, and print the report and what it cost."""
    if context.invoked_subcommand is not None:
        return
    with reachable_api() as api:
        run = started_run(api, "profile_audit", {"handle": handle, "target_type": "own_brand"})
        ended = watch_run(api, run["workflow_run_id"], quiet=as_json)
        if as_json:
            print_json(ended)
        else:
            show_end(ended)
            click.echo("\nWhere to look next:")
            commands = _next_commands(ended["id"])
            width = max(len(command) for command, _ in commands)
            for command, purpose in commands:
                click.echo(f"  {command:<{width}}  {purpose}")
    exit_as(ended)


demo.add_command(campaign)


def _next_commands(run_id: str) -> list[tuple[str, str]]:
    """Commands that can be pasted: by the path that this one was started with, where `army` alone is not found."""
    started_as = Path(sys.argv[0])
    program = os.path.relpath(started_as) if started_as.name == "army" and not shutil.which("army") else "army"
    return [
        (f"{program} show {run_id}", "its steps"),
        (f"{program} trace {run_id} --whole", "every call: prompts, answers, cost"),
        (f"{program} run profile_audit --handle @any_handle", "another account"),
        (f"{program} run profile_audit --handle @somebody --dataset export.csv", "from a file that you have"),
        (f"{program} demo campaign", "a campaign that asks you before it publishes, spends or writes"),
        (f"{program} up", "keep everything running"),
    ]

"""What a command prints of a run that it has followed, and the exit code that says how the run stands."""

from __future__ import annotations

import sys

import click

from cli import show
from cli.card import show_what_waits
from cli.options import EXIT_RUN_FAILED, EXIT_RUN_WAITS
from cli.table import plain
from shared.core.canonical import JsonObject


def show_end(run: JsonObject) -> None:
    """The report and the costs; of a run without a report its steps, and what it waits for."""
    if run["report_md"]:
        click.echo(plain(run["report_md"]))
        click.echo()
    if run["status"] != "succeeded":
        show.show_run(run)
    show.show_costs(run)
    if run["status"] == "running":
        show_what_waits(run)


def exit_as(run: JsonObject) -> None:
    """0 for a run that succeeded, 3 for one that did not, 4 for one that waits for a person."""
    if run["status"] == "running":
        sys.exit(EXIT_RUN_WAITS)
    if run["status"] != "succeeded":
        sys.exit(EXIT_RUN_FAILED)

"""What several commands take and print alike."""

from __future__ import annotations

import json
from typing import Any

import click

from shared.core.canonical import JsonObject

RUNS = "/api/dashboard/workflows/runs"
EXIT_RUN_FAILED = 3
EXIT_RUN_WAITS = 4  # for a person: to decide, or to say what became of an effect

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
run_argument = click.argument("run_id", type=click.UUID)


def stated(**fields: Any) -> JsonObject:
    """The fields that were given: what is None is left out."""
    return {name: value for name, value in fields.items() if value is not None}


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))

"""What several commands take and print alike."""

from __future__ import annotations

import json
from typing import Any

import click

RUNS = "/api/dashboard/workflows/runs"
EXIT_RUN_FAILED = 3

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
run_argument = click.argument("run_id", type=click.UUID)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))

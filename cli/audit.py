"""Commands for the audit: is what was published still what was written?"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from cli.options import RUNS, as_json, print_json
from cli.reach import reachable_api
from cli.table import line, plain
from shared.audit.verify import first_break
from shared.core.canonical import JsonObject

EXIT_BROKEN = 1
NEWEST = 50


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def audit(context: click.Context, as_json: bool) -> None:
    """Say of each of the 50 newest runs whether its published events are whole."""
    if context.invoked_subcommand is None:
        context.invoke(verify, as_json=as_json)


@audit.command()
@click.argument("run_id", type=click.UUID, required=False)
@click.option(
    "--file",
    "exported",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check this export of the audit (JSON lines) instead of the database.",
)
@as_json
def verify(run_id: UUID | None, exported: Path | None, as_json: bool) -> None:
    """Find the first broken link of a run's audit chain; without RUN_ID, of each of the 50 newest runs.

    With --file, of every chain in an export, or RUN_ID's alone. Exit code 1 if a link is broken.
    """
    found = _of_file(exported, run_id) if exported else _of_runs(run_id)
    if as_json:
        print_json({"chains": found})
    else:
        for chain in found:
            line(_told(chain))
        if not found:
            line("there is nothing to verify")
    if any(chain["verdict"] == "broken" for chain in found):
        sys.exit(EXIT_BROKEN)


def _of_runs(run_id: UUID | None) -> list[JsonObject]:
    with reachable_api() as api:
        ids = [str(run_id)] if run_id else [run["id"] for run in api.get(RUNS, limit=NEWEST)["runs"]]
        return [api.get(f"{RUNS}/{one}/audit") for one in ids]


def _of_file(exported: Path, run_id: UUID | None) -> list[JsonObject]:
    chains: dict[str, list[Any]] = defaultdict(list)
    for number, text in enumerate(exported.read_text(encoding="utf-8").splitlines(), start=1):
        event = _event(text, number)
        if run_id is None or event["subject_id"] == str(run_id):
            chains[event["subject_id"]].append(event)
    return [_verdict(subject, events) for subject, events in chains.items()]


def _event(text: str, number: int) -> JsonObject:
    try:
        event = json.loads(text)
        is_one = {"subject_id", "seq", "hash", "prev_hash"} <= event.keys() and isinstance(event["seq"], int)
    except (ValueError, AttributeError):
        is_one = False
    if not is_one:
        raise click.ClickException(f"line {number} is no event of the audit")
    found: JsonObject = event
    return found


def _verdict(subject: str, events: list[JsonObject]) -> JsonObject:
    broken = first_break(events)
    return {
        "workflow_run_id": subject,
        "verdict": "broken" if broken else "intact",
        "published": max(event["seq"] for event in events),
        "first_broken_seq": broken.seq if broken else None,
        "why": broken.why if broken else None,
    }


def _told(chain: JsonObject) -> str:
    subject = plain(str(chain["workflow_run_id"]))
    if chain["verdict"] == "unpublished":
        return f"unpublished: {subject} (nothing was published of it)"
    if chain["verdict"] == "intact":
        return f"intact: {subject}, {chain['published']} events"
    return f"BROKEN: {subject}, event {chain['first_broken_seq']} {plain(chain['why'])}"

"""Live progress of a run: a table that redraws itself in a terminal, a plain log anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cli.client import Api
from cli.table import plain
from cli.waits import waiting_run
from shared.core.canonical import JsonObject
from shared.core.money import show_usd
from shared.core.status import RunStatus, StepStatus

SETTLE_S = 60.0  # how long the steps of an ended run may still be at work before we stop waiting for them
SETTLE_PAUSE_S = 0.25
ASKING = frozenset({"workflow_step.pending_approval", "effect.unknown", "effect.released"})
RESTING = ASKING | {f"workflow_step.{end}" for end in ("succeeded", "failed", "skipped", "waiting")}
SIGNS = {
    "pending": "·",
    "queued": "…",
    "running": "▶",
    "waiting": "…",
    "pending_approval": "?",
    "succeeded": "✔",
    "failed": "✘",
    "skipped": "–",
    "cancelled": "–",
}


def watch_run(api: Api, run_id: str, *, quiet: bool = False) -> JsonObject:
    """Follows the run until it ends, or goes on only when a person does something, and returns it."""
    path = f"/api/dashboard/workflows/runs/{run_id}"
    first = api.get(path)
    if quiet:
        for _ in _events(api, first):
            pass
    elif Console(stderr=True).is_terminal:
        _live(api, first)
    else:
        _log(api, first)
    return waiting_run(api, api.get(path)) or ended_run(api, run_id)


def ended_run(api: Api, run_id: str) -> JsonObject:
    """The run when it has ended, and what was at work then has ended too: only then its steps and its cost stay. Where
    it waits for a person it is given back as it stands, with what waits.

    After a minute it is given back as it stands, and what is still at work is named on standard error.
    """
    path = f"/api/dashboard/workflows/runs/{run_id}"
    while True:
        run: JsonObject = api.get(path, wait="5s")
        if RunStatus(run["status"]).is_final:
            break
        waiting = waiting_run(api, run)
        if waiting is not None:
            return waiting
    until = time.monotonic() + SETTLE_S
    while run["steps_open"] and time.monotonic() < until:
        time.sleep(SETTLE_PAUSE_S)
        run = api.get(path)
    if run["steps_open"]:
        at_work = ", ".join(step["key"] for step in run["steps"] if not StepStatus(step["status"]).is_final)
        click.echo(
            f"the run has ended; still at work: {at_work}; army show {run_id} has what they cost later", err=True
        )
    return run


def _events(api: Api, run: JsonObject) -> Iterator[JsonObject]:
    """The events of the run, and of those inside of it, as long as it goes on by itself."""
    path, has_asked = f"/api/dashboard/workflows/runs/{run['id']}", False
    for event in api.events(run["stream_url"]):
        yield event
        if "sub_run_id" in event:
            yield from _inner_events(api, event)
            if waiting_run(api, api.get(path)) is not None:
                return
        has_asked = has_asked or event["type"] in ASKING
        if has_asked and event["type"] in RESTING and waiting_run(api, api.get(path)) is not None:
            return


def _inner_events(api: Api, waiting: JsonObject) -> Iterator[JsonObject]:
    """The events of the steps of a run that a step waits for, under both their keys."""
    for event in _events(api, api.get(f"/api/dashboard/workflows/runs/{waiting['sub_run_id']}")):
        if "key" in event:
            yield {**event, "key": f"{waiting['key']}/{event['key']}"}


def _live(api: Api, run: JsonObject) -> None:
    steps = {step["key"]: dict(step) for step in run["steps"]}
    started = time.monotonic()
    with Live(_table(run, steps, 0), console=Console(stderr=True), refresh_per_second=8) as live:
        for event in _events(api, run):
            if event.get("key") in steps and event["type"].startswith("workflow_step."):
                steps[event["key"]].update(_changed(event))
            live.update(_table(run, steps, time.monotonic() - started))


def _changed(event: JsonObject) -> JsonObject:
    names = ("status", "cost_usd", "latency_ms", "error")
    return {name: event[name] for name in names if name in event}


def _table(run: JsonObject, steps: dict[str, JsonObject], seconds: float) -> Table:
    title = f"{escape(plain(run['workflow_name']))}  {run['id']}  {seconds:.1f} s"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("", "step", "agent", "ms", "cost"):
        table.add_column(name, justify="right" if name in ("ms", "cost") else "left")
    for step in steps.values():
        cost = step.get("cost_usd")
        table.add_row(
            SIGNS.get(step["status"], step["status"]),
            escape(plain(step["label"])),
            escape(step["agent_name"]),
            str(step.get("latency_ms") or ""),
            show_usd(Decimal(str(cost))) if cost is not None else "",
        )
    return table


def _log(api: Api, run: JsonObject) -> None:
    click.echo(f"run {run['id']}  {plain(run['workflow_name'])}", err=True)
    for event in _events(api, run):
        if not event["type"].startswith("agent_run."):
            click.echo(event_line(event), err=True)


def event_line(event: JsonObject) -> str:
    """An event in one line: when, what, of which step, and what it took."""
    parts = [event["at"][11:23], event["type"]]
    if "key" in event:
        parts.append(event["key"])
    if event.get("latency_ms") is not None:
        parts.append(f"{event['latency_ms']} ms")
    if event.get("cost_usd") is not None and event["type"].startswith("workflow_step."):
        parts.append(show_usd(Decimal(str(event["cost_usd"]))))
    if event.get("error"):
        parts.append(plain(str(event["error"]).partition("\n")[0]))
    return "  ".join(parts)

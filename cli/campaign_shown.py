"""The end of a campaign for people: what was done and where to see it, what was not, the plan, and the proof."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import click
from rich.markup import escape

from cli.money import show_proof
from cli.table import line, plain
from shared.core.canonical import JsonObject
from shared.core.money import show_usd

HEADS = {
    "update_listing": "listings changed",
    "publish_video": "posted",
    "launch_campaign": "campaign launched",
    "send_message": "messages sent",
}


def show_campaign(end: JsonObject) -> None:
    """The plan first, if there is one; then each act with its record; then what was not done, and the proof."""
    if end["plan_md"]:
        click.echo(f"\n{plain(end['plan_md'])}\n")
    for inner in end["runs_inside"]:
        line(f"[bold]{escape(plain(inner['title']))}[/bold]")
        line(f"  {_inner(inner)}: ARMY_HOME={end['folder']} army report {inner['workflow_run_id']}")
    for kind, head in HEADS.items():
        done = [effect for effect in end["effects"] if effect["kind"] == kind and effect["status"] == "done"]
        if done:
            line(f"[bold]{head}[/bold]")
        for effect in done:
            for told in _lines(effect):
                line(f"  {escape(plain(told))}")
    _show_not_done(end)
    line("\n[bold]proof of spend[/bold] (mock models: what it would have cost)")
    show_proof(end["proof"])
    for problem in end["problems"]:
        line(f"[bold]not as told:[/bold] {escape(plain(problem))}")
    line(f"\nall of it, again: ARMY_HOME={end['folder']} army show {end['workflow_run_id']}")


def _inner(run: JsonObject) -> str:
    """Whether a run inside of this one was made or taken over, and what it cost."""
    if run["reused"]:
        return escape(plain(run["reused"]["told"]))
    return (
        f"made first, for {show_usd(Decimal(run['cost_usd'] or 0))}, of the same budget; its spend is {run['verdict']}"
    )


def _lines(effect: JsonObject) -> Iterator[str]:
    receipt = effect["receipt"]
    yield f"{effect['title']}: {receipt['vendor']} {receipt['reference']}"
    if receipt.get("url"):
        yield f"  {receipt['url']}"
    if "video" in effect:
        yield from _of_video(effect["video"])
    if "on_record" not in effect:
        yield "  mock mode: no vendor was asked"
    elif effect["on_record"] is not None:
        yield f"  on the vendor's record: {_recorded(effect)}"


def _of_video(video: JsonObject) -> Iterator[str]:
    if video["file"] is not None:
        yield f"  {video['file']}"
        yield (
            f"  {video['width']}×{video['height']}, {video['video']} and {video['audio']}, {video['duration_s']:g} s, "
            f"{video['fps']:g} pictures a second, {video['bytes']:,} bytes"
        )


def _recorded(effect: JsonObject) -> str:
    record = effect["on_record"]
    if effect["kind"] == "publish_video":
        return f"post {record['post_id']}, {record['status']}, the same {record['bytes']:,} bytes by their sha-256"
    if effect["kind"] == "launch_campaign":
        ads = sum(len(group["ads"]) for group in record["adgroups"])
        runs = "runs" if record["runs"] else "does not run"
        return f"{runs}, budget ${record['budget']:.2f} of ${Decimal(effect['released_usd']):.2f} released, ads: {ads}"
    if effect["kind"] == "update_listing":
        return str(record.get("title") or "new description")
    return f"conversation {record['conversation_id']}, message {record['id']}"


def _show_not_done(end: JsonObject) -> None:
    """What a rejection stopped: the acts that were not let go, and the steps that did not run."""
    rejected = next((one for one in end["decisions"] if one["decision"] == "reject"), None)
    stopped = [effect for effect in end["effects"] if effect["status"] != "done"]
    if rejected is not None:
        why = f": {rejected['feedback']}" if rejected["feedback"] else ""
        line(f"\n[bold]rejected[/bold] at {escape(plain(rejected['title'] + why))}")
    elif end["status"] != "succeeded":
        line(f"\n[bold]the run {end['status']}[/bold]: {escape(plain(end['error_message'] or ''))}")
    for effect in stopped:
        line(f"  not done ({effect['status']}): {escape(plain(effect['title']))}")
    for label in end["not_run"]:
        line(f"  not run: {escape(plain(label))}")

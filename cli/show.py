"""Runs, traces and costs as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.watch import SIGNS
from shared.core.canonical import JsonObject, canonical_json
from shared.core.money import ZERO, show_usd

EMPTY_RUNS = "no runs yet; start one with: army run profile_audit --handle @lakucosmetics --watch"
TEXT_SHOWN = 2000
WIDTH_OF_A_FILE = 160


def console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for a table where it is a file or a pipe."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH_OF_A_FILE)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Prints a table; the columns named in `numbers` stand to the right."""
    drawn = Table(title=title, title_justify="left")
    for column in columns:
        drawn.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(escape("" if value is None else str(value)) for value in row))
    console().print(drawn)


def money(value: str | None) -> str:
    return "" if value is None else show_usd(Decimal(value))


def show_runs(runs: Sequence[JsonObject]) -> None:
    if not runs:
        console().print(EMPTY_RUNS)
        return
    rows = [
        (
            SIGNS.get(run["status"], ""),
            run["id"],
            run["workflow_slug"],
            f"@{run['brief_jsonb'].get('handle', '')}",
            run["status"],
            f"{run['steps_total'] - run['steps_open']}/{run['steps_total']}",
            money(run["total_cost_usd"]),
            run["started_at"][:19],
        )
        for run in runs
    ]
    columns = ("", "run", "workflow", "account", "status", "steps", "cost", "started (UTC)")
    table("runs, newest first", columns, rows, numbers=("steps", "cost"))


def show_run(run: JsonObject) -> None:
    """What was asked, where it stands, its steps, what it cost."""
    out = console()
    out.print(f"run        {run['id']}")
    out.print(f"workflow   {escape(run['workflow_name'])} ({run['workflow_slug']} v{run['workflow_version']})")
    out.print(f"brief      {escape(canonical_json(run['brief_jsonb']))}")
    out.print(f"status     {run['status']}")
    if run["error_message"]:
        out.print(f"error      {run['error_class']}: {escape(run['error_message'])}")
    rows = [
        (
            SIGNS.get(step["status"], ""),
            step["idx"],
            step["key"],
            step["status"],
            step["attempt"],
            step["latency_ms"],
            money(step["cost_usd"]),
            (step["error_message"] or "").splitlines()[0] if step["error_message"] else "",
        )
        for step in run["steps"]
    ]
    numbers = ("idx", "attempt", "ms", "cost")
    table("steps", ("", "idx", "step", "status", "attempt", "ms", "cost", "error"), rows, numbers=numbers)


def show_costs(run: JsonObject) -> None:
    """What each step's calls cost. A call whose price is unknown is marked."""
    spent = [cost for cost in run["costs"] if cost["llm_calls"]]
    rows = [
        (
            cost["key"],
            cost["model"] or "",
            cost["llm_calls"],
            cost["input_tokens"],
            cost["cache_read_tokens"],
            cost["cache_write_tokens"],
            cost["output_tokens"],
            money(cost["cost_usd"]) + ("" if cost["cost_known"] else " ?"),
        )
        for cost in spent
    ]
    total = sum((Decimal(cost["cost_usd"]) for cost in run["costs"]), ZERO)
    rows.append(("total", "", sum(cost["llm_calls"] for cost in spent), "", "", "", "", show_usd(total)))
    columns = ("step", "model", "calls", "input", "cache read", "cache write", "output", "cost")
    table("cost (US dollars, from the trace)", columns, rows, numbers=columns[2:])


def show_trace(agent_run: JsonObject, calls: Sequence[JsonObject], *, whole: bool) -> None:
    """One agent run's calls, in order; `whole` prints prompts and answers too."""
    title = f"{agent_run['agent_name']}  attempt {agent_run['attempt']}  {agent_run['status']}  {agent_run['id']}"
    rows = [
        (
            call["idx"],
            call["kind"],
            call["label"],
            call["outcome"],
            call["model"],
            call["latency_ms"],
            call["input_tokens"],
            call["output_tokens"],
            money(call["cost_usd"]),
            call["error_message"],
        )
        for call in calls
    ]
    columns = ("idx", "kind", "label", "outcome", "model", "ms", "in", "out", "cost", "error")
    table(title, columns, rows, numbers=("idx", "ms", "in", "out", "cost"))
    if whole:
        for call in calls:
            _show_whole(call)


def _show_whole(call: JsonObject) -> None:
    out = console()
    out.rule(f"{call['idx']} {escape(call['label'])}")
    for name in ("system_prompt", "user_prompt", "response_text", "input_jsonb", "output_jsonb"):
        value = call[name]
        if value is None or (name == "output_jsonb" and call["response_text"] is not None):
            continue
        text = value if isinstance(value, str) else canonical_json(value)
        more = "" if len(text) <= TEXT_SHOWN else f"\n… {len(text) - TEXT_SHOWN} more characters (army trace --json)"
        out.print(f"[bold]{name}[/bold]\n{escape(text[:TEXT_SHOWN])}{more}\n")

"""Runs, traces and costs as tables for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from rich.markup import escape

from cli.table import console, line, plain, table
from cli.watch import SIGNS
from shared.core.canonical import JsonObject, canonical_json
from shared.core.definitions import WORKFLOW_NODE
from shared.core.money import ZERO, show_usd
from shared.core.priority import Priority

EMPTY_RUNS = "no runs yet; start one with: army run profile_audit --handle @lakucosmetics --watch"
TEXT_SHOWN = 2000


def money(value: str | None) -> str:
    return "" if value is None else show_usd(Decimal(value))


def count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def show_runs(runs: Sequence[JsonObject], status: str | None = None) -> None:
    if not runs:
        line(f"no {status} runs; army runs lists them all" if status else EMPTY_RUNS)
        return
    rows = [
        (
            SIGNS.get(run["status"], ""),
            run["id"],
            run["workflow_slug"],
            f"@{run['brief_jsonb'].get('handle', '')}",
            run["status"] + (", paused" if run["status"] == "running" and run["paused_at"] else ""),
            "" if run["priority"] == Priority.NORMAL else run["priority"],
            f"{run['steps_total'] - run['steps_open']}/{run['steps_total']}",
            money(run["total_cost_usd"]),
            _time(run["started_at"]),
        )
        for run in runs
    ]
    columns = ("", "run", "workflow", "account", "status", "priority", "steps", "cost", "started (UTC)")
    spare = ("priority", "steps", "workflow", "started (UTC)", "")
    table("runs, newest first", columns, rows, numbers=("steps", "cost"), spare=spare)


def show_run(run: JsonObject) -> None:
    """What was asked, where it stands, its steps."""
    brief = dict(run["brief_jsonb"])
    account = f"@{brief.pop('handle', '')}  {brief.pop('target_type', '')}".rstrip()
    facts = {
        "run": run["id"],
        "workflow": f"{run['workflow_name']} ({run['workflow_slug']} v{run['workflow_version']})",
        "account": account,
        "brief": canonical_json(brief) if brief else "",
        "status": f"{SIGNS.get(run['status'], '')} {run['status']}{_held(run)}",
        "priority": "" if run["priority"] == Priority.NORMAL else run["priority"],
        "from": _origin(run),
        "started": f"{_time(run['started_at'])} UTC{_took(run)}",
        "error": f"{run['error_class']}: {run['error_message']}" if run["error_message"] else "",
    }
    for name, value in facts.items():
        if value:
            line(f"{name:<10}{escape(plain(value))}")
    line("")
    rows = [
        (
            SIGNS.get(step["status"], ""),
            step["idx"],
            step["key"],
            step["status"],
            step["attempt"],
            count(step["latency_ms"]),
            money(step["cost_usd"]),
            _first_line(step["error_message"]),
        )
        for step in run["steps"]
    ]
    columns = ("", "idx", "step", "status", "attempt", "ms", "cost", "error")
    table("steps", columns, rows, numbers=("idx", "attempt", "ms", "cost"), prose=("error",), spare=("idx", "attempt"))
    for told in _inner_runs(run["steps"]):
        line(escape(plain(told)))


def _inner_runs(steps: Sequence[JsonObject]) -> Iterator[str]:
    """Of each step that ran a workflow: its run, or why none was made."""
    for step in steps:
        output = step.get("output_jsonb") or {}
        if step["agent_name"] == WORKFLOW_NODE and "run_id" in output:
            reused = output.get("reused")
            yield f"{step['key']}: " + (reused["told"] if reused else f"army show {output['run_id']}")


def _time(iso: str) -> str:
    return iso[:19].replace("T", " ")


def _took(run: JsonObject) -> str:
    if run["completed_at"] is None:
        return ""
    took = datetime.fromisoformat(run["completed_at"]) - datetime.fromisoformat(run["started_at"])
    return f", took {took.total_seconds():.1f} s"


def _held(run: JsonObject) -> str:
    """What keeps a running run from going on."""
    if run["status"] == "running" and run["cancel_requested_at"]:
        return f", being cancelled by {plain(run['cancelled_by'])}"
    if run["status"] == "running" and run["paused_at"]:
        scope = {"run": "", "outer_run": ", with the run that it is inside of,"}
        what = scope.get(run["paused_scope"], f", with its {run['paused_scope']},")
        return f", paused{what} by {plain(run['paused_by'])}"
    return ""


def _origin(run: JsonObject) -> str:
    """The run that this one does a part of again."""
    if run["forked_from_run_id"] is None:
        return ""
    return f"{run['fork_kind']} of {run['forked_from_run_id']} at {', '.join(run['forked_at_steps'])}"


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def show_costs(run: JsonObject) -> None:
    """What each step's calls cost. A call whose price is unknown is marked."""
    spent = [cost for cost in run["costs"] if cost["llm_calls"]]
    if not spent:
        line("cost: no model has been called")
        return
    rows = [
        (
            cost["key"],
            cost["model"] or "",
            cost["llm_calls"],
            count(cost["input_tokens"]),
            count(cost["cache_read_tokens"]),
            count(cost["cache_write_tokens"]),
            count(cost["output_tokens"]),
            money(cost["cost_usd"]) + ("" if cost["cost_known"] else " ?"),
        )
        for cost in spent
    ]
    total = sum((Decimal(cost["cost_usd"]) for cost in run["costs"]), ZERO)
    rows.append(("total", "", sum(cost["llm_calls"] for cost in spent), "", "", "", "", show_usd(total)))
    columns = ("step", "model", "calls", "input", "cache read", "cache write", "output", "cost")
    title = "cost of model calls, in tokens and US dollars, from the trace"
    table(title, columns, rows, numbers=columns[2:], spare=("cache write", "cache read", "model"))


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
            count(call["latency_ms"]),
            count(call["input_tokens"]),
            count(call["output_tokens"]),
            money(call["cost_usd"]) if call["kind"] == "llm_call" or Decimal(call["cost_usd"]) else "",
            _first_line(call["error_message"]),
        )
        for call in calls
    ]
    columns = ("idx", "kind", "label", "outcome", "model", "ms", "tokens in", "tokens out", "cost", "error")
    numbers = ("idx", "ms", "tokens in", "tokens out", "cost")
    if rows:
        table(title, columns, rows, numbers=numbers, prose=("error",), spare=("idx", "tokens in", "tokens out", "kind"))
    else:
        line(f"[bold]{escape(plain(title))}[/bold]\nno call was made\n")
    for call in calls:
        if call["note"]:
            line(f"note      {call['idx']} {escape(plain(call['label']))}: {escape(plain(call['note']))}")
    _show_error(agent_run)
    if whole:
        for call in calls:
            _show_whole(call)


def _show_error(agent_run: JsonObject) -> None:
    """The last line of what an agent run failed with: above it stands the traceback, which --json has."""
    lines = (agent_run["error_message"] or "").strip().splitlines()
    if lines:
        line(f"error     {escape(plain(lines[-1]))}\n")


def _show_whole(call: JsonObject) -> None:
    console().rule(f"{call['idx']} {escape(plain(call['label']))}")
    for name in ("system_prompt", "user_prompt", "response_text", "input_jsonb", "output_jsonb"):
        value = call[name]
        if value is None or (name == "output_jsonb" and call["response_text"] is not None):
            continue
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        more = "" if len(text) <= TEXT_SHOWN else f"\n… {len(text) - TEXT_SHOWN:,} more characters (army trace --json)"
        line(f"[bold]{name}[/bold]\n{escape(plain(text[:TEXT_SHOWN]))}{more}\n")

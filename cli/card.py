"""Approvals and effects for people: everything that a decision is about, before it is taken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from rich.markup import escape

from cli.show import TEXT_SHOWN, count, money
from cli.table import line, plain, table
from shared.core.canonical import Json, JsonObject, canonical_json

BEFORE_SHOWN = 400  # characters of what a step before the gate put out
EFFECT_SIGNS = {"proposed": "·", "released": "…", "doing": "▶", "done": "✔", "refused": "✘", "unknown": "?"}
NOTHING_WAITS = "nothing waits for a decision"


def show_approvals(gates: Sequence[JsonObject], status: str) -> None:
    """The queue, newest first."""
    if not gates:
        line(NOTHING_WAITS if status == "open" else f"no {status} approvals")
        return
    rows = [
        (
            gate["step_id"],
            gate["title"],
            gate["workflow_slug"],
            f"@{gate['handle']}" if gate["handle"] else "",
            len(gate["effects"]) or "",
            money(gate["amount_usd"]),
            _asked_of(gate),
            when(gate["created_at"]),
        )
        for gate in gates
    ]
    columns = ("step", "approval", "workflow", "account", "effects", "releases", "of", "since (UTC)")
    spare = ("account", "since (UTC)", "workflow", "of", "effects")
    title = f"{status} approvals, newest first"
    table(title, columns, rows, numbers=("effects", "releases"), prose=("approval",), spare=spare)


def show_card(gate: JsonObject) -> None:
    """One approval, whole: who asks, what came before, what would happen and cost, and what a decision binds to."""
    facts = {
        "approval": gate["title"],
        "run": f"{gate['run_id']}  {gate['workflow_slug']}" + (f"  @{gate['handle']}" if gate["handle"] else ""),
        "step": f"{gate['step_id']}  {gate['step_key']}",
        "status": gate["status"],
        "asked": f"{when(gate['created_at'])} UTC, by {gate['requested_by']}",
        "decides": _asked_of(gate),
        "decided": "; ".join(_decision(one, gate["digest"]) for one in gate["decisions"]),
        "expires": _expiry(gate),
        "cost": f"{money(gate['cost_so_far_usd'])} so far" + _releases(gate),
        "digest": gate["digest"] + (f" (revision {gate['revision']})" if gate["revision"] > 1 else ""),
    }
    for name, value in facts.items():
        if value:
            line(f"{name:<10}{escape(plain(value))}")
    line("")
    if gate["kind"] == "budget":
        _show_budget(gate["proposal"])
    else:
        _show_lead(gate["proposal"]["steps"], gate["leads_with"])
        _show_before(gate["proposal"]["steps"])
        _show_proposed(gate["proposal"]["effects"])


def when(iso: str) -> str:
    return iso[:19].replace("T", " ")


def _asked_of(gate: JsonObject) -> str:
    who = "anybody" if gate["role"] == "any_workspace_member" else gate["role"]
    quorum = f"{gate['quorum']} of " if gate["quorum"] > 1 else ""
    most = f", up to {money(gate['up_to_usd'])}" if gate["up_to_usd"] else ""
    return f"{quorum}{who}{most}" + ("" if gate["self_approval"] else f", not {gate['requested_by']}")


def _decision(one: JsonObject, digest: str) -> str:
    what = "approved" if one["decision"] == "approve" else "rejected"
    note = f": {one['note']}" if one.get("note") else ""
    void = " (void: another revision)" if one["digest"] != digest else ""
    return f"{what} by {one['by']} at {when(one['at'])}{note}{void}"


def _expiry(gate: JsonObject) -> str:
    return f"{when(gate['expires_at'])} UTC: then {gate['on_expiry']}" if gate["expires_at"] else ""


def _releases(gate: JsonObject) -> str:
    return f"; releases up to {money(gate['amount_usd'])}" if gate["amount_usd"] else ""


def _show_budget(proposal: JsonObject) -> None:
    asked = (
        ("the cap", f"{proposal['cap']}, {money(proposal['cap_usd'])}"),
        ("used", money(proposal["used_usd"])),
        ("needed", f"{money(proposal['needed_usd'])} for the next call of {proposal['step']}"),
        ("at least", f"{money(proposal['least_cap_usd'])} as the new cap: approve with --up-to"),
    )
    for name, value in asked:
        line(f"{name:<10}{escape(plain(value))}")


def _show_lead(steps: JsonObject, field: str | None) -> None:
    """The field that the workflow asks about, whole as far as it can be read."""
    for step in steps.values():
        output = step.get("output")
        if field is not None and isinstance(output, dict) and field in output:
            line(f"[bold]{escape(plain(field.replace('_', ' ')))}[/bold]")
            _show_json(output[field])


def _show_json(value: Json) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    more = "" if len(text) <= TEXT_SHOWN else f"\n… {len(text) - TEXT_SHOWN:,} more characters (--json has them)"
    line(f"{escape(plain(text[:TEXT_SHOWN]))}{more}\n")


def _show_before(steps: JsonObject) -> None:
    line("[bold]what came before[/bold]")
    for key, step in steps.items():
        text = canonical_json(step.get("output"))
        more = "" if len(text) <= BEFORE_SHOWN else "…"
        line(f"  {escape(plain(f'{key}: {text[:BEFORE_SHOWN]}{more}'))}")
    line("")


def _show_proposed(effects: Sequence[JsonObject]) -> None:
    if not effects:
        line("it releases nothing; the steps behind it go on\n")
        return
    for effect in effects:
        amount = "" if effect["amount_usd"] is None else f"  up to {money(effect['amount_usd'])}"
        line(f"[bold]{escape(plain(effect['title']))}[/bold]{escape(amount)}  ({effect['kind']}, {effect['id']})")
        _show_json(effect["payload"])


def show_differences(differences: Sequence[JsonObject]) -> None:
    """What changed since the proposal that was looked at."""
    rows = [(one["path"], canonical_json(one["before"]), canonical_json(one["after"])) for one in differences]
    table("what has changed", ("where", "before", "now"), rows, prose=("where", "before", "now"))


def show_effects(effects: Sequence[JsonObject], title: str = "effects") -> None:
    """What was, or would be, done to the world."""
    rows = [
        (
            EFFECT_SIGNS.get(effect["status"], ""),
            effect["id"],
            effect["kind"],
            effect["title"],
            effect["status"],
            count(effect["attempt"]),
            money(effect["released_usd"] or effect["amount_usd"]),
            (effect["receipt"] or {}).get("reference"),
            _first_line(effect["error_message"]),
        )
        for effect in effects
    ]
    columns = ("", "effect", "kind", "what", "status", "attempt", "money", "receipt", "error")
    spare = ("attempt", "kind", "money", "receipt")
    table(title, columns, rows, numbers=("attempt", "money"), prose=("what", "error"), spare=spare)


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def show_hold(hold: JsonObject | None) -> None:
    if hold is not None:
        why = f": {hold['reason']}" if hold["reason"] else ""
        held = (
            f"everything is held back since {when(hold['since'])} UTC by {hold['by']}{why}; lift it with: army hold off"
        )
        line(escape(plain(held)))


def show_caps(caps: Sequence[JsonObject]) -> None:
    names = {"workspace_day": "model calls", "ad_day": "ads"}
    rows = [
        (
            names[cap["scope"]],
            cap["scope_id"] or "each day",
            money(cap["cap_usd"]),
            money(cap["used_usd"]) if cap["scope_id"] else "",
            money(str(max(Decimal(0), Decimal(cap["cap_usd"]) - Decimal(cap["used_usd"])))) if cap["scope_id"] else "",
            money(cap["spent_usd"]),
            cap["set_by"],
        )
        for cap in caps
    ]
    columns = ("of", "day (UTC)", "cap", "used", "left", "spent", "set by")
    if rows:
        table("caps", columns, rows, numbers=columns[2:6], spare=("set by",))
    else:
        line("no caps; set one with: army caps set --day 20")


def show_what_waits(run: JsonObject) -> None:
    """The effects of a run, what of it waits for a person, and what to type."""
    if run["effects"]:
        show_effects(run["effects"])
    for gate in run["approvals"]:
        line(f"waits for a decision: {escape(plain(gate['title']))}")
        line(f"  army approve {gate['step_id']}  or  army reject {gate['step_id']} --feedback …")
    for effect in run["effects"]:
        if effect["status"] == "unknown":
            line(f"nobody can tell whether this happened: {escape(plain(effect['title']))}")
            line(f"  look at the vendor, then: army effects resolve {effect['id']} --as done|refused|again --note …")
    if any(effect["status"] == "released" for effect in run["effects"]):
        show_hold(run["hold"])

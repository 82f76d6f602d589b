"""Hands in a brief and starts a run of it: what `army run` and `army demo` do before they watch."""

from __future__ import annotations

import json
from typing import Any

import click

from cli.client import Api, ApiError
from cli.options import stated
from shared.core.canonical import JsonObject


def started_run(
    api: Api, slug: str, brief: JsonObject, key: str | None = None, priority: str | None = None
) -> JsonObject:
    """A brief is handed in, and a run of it is started."""
    try:
        taken = api.post(
            "/api/dashboard/briefs", {"outcome": slug, **brief}, idempotency_key=f"{key}-brief" if key else None
        )
    except ApiError as refused:
        if refused.problem.get("field") == "outcome":  # what the brief calls outcome is WORKFLOW here
            raise ApiError("WORKFLOW" + str(refused).removeprefix("outcome"), refused.problem) from refused
        raise
    asked = {"brief_id": taken["brief_id"], "workflow_slug": slug, **stated(priority=priority)}
    started: JsonObject = api.post("/api/dashboard/workflows/run", asked, idempotency_key=key)
    return started


def named_field(given: str) -> tuple[str, Any]:
    """What `--field name=value` says. A value that is JSON is taken as such, any other as text."""
    name, equals, value = given.partition("=")
    if not equals:
        raise click.BadParameter(f"{given!r} must read name=value", param_hint="--field")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def checked_key(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """A key as a header can carry it; the brief's own key is ten characters longer at most."""
    if given is not None and not (1 <= len(given) <= 190 and given.isascii() and given.isprintable()):
        raise click.BadParameter("must be 1 to 190 printable ASCII characters")
    return given

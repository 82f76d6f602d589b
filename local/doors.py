"""Every door in one WSGI application, each behind the paths it has in the cloud. Served by gunicorn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import functions_framework

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

FUNCTIONS = Path(__file__).parent.parent / "functions"
# The longest prefix wins. The cloud's load balancer holds the same table.
PATHS = (
    ("/tasks/", "step_executor"),
    ("/webhooks/", "webhooks"),
    ("/schedules/", "webhooks"),
    ("/api/dashboard/workflows/runs", "dashboard"),
    ("/api/dashboard/agent-runs/", "dashboard"),
    ("/api/dashboard/agents/catalog", "dashboard"),
    ("/api/dashboard/approvals", "approval"),
    ("/api/dashboard/effects", "approval"),
    ("/api/dashboard/caps", "approval"),
    ("/api/dashboard/ad-spend", "approval"),
    ("/api/dashboard/signals", "approval"),
    ("/api/", "brief_intake"),
    ("/agents/", "brief_intake"),
)
# What is done to a run, and what it does and spends, beside what is read of it.
CONTROL = re.compile(
    r"/api/dashboard/workflows/runs/[^/]+/(cancel|pause|resume|restart|fork|redrive|redrive-estimate)/?"
)
RELEASED = re.compile(r"/api/dashboard/workflows/runs/[^/]+/(effects|proof)/?")
DOORS = ("brief_intake", "step_executor", "approval", "webhooks", "dashboard")


def door_for(path: str) -> str:
    """The door that a path belongs to; what belongs nowhere gets the intake door's 404."""
    if CONTROL.fullmatch(path):
        return "brief_intake"
    if RELEASED.fullmatch(path):
        return "approval"
    matching = [(prefix, door) for prefix, door in PATHS if path.startswith(prefix)]
    return max(matching, key=lambda found: len(found[0]))[1] if matching else "brief_intake"


def make_app() -> Wsgi:
    """Loads each door through functions-framework, as the cloud does, and sends each request to its own."""
    create_app: Callable[..., Wsgi] = functions_framework.create_app
    doors = {name: create_app(name, str(FUNCTIONS / name / "main.py"), "http") for name in DOORS}

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return doors[door_for(environ.get("PATH_INFO", ""))](environ, start_response)

    return app

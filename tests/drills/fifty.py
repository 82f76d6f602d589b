"""Settings of gunicorn for many executors on a small machine: the doors, and what a first step loads, are loaded once,
before the processes are forked. Nothing is connected by it."""

from __future__ import annotations

from importlib import import_module

for name in ("anthropic", "google.cloud.tasks_v2", "google.auth.jwt"):
    import_module(name)

preload_app = True

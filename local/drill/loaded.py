"""Settings of gunicorn in a drill: the doors, and what a first step loads, are loaded before processes are forked.

Else each executor that takes the place of a killed one would load them under a lease of two seconds, and fifty at once
would take minutes. Nothing is connected by it.
"""

from __future__ import annotations

from importlib import import_module

for name in ("anthropic", "google.cloud.tasks_v2", "google.auth.jwt"):
    import_module(name)

preload_app = True

"""Settings of gunicorn in a drill: the doors, and what a first step loads, are loaded before processes are forked.

Else each executor that takes the place of a killed one would load them under a lease of two seconds, and fifty at once
would take minutes. Nothing is connected by it.
"""

from __future__ import annotations

from importlib import import_module

from shared.agents.registry import AGENT_REGISTRY

for name in ("anthropic", "google.cloud.tasks_v2", "google.auth.jwt", "shared.agents.synthesis"):
    import_module(name)
for agent in AGENT_REGISTRY:
    AGENT_REGISTRY[agent]

preload_app = True

"""What gunicorn serves in the drills: the doors behind the faults, and the drills' own agents."""

from __future__ import annotations

from local.doors import Wsgi
from local.drill.app import make_app as faulty_doors
from shared.agents.registry import AGENT_REGISTRY
from tests.drills.agents import DRILL_AGENTS

APP = "tests.drills.app:make_app()"


def make_app() -> Wsgi:
    """The doors, which know the agents of the drills too."""
    for agent in DRILL_AGENTS:
        AGENT_REGISTRY[agent.name] = agent
    return faulty_doors()

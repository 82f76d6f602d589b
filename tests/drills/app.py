"""What gunicorn serves in the drills: the doors behind the faults, and the drills' own agents."""

from __future__ import annotations

from local.doors import Wsgi
from local.drill.app import make_app as faulty_doors
from local.drill.faults import DRILL_FOLDER, Faults
from shared.agents.registry import AGENT_REGISTRY
from shared.config import current_settings
from shared.effects.registry import EFFECTS
from tests.drills.agents import DRILL_AGENTS
from tests.drills.clocks import WrongClocks
from tests.drills.effects import KIND, PinEffect

APP = "tests.drills.app:make_app()"


def register_parts() -> None:
    """From now on this process knows the agents and the effect of the drills."""
    for agent in DRILL_AGENTS:
        AGENT_REGISTRY[agent.name] = agent
    EFFECTS[KIND] = PinEffect


def make_app() -> Wsgi:
    """The doors, as gunicorn serves them."""
    register_parts()
    return WrongClocks(faulty_doors(), Faults(current_settings().army_home / DRILL_FOLDER))

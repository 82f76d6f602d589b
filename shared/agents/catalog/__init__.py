"""The catalog: one spec for each of the fifteen agents (A070, A075). Catalog page and brief form come from it."""

from __future__ import annotations

from shared.agents.catalog.monitoring import MONITORING
from shared.agents.catalog.pure import PURE
from shared.agents.catalog.studio import STUDIO
from shared.agents.spec import AgentSpec

SPECS: dict[str, AgentSpec] = {spec.name: spec for spec in (*STUDIO, *PURE, *MONITORING)}

"""The work that is measured, as our engine takes it: workflows of no-op agents."""

from __future__ import annotations

from bench.dag import Shape, text_of
from shared.core.canonical import JsonObject
from shared.core.definitions import WorkflowDef, WorkflowStepDef

AGENT = "noop"


def definition(of: Shape) -> WorkflowDef:
    steps = (
        WorkflowStepDef(
            key=key,
            agent_name=AGENT,
            depends_on=before,
            input_map={f"up_{name}": f"{name}.output.digest" for name in before},
            options={"step": key},
        )
        for key, before in of.depends_on.items()
    )
    return WorkflowDef(slug=of.slug, name=f"Bench {of.name}", steps=tuple(steps))


def brief(run: int) -> JsonObject:
    return {"handle": "bench", "fields": {"run": run, "text": text_of(run)}}

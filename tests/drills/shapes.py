"""The workflows of the drills."""

from __future__ import annotations

import random
from typing import Any

from shared.core.definitions import APPROVAL_NODE, WorkflowDef, WorkflowStepDef


def step(key: str, *after: str, agent: str = "drill_echo", calls: int = 0) -> WorkflowStepDef:
    """A step that takes the text of every step before it, as `up_<key>`."""
    return WorkflowStepDef(
        key=key,
        agent_name=agent,
        depends_on=after,
        input_map={f"up_{name}": f"{name}.output.text" for name in after},
        options={"step": key, "calls": calls},
    )


def workflow(slug: str, *steps: WorkflowStepDef, version: int = 1) -> WorkflowDef:
    return WorkflowDef(slug=slug, name=f"Drill: {slug}", steps=steps, version=version)


def mixed(slug: str = "drill_mixed", version: int = 1) -> WorkflowDef:
    """Nine steps and 33 model calls: in a row, side by side, and twenty at once; a join, then a chain."""
    branches = [step(f"branch_{n}", "first", agent="drill_calls", calls=2) for n in range(3)]
    crowd = step("crowd", "first", agent="drill_gather", calls=20)
    keys = [branch.key for branch in branches] + ["crowd"]
    return workflow(
        slug,
        step("first", agent="drill_calls", calls=1),
        *branches,
        crowd,
        step("join", *keys),
        step("chain_0", "join", agent="drill_calls", calls=3),
        step("chain_1", "chain_0", agent="drill_calls", calls=3),
        *[step(f"extra_{n}", "chain_1") for n in range(version)],
        version=version,
    )


def fan(width: int, calls: int, slug: str = "drill_fan") -> WorkflowDef:
    """One, then `width` side by side with `calls` model calls each, then a join."""
    keys = [f"branch_{n}" for n in range(width)]
    agent = "drill_calls" if calls else "drill_echo"
    return workflow(
        f"{slug}_{width}_{calls}",
        step("first"),
        *[step(key, "first", agent=agent, calls=calls) for key in keys],
        step("join", *keys),
    )


def chain(length: int, calls: int) -> WorkflowDef:
    keys = [f"link_{n}" for n in range(length)]
    steps = [step(key, *keys[max(0, n - 1) : n], agent="drill_calls", calls=calls) for n, key in enumerate(keys)]
    return workflow(f"drill_chain_{length}_{calls}", *steps)


def lanes(width: int, length: int) -> WorkflowDef:
    """So many chains side by side, with a model call in each step."""
    steps = [
        step(f"lane_{lane}_{n}", *([f"lane_{lane}_{n - 1}"] if n else []), agent="drill_calls", calls=1)
        for lane in range(width)
        for n in range(length)
    ]
    return workflow(f"drill_lanes_{width}_{length}", *steps)


def joins(widths: list[int], number: int) -> WorkflowDef:
    """Joins one after the other, each over so many branches that end on the same tick."""
    steps = [step("start")]
    for at, width in enumerate(widths):
        before = steps[-1].key
        branches = [step(f"branch_{at}_{n}", before, agent="drill_tick") for n in range(width)]
        steps += [*branches, step(f"join_{at}", *[branch.key for branch in branches])]
    return workflow(f"drill_joins_{number}", *steps)


def gated(gates: int, effects: int, **options: Any) -> WorkflowDef:
    """So many branches: a step that proposes effects, its gate, and a step behind it. A rejected branch goes on."""
    steps = []
    for n in range(gates):
        proposed, gate = step(f"propose_{n}", agent="drill_propose", calls=effects), f"gate_{n}"
        asked = WorkflowStepDef(
            key=gate,
            agent_name=APPROVAL_NODE,
            label=f"Gate {n}",
            depends_on=(proposed.key,),
            options={"on_reject": "branch", **options},
        )
        after = WorkflowStepDef(key=f"after_{n}", agent_name="drill_echo", depends_on=(gate,), options={"step": "x"})
        steps += [proposed, asked, after]
    return workflow(f"drill_gated_{gates}_{effects}_{len(options)}", *steps)


def waiting(version: int) -> WorkflowDef:
    """A step that waits a month, and `version` steps after it."""
    after = [step(f"after_{n}", "wait") for n in range(version)]
    return workflow("drill_waiting", step("wait", agent="drill_wait"), *after, version=version)


def dear(width: int, calls: int) -> WorkflowDef:
    """Branches side by side, each with so many dear calls."""
    return workflow(f"drill_dear_{width}", *[step(f"b_{n}", agent="drill_dear", calls=calls) for n in range(width)])


def random_widths(chance: random.Random, many: int) -> list[int]:
    """Widths from 2 to 50, small ones more often."""
    return [min(50, 2 + int(chance.expovariate(1 / 7))) for _ in range(many)]

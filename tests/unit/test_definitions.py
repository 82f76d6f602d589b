"""Definitions: what is checked, and what each refusal names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.definitions import WorkflowDef
from shared.core.graph import Ancestors, CycleError, execution_order, successors_of
from shared.core.wording import SLUG_RULE
from shared.errors import InvalidDefinitionError
from shared.workflows.check import check_definition, parse_definition
from shared.workflows.seeded import SEEDED_WORKFLOWS
from tests.support.agents import registered_agents
from tests.support.runs import step, workflow


@pytest.fixture(autouse=True)
def agents() -> Iterator[None]:
    with registered_agents():
        yield


def test_definition_survives_its_jsonb() -> None:
    """to_dag_jsonb and from_dag_jsonb are each other's inverse, and keep the digest."""
    for definition in SEEDED_WORKFLOWS.values():
        again = WorkflowDef.from_dag_jsonb(definition.to_dag_jsonb())

        assert again == definition
        assert again.digest == definition.digest


def test_seeded_workflows_are_right() -> None:
    """What every workspace gets passes the checks that a user's definition must pass."""
    for definition in SEEDED_WORKFLOWS.values():
        check_definition(definition)


@pytest.mark.parametrize(
    ("steps", "field", "told"),
    [
        ([step("a", "b"), step("b", "a")], "steps.a.depends_on", "a cycle: a -> b -> a"),
        ([step("a", "a")], "steps.a.depends_on", "names itself"),
        ([step("a", "z")], "steps.a.depends_on", "names no step 'z'"),
        ([step("a"), step("a")], "steps.a.key", "used by two steps"),
        ([step("a", agent="nobody")], "steps.a.agent_name", "unknown agent: nobody"),
        ([step("brief")], "steps.brief.key", "reserved"),
        ([step("a", input_map={"x": "z.output.y"})], "steps.a.input_map.x", "names no step 'z'"),
        ([step("a"), step("b", input_map={"x": "a.output.y"})], "steps.b.input_map.x", "depends_on"),
        ([step("a"), step("b", "a", input_map={"x": "a.y"})], "steps.b.input_map.x", "must read a.output"),
        ([step("a"), step("b", "a", input_map={"x": "a.output.[["})], "steps.b.input_map.x", "JMESPath"),
        ([step("a"), step("b", "a", input_map={"x": "{{step3.y}}"})], "steps.b.input_map.x", "there are 2"),
        ([step("a"), step("b", "a", input_map={"x": "just text"})], "steps.b.input_map.x", "names no step"),
        (
            [step("a", agent="account_health"), step("b", "a", input_map={"x": "a.output.nonsense"})],
            "steps.b.input_map.x",
            "puts out no 'nonsense'",
        ),
        ([step("a", input_map={"x": "item.name"})], "steps.a.input_map.x", "only a for_each step has an item"),
        ([step("a", model="gpt")], "steps.a.model", "is not one of"),
        ([step("a", workflow="x")], "steps.a.workflow", "is for a step whose agent is workflow"),
        ([step("a", agent="workflow")], "steps.a.workflow", "is for a step whose agent is workflow"),
        ([step("a", agent="workflow", workflow="trial")], "steps.a.workflow", "runs itself"),
        ([step("a", for_each="item.x")], "steps.a.for_each", "is one path to a list"),
        ([step("a", for_each="{{brief.x}} and more")], "steps.a.for_each", "is one path to a list"),
        ([step("a"), step("b", for_each="a.output.x")], "steps.b.for_each", "depends_on"),
        ([step("a"), step("b", "a", for_each="a.x")], "steps.b.for_each", "must read a.output"),
        (
            [step("a", agent="synthesis", for_each="brief.x")],
            "steps.a.for_each",
            "synthesis cannot be done for each item",
        ),
        ([step("a", max_parallel=3)], "steps.a.max_parallel", "is for a step with for_each"),
        (
            [step("a", for_each="brief.x"), step("b", "a", input_map={"x": "a.output.outputs"})],
            "steps.b.input_map.x",
            "a puts out no 'outputs'; it puts out: count, failed, items",
        ),
        (
            [step("a", agent="account_health"), step("b", "a", for_each="a.output.nonsense")],
            "steps.b.for_each",
            "puts out no 'nonsense'",
        ),
        ([step("a", when="brief.x > 100")], "steps.a.when", "a number or true in backticks: `100`"),
        ([step("a", when="brief.x = 'y'")], "steps.a.when", "is not a JMESPath"),
        ([step("a"), step("b", "a", when='a.status == "failed"')], "steps.b.when", "text is written 'like this'"),
        ([step("a"), step("b", "a", when="a.x == 'y'")], "steps.b.when", "must read a.output or a.status"),
        ([step("a"), step("b", "a", when="!a.output.x")], "steps.b.when", "write !(…) around a path"),
        ([step("a"), step("b", "a", when="length(@) > `1`")], "steps.b.when", "must name brief or a step"),
        ([step("a"), step("b", when="a.output.x")], "steps.b.when", "depends_on"),
        ([step("b", when="z.output.x")], "steps.b.when", "names no step 'z'"),
        (
            [step("a", agent="account_health"), step("b", "a", when="a.output.nonsense > `1`")],
            "steps.b.when",
            "puts out no 'nonsense'",
        ),
        ([step("a", agent="listing_optimizer")], "steps.a.agent_name", "listing_optimizer proposes update_listing"),
        (
            [step("a", agent="listing_optimizer"), step("b", "a"), step("c", "b", agent="approval_gate")],
            "steps.a.agent_name",
            "must have 'a' in its depends_on",
        ),
    ],
)
def test_a_wrong_definition_names_step_and_field(steps: list[Any], field: str, told: str) -> None:
    """Each mistake is refused with where it is and what is allowed."""
    with pytest.raises(InvalidDefinitionError) as refused:
        check_definition(workflow(*steps))

    assert refused.value.field == field
    assert told in refused.value.problem


def test_what_is_gated_passes() -> None:
    """An agent that proposes, with a gate right behind it, whose output the next step reads."""
    check_definition(
        workflow(
            step("a", agent="listing_optimizer"),
            step("b", "a", agent="approval_gate", options={"quorum": 2, "on_reject": "branch"}),
            step("c", "b", input_map={"x": "b.output.effects"}),
        )
    )


def test_malformed_definition_names_the_field() -> None:
    """What is malformed is told in the same way."""
    with pytest.raises(InvalidDefinitionError) as refused:
        parse_definition({"slug": "x", "name": "X", "steps": [{"key": "Not A Key", "agent_name": "echo"}]})

    assert (refused.value.field, refused.value.problem) == ("steps.0.key", SLUG_RULE)


def test_order_is_the_definitions_own_where_it_may_be() -> None:
    """Ties are broken by the place in the definition."""
    assert execution_order({"c": (), "a": (), "b": ("c",)}) == ["c", "a", "b"]


@given(st.integers(2, 40), st.data())
def test_order_puts_every_step_after_what_it_needs(size: int, data: st.DataObject) -> None:
    """For any DAG: each key once, after all it depends on; and its ancestors are all that a walk back finds."""
    depends_on = {
        f"s{at}": tuple(f"s{i}" for i in data.draw(st.sets(st.integers(0, at - 1), max_size=4)) if at) if at else ()
        for at in range(size)
    }

    order = execution_order(depends_on)

    assert sorted(order) == sorted(depends_on)
    place = {key: at for at, key in enumerate(order)}
    assert all(place[before] < place[key] for key, names in depends_on.items() for before in names)
    assert all(key in successors_of(depends_on)[name] for key, names in depends_on.items() for name in names)
    ancestors = Ancestors(depends_on)
    for key in depends_on:
        assert {name for name in depends_on if ancestors.comes_before(name, key)} == walked_back(depends_on, key)


def walked_back(depends_on: dict[str, tuple[str, ...]], key: str) -> set[str]:
    """All that is done before a key, found the slow way."""
    found, to_visit = set[str](), list(depends_on[key])
    while to_visit:
        at = to_visit.pop()
        if at not in found:
            found.add(at)
            to_visit += depends_on[at]
    return found


class Counted(dict[str, tuple[str, ...]]):
    """What each key depends on, counting how often it is looked up."""

    visits = 0

    def __getitem__(self, key: str) -> tuple[str, ...]:
        self.visits += 1
        return super().__getitem__(key)


def test_a_long_chain_is_walked_once() -> None:
    """A chain of 5,000 steps that all read the first one, or the one before the last: each arrow is followed once."""
    size = 5000
    chain = Counted({f"s{at}": (f"s{at - 1}",) if at else () for at in range(size)})

    ancestors = Ancestors(chain)

    assert all(ancestors.comes_before("s0", f"s{at}") for at in range(1, size))
    assert all(ancestors.comes_before(f"s{at - 2}", f"s{at}") for at in range(2, size))
    assert not any(ancestors.comes_before(f"s{at}", "s0") for at in range(size))
    assert chain.visits <= 2 * size


def test_a_long_chain_that_reads_its_first_step_is_checked() -> None:
    """5,000 steps in a row, each with a path to the first one; a path to a later one is still refused."""
    size = 5000
    steps = [step("s0"), *(step(f"s{at}", f"s{at - 1}", input_map={"x": "s0.output"}) for at in range(1, size))]
    check_definition(workflow(*steps))
    steps[10] = step("s10", "s9", input_map={"x": "s4000.output"})

    with pytest.raises(InvalidDefinitionError, match="needs 's4000' to be done before"):
        check_definition(workflow(*steps))


@given(st.integers(2, 30))
def test_a_cycle_is_told_whole(size: int) -> None:
    """A ring of any size is found, and told from a step back to itself."""
    ring: dict[str, tuple[str, ...]] = {f"s{at}": (f"s{(at + 1) % size}",) for at in range(size)}

    with pytest.raises(CycleError) as found:
        execution_order(ring)

    assert found.value.keys[0] == found.value.keys[-1]
    assert set(found.value.keys) == set(ring)

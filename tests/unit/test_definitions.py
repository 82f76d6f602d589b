"""Definitions: what is checked, and what each refusal names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.definitions import WorkflowDef
from shared.core.graph import CycleError, comes_before, execution_order, successors_of
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
    ],
)
def test_a_wrong_definition_names_step_and_field(steps: list[Any], field: str, told: str) -> None:
    """Each mistake is refused with where it is and what is allowed."""
    with pytest.raises(InvalidDefinitionError) as refused:
        check_definition(workflow(*steps))

    assert refused.value.field == field
    assert told in refused.value.problem


def test_malformed_definition_names_the_field() -> None:
    """What pydantic finds is told in the same way."""
    with pytest.raises(InvalidDefinitionError) as refused:
        parse_definition({"slug": "x", "name": "X", "steps": [{"key": "Not A Key", "agent_name": "echo"}]})

    assert refused.value.field == "steps.0.key"


def test_order_is_the_definitions_own_where_it_may_be() -> None:
    """Ties are broken by the place in the definition."""
    assert execution_order({"c": (), "a": (), "b": ("c",)}) == ["c", "a", "b"]


@given(st.integers(2, 40), st.data())
def test_order_puts_every_step_after_what_it_needs(size: int, data: st.DataObject) -> None:
    """For any DAG: each key once, after all it depends on; and comes_before agrees."""
    depends_on = {
        f"s{at}": tuple(f"s{i}" for i in data.draw(st.sets(st.integers(0, at - 1), max_size=4)) if at) if at else ()
        for at in range(size)
    }

    order = execution_order(depends_on)

    assert sorted(order) == sorted(depends_on)
    place = {key: at for at, key in enumerate(order)}
    assert all(place[before] < place[key] for key, names in depends_on.items() for before in names)
    for key, names in depends_on.items():
        assert all(comes_before(depends_on, name, key) and key in successors_of(depends_on)[name] for name in names)


@given(st.integers(2, 30))
def test_a_cycle_is_told_whole(size: int) -> None:
    """A ring of any size is found, and told from a step back to itself."""
    ring: dict[str, tuple[str, ...]] = {f"s{at}": (f"s{(at + 1) % size}",) for at in range(size)}

    with pytest.raises(CycleError) as found:
        execution_order(ring)

    assert found.value.keys[0] == found.value.keys[-1]
    assert set(found.value.keys) == set(ring)

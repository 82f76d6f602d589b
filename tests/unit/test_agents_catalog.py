"""The catalog against the agents: the fifteen, their patterns, and fields that match the models."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import BaseModel

from shared.agents.base import BaseAgent
from shared.agents.catalog import SPECS
from shared.agents.registry import AGENT_REGISTRY
from shared.agents.spec import AgentField, AgentSpec, FieldType, Pattern
from shared.core.definitions import SENTINELS
from shared.workflows.profile_audit import PROFILE_AUDIT

PATTERNS = {
    Pattern.STUDIO_CONSUMING: {"content_producer", "catalog_sync", "live_stream_ops", "ad_campaign_director"},
    Pattern.LLM_PURE: {
        "comment_triage",
        "listing_optimizer",
        "audience_mapper",
        "creator_outreach",
        "compliance",
        "trend_watcher",
        "shadowban_sentinel",
    },
    Pattern.DATA_MONITORING: {"account_health", "performance_feedback", "inventory_sync", "ldr_compliance"},
}
HAIKU = {"account_health", "trend_watcher", "comment_triage", "performance_feedback", "catalog_sync", "inventory_sync"}
ALL = sorted(SPECS.values(), key=lambda spec: spec.name)
IMPLEMENTED = sorted(AGENT_REGISTRY.items())


@pytest.mark.parametrize(("pattern", "names"), PATTERNS.items())
def test_each_agent_has_one_pattern(pattern: Pattern, names: set[str]) -> None:
    """Four, seven and four agents, each in exactly one pattern (A043-A070)."""
    assert {name for name, spec in SPECS.items() if spec.pattern is pattern} == names


def test_there_are_fifteen() -> None:
    """Fifteen agents, keyed by their own names; the sentinels are none of them."""
    assert len(SPECS) == 15
    assert all(name == spec.name for name, spec in SPECS.items())
    assert not SENTINELS & SPECS.keys()


def test_typical_models() -> None:
    """Models by default as X45 and X46 list them; ldr_compliance uses none, the sentinel's summary is Haiku's."""
    assert {name for name, spec in SPECS.items() if spec.typical_model == "haiku"} == HAIKU | {"shadowban_sentinel"}
    assert {name for name, spec in SPECS.items() if spec.typical_model is None} == {"ldr_compliance"}
    assert {spec.typical_model for spec in ALL} == {"haiku", "sonnet", None}


def test_workflows() -> None:
    """Each seeded workflow holds the agents that its definition names."""
    members = Counter((slug, spec.name) for spec in ALL for slug in spec.workflows)

    assert {name for slug, name in members if slug == "profile_audit"} == {
        step.agent_name for step in PROFILE_AUDIT.steps
    } - SENTINELS
    assert {name for slug, name in members if slug == "campaign_launch"} == {
        "audience_mapper",
        "listing_optimizer",
        "content_producer",
        "ad_campaign_director",
        "creator_outreach",
    }
    assert {name for slug, name in members if slug == "post_launch_loop"} == {
        "account_health",
        "performance_feedback",
        "comment_triage",
        "ldr_compliance",
        "inventory_sync",
        "shadowban_sentinel",
    }


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_specs_are_complete(spec: AgentSpec) -> None:
    """Every field has a description and a name of its own; an enum lists its choices, a default is one of them."""
    given = [*spec.inputs, *spec.options]

    assert spec.inputs
    assert spec.outputs
    assert len({one.name for one in given}) == len(given)
    assert len({one.name for one in spec.outputs}) == len(spec.outputs)
    for one in (*given, *spec.outputs):
        assert one.description.endswith(".")
        assert bool(one.choices) == (one.type is FieldType.ENUM)
        assert one.default is None or not one.choices or one.default in one.choices


@pytest.mark.parametrize("spec", [spec for spec in ALL if spec.pattern is Pattern.STUDIO_CONSUMING], ids=str)
def test_publishers_have_a_touchpoint(spec: AgentSpec) -> None:
    """What publishes, sends or spends shows where a person decides (X15)."""
    assert any(point.at.startswith("Gate") for point in spec.human_touchpoints)
    assert "proposed_effects" in {one.name for one in spec.outputs}


def test_who_proposes() -> None:
    """An agent that puts out proposals says of which kinds, and nobody else does; the kinds are the four that exist."""
    assert {name for name, spec in SPECS.items() if spec.proposes} == {
        name for name, spec in SPECS.items() if "proposed_effects" in {one.name for one in spec.outputs}
    }
    kinds = {kind for spec in ALL for kind in spec.proposes}
    assert kinds == {"publish_video", "launch_campaign", "update_listing", "send_message"}


@pytest.mark.parametrize(("name", "agent"), IMPLEMENTED)
def test_inputs_match_the_model(name: str, agent: type[BaseAgent]) -> None:
    """Inputs and options of the spec are the fields of the input model, with its defaults and requirements."""
    listed = {one.name: one for one in (*SPECS[name].inputs, *SPECS[name].options)}
    fields = agent.Input.model_fields

    assert listed.keys() == fields.keys()
    for field_name, field in fields.items():
        assert listed[field_name].required == field.is_required()
        if not field.is_required():
            assert listed[field_name].default == field.default


@pytest.mark.parametrize(("name", "agent"), IMPLEMENTED)
def test_outputs_match_the_model(name: str, agent: type[BaseAgent]) -> None:
    """Outputs of the spec are the fields of the output model, in its order, and of a like type."""
    listed = SPECS[name].outputs

    assert [one.name for one in listed] == list(agent.Output.model_fields)
    schema = agent.Output.model_json_schema(mode="serialization")
    assert [one.name for one in listed if not is_of(one, schema)] == []


@pytest.mark.parametrize(("name", "agent"), IMPLEMENTED)
def test_registered_under_their_names(name: str, agent: type[BaseAgent]) -> None:
    """An agent is found by its own name, and made without arguments (A071, A072)."""
    assert agent().name == name
    assert issubclass(agent.Input, BaseModel)


JSON_TYPES = {
    FieldType.INTEGER: {"integer"},
    FieldType.NUMBER: {"number"},
    FieldType.BOOLEAN: {"boolean"},
    FieldType.LIST: {"array"},
    FieldType.OBJECT: {"object"},
}


def is_of(listed: AgentField, schema: dict[str, object]) -> bool:
    """Whether the listed type is what the JSON schema has, unknown (null) aside; texts of all kinds are strings."""
    properties, defs = schema["properties"], schema.get("$defs", {})
    assert isinstance(properties, dict)
    assert isinstance(defs, dict)
    found = properties[listed.name]
    variants = [found if "anyOf" not in found else None, *found.get("anyOf", [])]
    resolved = [defs[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in variants if one]
    kinds = {one["type"] for one in resolved} - {"null"}
    return kinds == JSON_TYPES.get(listed.type, {"string"})

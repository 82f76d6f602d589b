"""What a brief is held against before anything is written: the fields that its workflow's agents take."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.definitions import WorkflowDef
from shared.errors import InvalidInputError
from shared.workflows.check import OWN_FIELDS, check_brief
from shared.workflows.profile_audit import PROFILE_AUDIT
from tests.support.runs import step, workflow

ADS = workflow(
    step("map", agent="audience_mapper"),
    step("plan", "map", agent="ad_campaign_director", input_map={"segments": "map.output.segments"}),
    step("spend", "plan", agent="approval_gate"),
    slug="ads",
)
GOOD = {"handle": "laku", "target_type": "own_brand", "ad_budget_usd": "200"}


def checked(definition: WorkflowDef, brief: dict[str, Any]) -> None:
    check_brief(definition, brief, brief.keys() - OWN_FIELDS)


def test_a_good_brief_passes() -> None:
    """With what is required, and null for what it leaves open; money as text or number."""
    checked(ADS, GOOD)
    checked(ADS, {**GOOD, "ad_budget_usd": 200, "landing_url": None, "notes": None})
    checked(PROFILE_AUDIT, {"handle": "laku", "target_type": "third_party"})


@pytest.mark.parametrize(
    ("brief", "field", "told"),
    [
        ({"ad_budget_usd": "100"}, "fields.ad_budget_usd", "give $140 or more"),
        ({"ad_budget_usd": "lots"}, "fields.ad_budget_usd", "ad_campaign_director"),
        ({"objective": "fame"}, "fields.objective", "ad_campaign_director"),
        ({"objective": "traffic"}, "fields.landing_url", "needs a page to lead to"),
        ({"landing_url": "ftp://x"}, "fields.landing_url", "ad_campaign_director"),
        ({"countries": ["US", "usa"]}, "fields.countries.1", "ad_campaign_director"),
        ({"target_type": "third_party"}, "target_type", "a campaign is for our own brand"),
        ({"colour": "red"}, "fields.colour", "no step of ads takes it"),
    ],
)
def test_a_wrong_brief_names_its_field(brief: dict[str, Any], field: str, told: str) -> None:
    """Own fields by their names, others below `fields`; the agent that refuses it is named."""
    with pytest.raises(InvalidInputError) as refused:
        checked(ADS, {**GOOD, **brief})

    assert refused.value.field == field
    assert told in refused.value.problem


def test_what_is_missing_is_asked_for_at_once() -> None:
    """A field that the fourth step requires is missing before the first one is paid for."""
    with pytest.raises(InvalidInputError, match=r"^fields\.ad_budget_usd: ad_campaign_director: is required$"):
        checked(ADS, {"handle": "laku"})


def test_what_the_definition_gives_is_not_the_briefs() -> None:
    """Options and inputs of earlier steps are not asked of the brief."""
    fixed = workflow(
        step("plan", agent="ad_campaign_director", options={"ad_budget_usd": "200"}),
        step("spend", "plan", agent="approval_gate"),
    )
    checked(fixed, {"handle": "laku"})

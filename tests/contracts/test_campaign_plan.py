"""The campaign plan: what agents proposed, what people decided, what was done, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.agents.audience_mapper import AudienceMapperAgent
from shared.agents.campaign_record import PastStep, costs_of, record_md
from shared.agents.synthesis import SynthesisAgent
from shared.core.definitions import APPROVAL_NODE
from shared.llm.fixtures import FOLDER, use_fixture_folders
from shared.llm.prompt import read_data_blocks
from tests.support.audits import MemoryRecords, MemoryRunLog, run_agent
from tests.support.campaigns import CAMPAIGN, POST, handed_on

GATES = {
    "listing_optimizer": ("approve_listings", "Approve listing rewrites"),
    "ad_campaign_director": ("approve_ad_spend", "Approve ad spend"),
    "creator_outreach": ("approve_outreach", "Approve outreach DMs"),
}
POSTED = {
    "agent_name": APPROVAL_NODE,
    "label": "Approve TikTok publish",
    "status": "succeeded",
    "output": {"decision": "approved", "by": ["mia"], "note": None, "effects": [POST]},
}
EVIL = "Yes | done | <img src=x onerror=alert(1)> [here](javascript:alert(1)) \\| ![x](http://e.example)\n# Approved"


def gate(effects: list[dict[str, Any]], label: str, **fields: Any) -> dict[str, Any]:
    output = {"decision": "approved", "by": ["mia"], "note": "go", "effects": effects, **fields}
    return {"agent_name": APPROVAL_NODE, "label": label, "status": "succeeded", "output": output, "cost_usd": "0"}


def shown(effect: Any, status: str, **fields: Any) -> dict[str, Any]:
    """A proposal as a gate's output lists it."""
    amount = None if effect.amount_usd is None else str(effect.amount_usd)
    receipt = {"vendor": "mock", "reference": f"ref-{effect.key}", "url": None} if status == "done" else None
    given = {"id": effect.key, "key": effect.key, "kind": effect.kind, "title": effect.title, "status": status}
    return {**given, "amount_usd": amount, "released_usd": amount, "receipt": receipt, "error": None, **fields}


@pytest.fixture(scope="module")
def campaign() -> dict[str, dict[str, Any]]:
    """The steps of a campaign in which all was approved and done."""
    given = handed_on()
    mapped = run_agent(AudienceMapperAgent(MemoryRecords()), {"handle": given["handle"]})
    steps: dict[str, dict[str, Any]] = {
        "audience_mapper": {
            "agent_name": "audience_mapper",
            "label": "Audience segments",
            "status": "succeeded",
            "output": mapped.output,
            "cost_usd": f"{mapped.cost_usd:f}",
        }
    }
    for agent in CAMPAIGN:
        log = MemoryRunLog()
        result = run_agent(agent(), given, log)
        done = {"agent_name": agent.name, "label": agent.name, "status": "succeeded", "output": result.output}
        steps[agent.name] = done | {"cost_usd": f"{result.cost_usd:f}"}
        key, label = GATES[agent.name]
        steps[key] = gate([shown(effect, "done") for effect in log.proposed.values()], label)
        if agent.name == "listing_optimizer":
            steps["approve_publish"] = POSTED
    return steps


def plan(steps: dict[str, dict[str, Any]], log: MemoryRunLog | None = None) -> str:
    workflow = {"slug": "campaign_launch", "name": "Campaign Launch", "description": "A campaign."}
    brief = {"handle": "@lakucosmetics", "ad_budget_usd": "300", "notes": "mind the season"}
    given = {"workflow": workflow, "brief": brief, "upstream": steps}
    text = run_agent(SynthesisAgent(MemoryRecords()), given, log).output["report_md"]
    assert isinstance(text, str)
    return text


def test_the_whole_plan(campaign: dict[str, dict[str, Any]]) -> None:
    """Every section, the decisions and effects as tables, costs in both kinds of money, and no number from nowhere."""
    text = plan(campaign)

    for section in ("Audience", "Listings", "Ads", "Creators", "Next steps", "Decisions", "What was done"):
        assert f"## {section}" in text, section
    assert "| Approve ad spend | approved | mia | go |" in text
    assert "| launch campaign | Launch a campaign for reach: 3 ads, 7 days, at most $300.00 | done |" in text
    assert "| what ads may spend: a bound, not what they spent | $300.00 |" in text
    assert "numbers above occur in the request or in the steps' outputs" in text
    assert "Written by a mock model" in text
    assert "nothing real was done" in text


def test_model_costs_add_up(campaign: dict[str, dict[str, Any]]) -> None:
    """The table of costs is the sum of the steps, to the last digit."""
    costs = costs_of({key: PastStep.model_validate(step) for key, step in campaign.items()})
    agents = [Decimal(step["cost_usd"]) for step in campaign.values() if step["agent_name"] != APPROVAL_NODE]

    assert Decimal(costs["models_usd"]) == sum(agents)
    assert sum(map(Decimal, costs["by_step_usd"].values())) == sum(agents)
    assert costs["ads_released_usd"] == "300.00"


def test_renders_are_not_counted_twice() -> None:
    """A step's cost holds its renders: they are told apart from the models, and the two are the whole."""
    step = {"agent_name": "content_producer", "label": "Content", "status": "succeeded", "cost_usd": "0.75"}
    filmed = PastStep.model_validate({**step, "output": {"studio_cost_usd": "0.70"}})
    odd = PastStep.model_validate({**step, "output": {"studio_cost_usd": "much"}})

    costs = costs_of({"content_producer": filmed})
    assert (Decimal(costs["models_usd"]), Decimal(costs["studio_usd"])) == (Decimal("0.05"), Decimal("0.70"))
    assert Decimal(costs_of({"content_producer": odd})["models_usd"]) == Decimal("0.75")
    assert "| renders by Studio | $0.70 |" in record_md({"content_producer": filmed})


@pytest.mark.parametrize(
    ("status", "error", "told", "spends"),
    [
        ("refused", "the ad cap of 2026-12-01 is $10", "refused: the ad cap of 2026-12-01 is $10", "$0.00"),
        ("proposed", None, "not released", "$0.00"),
        ("released", None, "released, not done yet", "$300.00"),
        ("unknown", "timed out", "unknown: nobody can tell whether it happened: timed out", "$300.00"),
    ],
)
def test_what_was_not_done(
    campaign: dict[str, dict[str, Any]], status: str, error: str | None, told: str, spends: str
) -> None:
    """Refused, never released and unknown are said as such, and money that nobody may spend is not counted."""
    before = campaign["approve_ad_spend"]["output"]["effects"][0]
    effect = {**before, "status": status, "error": error, "receipt": None}
    text = plan({**campaign, "approve_ad_spend": gate([effect], "Approve ad spend")})

    assert f"| {told} | none | $300.00 |" in text
    assert f"not what they spent | {spends} |" in text
    assert "3 ads, 7 days, at most $300.00 | done" not in text


def test_a_rejection_is_told(campaign: dict[str, dict[str, Any]]) -> None:
    """Where a gate's rejection lets the run go on, who rejected and why stands in the plan, and steps behind it do not
    speak."""
    before = campaign["approve_outreach"]["output"]["effects"]
    kept = [{**effect, "status": "proposed", "receipt": None, "released_usd": None} for effect in before]
    rejected = gate(kept, "Approve outreach DMs", decision="rejected", note="Too early.")
    text = plan({**campaign, "approve_outreach": rejected})

    assert "| Approve outreach DMs | rejected | mia | Too early. |" in text
    assert text.count("| not released | none |") == len(kept)
    assert "| send message |" in text


def test_gates_that_were_never_reached(campaign: dict[str, dict[str, Any]]) -> None:
    """A gate without an output is told with its state; steps that failed are named as not known."""
    steps = {key: step for key, step in campaign.items() if key not in ("ad_campaign_director", "approve_ad_spend")}
    steps["ad_campaign_director"] = {"agent_name": "ad_campaign_director", "label": "Ads", "status": "failed"}
    steps["approve_ad_spend"] = {"agent_name": APPROVAL_NODE, "label": "Approve ad spend", "status": "skipped"}
    text = plan(steps)

    assert "| Approve ad spend | none: skipped |  |  |" in text
    assert "## Ads" not in text
    assert "Ads: this step has the status failed" in text


def test_nothing_was_decided() -> None:
    """Of a workflow whose every step failed only the states are told."""
    lost = {"agent_name": APPROVAL_NODE, "label": "Approve", "status": "failed"}

    assert "Nothing was proposed to be done" in record_md({"a": PastStep.model_validate(lost)})


def test_hostile_words_stay_words(campaign: dict[str, dict[str, Any]]) -> None:
    """A note, a title or a vendor's answer breaks out of no cell, and nothing in it acts."""
    before = campaign["approve_listings"]["output"]["effects"][0]
    effect = {**before, "title": EVIL, "error": EVIL, "status": "refused", "receipt": {"vendor": EVIL}}
    text = plan({**campaign, "approve_listings": gate([effect], EVIL, note=EVIL, by=[EVIL])})
    rows = [line for line in text.splitlines() if line.startswith("|") and "alert(1)" in line]

    assert len(rows) == 2
    for row in rows:
        assert row.replace("\\\\", "").replace("\\|", "").count("|") in (5, 6)
    for mark in ("<img", "](javascript", "![x]", "\n# Approved"):
        assert mark not in text, mark


def test_the_model_is_told_the_same(campaign: dict[str, dict[str, Any]]) -> None:
    """Costs and gates are blocks of the question; what agents and vendors wrote is marked as untrusted."""
    log = MemoryRunLog()
    plan(campaign, log)
    call = log.rows.one().call
    blocks = read_data_blocks(call.user_prompt or "")

    assert blocks["costs"]["ads_released_usd"] == "300.00"
    assert blocks["outputs"]["approve_ad_spend"]["decision"] == "approved"
    assert '<data name="outputs" trust="untrusted">' in (call.user_prompt or "")
    assert "You write the campaign plan" in (call.system_prompt or "")


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[None]:
    """A model that says all went well."""
    text = "# Plan\n\nAll 77,777 messages were sent, and $9,999 were earned.\n"
    answer = {"variants": [{"text": text}]}
    (tmp_path / "synthesis-campaign_launch.yaml").write_text(json.dumps(answer), encoding="utf-8")
    use_fixture_folders(tmp_path, FOLDER)
    yield
    use_fixture_folders(FOLDER)


@pytest.mark.usefixtures("liar")
def test_the_tables_are_not_the_models(campaign: dict[str, dict[str, Any]]) -> None:
    """Whatever the model says, the tables say what happened, and its numbers from nowhere are listed."""
    before = campaign["approve_outreach"]["output"]["effects"][0]
    refused = gate([{**before, "status": "refused", "error": "quota", "receipt": None}], "Approve outreach DMs")
    text = plan({**campaign, "approve_outreach": refused})

    assert "| refused: quota | none |" in text
    assert "do not hold (suggestions, or errors): 77,777, 9,999." in text

"""Launching as the engine does it: approved at a gate with its money, done by its own task, the cap told the truth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from local.fakes.tiktok_ads import FakeTikTokAds
from shared.agents.base import AgentContext, AgentResult, BaseAgent
from shared.agents.registry import AGENT_REGISTRY
from shared.config import use_settings
from shared.core.canonical import JsonObject
from shared.core.proposals import ProposedEffect
from shared.effects.launch_campaign import LaunchCampaign
from shared.effects.spend_cap import ad_day, set_ad_day_cap
from shared.engine.decide import Decision, decide
from shared.engine.read_run import read_run
from shared.engine.resolve_effect import As, Resolution, resolve_effect
from shared.engine.rooms import Rooms
from tests.support.agents import Anything
from tests.support.effects import a_campaign, as_owner
from tests.support.queues import HeldQueue
from tests.support.runs import started, step, workflow


class LaunchingAgent(BaseAgent):
    """Proposes the campaigns of its input."""

    name = "launching"
    Input = Anything
    Output = Anything

    async def _execute(self, ctx: AgentContext) -> AgentResult:
        for number, payload in enumerate(ctx.input["campaigns"]):
            amount = LaunchCampaign.model_validate(payload).most_usd
            ctx.propose(ProposedEffect("launch_campaign", f"campaign:{number}", "Launch it", payload, amount))
        return AgentResult(output={})


@contextmanager
def registered_launching() -> Iterator[None]:
    AGENT_REGISTRY[LaunchingAgent.name] = LaunchingAgent
    try:
        yield
    finally:
        del AGENT_REGISTRY[LaunchingAgent.name]


@pytest.fixture
def fake() -> Iterator[FakeTikTokAds]:
    with FakeTikTokAds() as one:
        yield one


@pytest.fixture
def real(rooms: Rooms, fake: FakeTikTokAds, workspace: UUID) -> Iterator[Rooms]:
    """The rooms in real mode against the fake; three attempts, without pauses between them."""
    changed = {
        "tiktok_provider_mode": "real",
        "army_workspace_id": workspace,
        "tiktok_ads_api_url": fake.base_url,
        "tiktok_ads_identity_id": "identity-1",
        "max_effect_attempts": 3,
    }
    given = {**rooms.settings.model_dump(), **changed, "tiktok_ads_token": "t"}
    settings = rooms.settings.model_validate(given)
    with registered_launching():
        yield replace(rooms, settings=settings)
    use_settings(rooms.settings)


def launched(rooms: Rooms, queue: HeldQueue, workspace: UUID, *campaigns: JsonObject) -> UUID:
    """A run whose campaigns were approved, and done as far as they can be."""
    made = workflow(
        step("plan", agent="launching", input_map={"campaigns": "brief.campaigns"}),
        step("ask", "plan", agent="approval_gate", label="Ad spend"),
    )
    brief = {"campaigns": list(campaigns or [a_campaign()])}
    run_id = started(made, workspace, rooms, brief=brief).run_id
    queue.deliver_all(rooms)
    (gate,) = rooms.store.move(workspace, "gates_newest_first", status="open", run_id=None, before=None, limit=50)
    decide(Decision(workspace, gate.step_id, "ada", decision="approve", roles=(), digest=gate.digest), rooms)
    delivered(rooms, queue)
    return run_id


def delivered(rooms: Rooms, queue: HeldQueue) -> None:
    while queue.held:
        queue.deliver_when_due(queue.held.pop(0), rooms)


def effects(rooms: Rooms, workspace: UUID, run_id: UUID) -> list[Any]:
    return rooms.store.move(workspace, "effects_of_run", run_id=run_id)


def used(rooms: Rooms, workspace: UUID) -> Decimal:
    """What is held tomorrow, a day of every launch of these tests."""
    today = ad_day(rooms.store, workspace, default_cap_usd=Decimal(500)).day
    tomorrow = today.fromordinal(today.toordinal() + 1)
    return ad_day(rooms.store, workspace, default_cap_usd=Decimal(500), day=tomorrow).used_usd


def test_an_approved_launch(real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds) -> None:
    """The run ends with a campaign that runs, its row, and its money under the cap."""
    run_id = launched(real, queue, workspace)

    (effect,) = effects(real, workspace, run_id)
    (campaign,) = fake.campaigns()
    row, *_ = as_owner(real, "row_of_campaign", effect_id=effect.id)
    assert read_run(workspace, run_id, real)["status"] == "succeeded"
    assert (effect.status, campaign["runs"], row.campaign_id) == ("done", True, campaign["campaign_id"])
    assert used(real, workspace) == Decimal("62.5")


def test_a_refused_launch_gives_its_money_back(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds
) -> None:
    """The vendor says no to the ad: the campaign is deleted, and the cap is as if nothing had been."""
    fake.faults({"on": "ad/create", "what": "code", "code": "40002"})
    run_id = launched(real, queue, workspace)

    assert [effect.status for effect in effects(real, workspace, run_id)] == ["refused"]
    assert fake.campaigns()[0]["operation_status"] == "DELETE"
    assert used(real, workspace) == Decimal(0)


def test_a_launch_that_is_given_up_gives_its_money_back(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds
) -> None:
    """Too many requests, three times: what stands is paused and spends nothing, so nothing is held for it."""
    fake.faults({"on": "adgroup/create", "what": "code", "code": "40100", "times": 3})
    run_id = launched(real, queue, workspace)

    (effect,) = effects(real, workspace, run_id)
    assert effect.status == "refused"
    assert "given up after 3 tries" in effect.error_message
    assert not fake.campaigns()[0]["runs"]
    assert used(real, workspace) == Decimal(0)


def test_a_launch_in_doubt_keeps_its_money(real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Switching it on is never answered: it may yet run, so a person decides, and the money stays held until then."""
    fake.faults({"on": "campaign/status/update", "what": "cut", "times": 3})
    run_id = launched(real, queue, workspace)

    assert [effect.status for effect in effects(real, workspace, run_id)] == ["unknown"]
    assert used(real, workspace) == Decimal("62.5")


@pytest.mark.parametrize(("became", "status", "held"), [("refused", "refused", "0"), ("again", "done", "62.5")])
def test_a_person_ends_the_doubt(
    real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds, became: As, status: str, held: str
) -> None:
    """It did not happen: the money is free. Try it again: the same campaign is switched on."""
    fake.faults({"on": "campaign/status/update", "what": "cut", "times": 3})
    run_id = launched(real, queue, workspace)
    (effect,) = effects(real, workspace, run_id)

    resolve_effect(Resolution(workspace, effect.id, "ada", became, "looked it up"), real)
    delivered(real, queue)

    assert [effect.status for effect in effects(real, workspace, run_id)] == [status]
    assert [campaign["runs"] for campaign in fake.campaigns()] == [status == "done"]
    assert used(real, workspace) == Decimal(held)


def test_a_lost_answer_is_one_campaign(real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds) -> None:
    """TikTok acted and did not say so: one campaign, found by read-back."""
    fake.faults({"on": "campaign/create", "what": "cut", "after": True})
    run_id = launched(real, queue, workspace)

    assert [effect.status for effect in effects(real, workspace, run_id)] == ["done"]
    assert [campaign["runs"] for campaign in fake.campaigns()] == [True]


def test_the_second_launch_finds_the_cap(real: Rooms, queue: HeldQueue, workspace: UUID, fake: FakeTikTokAds) -> None:
    """Both were approved; the day has room for one. The other is refused with the numbers, and nothing of it exists."""
    set_ad_day_cap(real.store, workspace, Decimal(100), "a person")
    run_id = launched(real, queue, workspace, a_campaign(), a_campaign(name="Second"))

    found = effects(real, workspace, run_id)
    refused = [effect for effect in found if effect.status == "refused"]
    assert sorted(effect.status for effect in found) == ["done", "refused"]
    assert (refused[0].error_class, len(fake.campaigns())) == ("ad_day_cap", 1)
    assert "is $100" in refused[0].error_message
    assert used(real, workspace) == Decimal("62.5")

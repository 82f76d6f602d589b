"""The figures of an ad campaign: never above the budget, never below TikTok's minimums, and no reach made up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.agents.ad_campaign_director import DirectorInput, launches, plan_of
from shared.agents.ad_texts import AdWords, judged_ads, planned_ads
from shared.agents.creatives import GateEffect, MadeAsset, creatives_of
from shared.agents.scores.ad_plan import aim_of, budget_of, least_campaign_usd, reach_of
from shared.effects.launch_campaign import LaunchCampaign
from shared.errors import InvalidInputError
from tests.support.campaigns import POST, a_segment

SEGMENTS = [a_segment("s1", "brows", share=0.6), a_segment("s2", "lips", share=0.3), a_segment("s3", "hair", share=0.1)]
SHA = "a" * 64


@pytest.mark.parametrize(("days", "least"), [(1, 50), (2, 50), (3, 60), (7, 140), (90, 1800)])
def test_minimums(days: int, least: int) -> None:
    """$50 in all, and $20 for each day."""
    assert least_campaign_usd(days) == least


@pytest.mark.parametrize(
    ("budget", "days", "told"),
    [
        ("49.99", 1, r"\$49\.99 is too small for 1 days: .* give \$50 or more$"),
        ("100", 7, r"give \$140 or more, or run 5 days at most"),
    ],
)
def test_a_budget_that_is_too_small(budget: str, days: int, told: str) -> None:
    """It is refused with what would do: more money, or fewer days."""
    with pytest.raises(InvalidInputError, match=told):
        budget_of(Decimal(budget), days=days, campaigns=1, segments=[])


def test_the_brief_is_refused_before_anything_is_done() -> None:
    """The input itself is refused, so that nobody approves two gates before hearing of it."""
    for field, value in (("ad_budget_usd", "100"), ("objective", "traffic"), ("landing_url", "laku.example")):
        with pytest.raises(ValidationError) as refused:
            DirectorInput.model_validate({"handle": "laku", "ad_budget_usd": "200", field: value})
        assert refused.value.errors()[0]["loc"] == ("landing_url" if field == "objective" else field,)


@given(
    budget=st.decimals(50, 20_000, places=2),
    days=st.integers(1, 30),
    campaigns=st.integers(1, 5),
    shares=st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=5),
)
def test_the_split_never_exceeds_the_budget(
    budget: Decimal, days: int, campaigns: int, shares: list[float | None]
) -> None:
    """Whatever is asked: the parts add up to the budget to the cent, and each has TikTok's minimum."""
    segments = [a_segment(f"s{place}", share=share) for place, share in enumerate(shares)]
    if budget < least_campaign_usd(days):
        return
    found = budget_of(budget, days=days, campaigns=campaigns, segments=segments)

    assert sum(one.budget_usd for one in found.split) == found.planned_usd == budget
    assert all(one.budget_usd >= found.least_usd for one in found.split)
    assert 1 <= len(found.split) <= max(1, campaigns)


def test_the_split_by_hand() -> None:
    """$500 over 7 days in two campaigns: $140 each, and of the other $220 two thirds and one third."""
    found = budget_of(Decimal(500), days=7, campaigns=2, segments=SEGMENTS)

    assert [(one.segment_id, one.budget_usd) for one in found.split] == [
        ("s1", Decimal("286.67")),
        ("s2", Decimal("213.33")),
    ]
    assert found.notes == ()


def test_too_little_for_many_campaigns() -> None:
    """What the budget cannot pay for is said; money for one campaign serves all segments."""
    found = budget_of(Decimal(200), days=7, campaigns=3, segments=SEGMENTS)

    assert [one.segment_id for one in found.split] == [None]
    assert found.notes == ("The budget pays for 1 campaigns of $140 at least, not for 3.",)


def test_a_daily_cap_allows_for_overshoot() -> None:
    """At $50 a day TikTok may spend 125 %, so the average day is $40; a cap that is too small is refused."""
    found = budget_of(Decimal(500), days=7, campaigns=1, segments=[], daily_cap_usd=Decimal(50))

    assert (found.planned_usd, found.held_back_usd) == (Decimal("280.00"), Decimal("220.00"))
    with pytest.raises(InvalidInputError, match=r"daily_cap_usd: .* needs a cap of \$25\.00 or more"):
        budget_of(Decimal(500), days=7, campaigns=1, segments=[], daily_cap_usd=Decimal(24))


def test_reach_is_unknown_without_past_costs() -> None:
    """Two past campaigns give no range; three do: the budget by the dearest and by the cheapest."""
    unknown = reach_of(Decimal(300), [Decimal(5), Decimal(6)])
    known = reach_of(Decimal(300), [Decimal(5), Decimal(6), Decimal(10)])

    assert (unknown.views_low, unknown.views_high) == (None, None)
    assert unknown.reason == "the cost of 1,000 views is known of 2 past campaigns, 3 are needed"
    assert (known.views_low, known.views_high, known.reason) == (30_000, 60_000, None)


def test_whom_the_ads_are_shown_to() -> None:
    """Ages from 15 % on, one gender from 75 % on; minors and what is unknown are never aimed at."""
    aim = aim_of({"13-17": 0.5, "18-24": 0.15, "55+": 0.14}, {"female": 0.8, "other": 0.2}, ["US"])
    open_aim = aim_of({}, {}, ["DE"])

    assert (aim.age_groups, aim.gender) == (("18-24",), "female")
    assert (open_aim.age_groups, open_aim.gender, open_aim.countries) == ((), "any", ("DE",))
    assert "all ages: the audience's are unknown" in open_aim.why


def gate_effect(**fields: Any) -> GateEffect:
    return GateEffect.model_validate({**POST, **fields})


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (gate_effect(status="released", receipt=None), "is not published: its status is released"),
        (gate_effect(status="refused", receipt=None), "is not published: its status is refused"),
        (gate_effect(receipt={"details": {"post_id": None}}), "TikTok names no public post"),
        (gate_effect(receipt={"details": "odd"}), "TikTok names no public post"),
    ],
)
def test_what_cannot_be_shown(effect: GateEffect, told: str) -> None:
    """A post that is not live is no creative, and it is said why; then the video itself is used, if there is one."""
    found, missing = creatives_of([effect], [MadeAsset(sha256=SHA), MadeAsset(asset_id="no file")])

    assert told in missing[0]
    assert [(one.post_id, one.asset.sha256 if one.asset else None) for one in found] == [(None, SHA)]


def test_posts_come_before_files() -> None:
    """A live post is shown as the post that it is; other kinds of effects are no creatives."""
    found, missing = creatives_of([gate_effect(), gate_effect(kind="send_message")], [MadeAsset(sha256=SHA)])

    assert ([(one.post_id, one.asset) for one in found], missing) == ([("71", None)], [])


def test_ads_of_each_campaign() -> None:
    """One campaign has each creative with a text for each of the first segments; a segment's own has one for it."""
    creatives = creatives_of([gate_effect(), gate_effect(key="post:2")], [])[0]
    one = planned_ads(creatives, SEGMENTS, budget_of(Decimal(300), days=7, campaigns=1, segments=SEGMENTS).split, 2)
    two = planned_ads(creatives, SEGMENTS, budget_of(Decimal(300), days=7, campaigns=2, segments=SEGMENTS).split, 2)

    assert [ad.segment_id for ad in one] == ["s1", "s2", "s1", "s2"]
    assert [(ad.campaign, ad.segment_id) for ad in two] == [("s1", "s1")] * 2 + [("s2", "s2")] * 2
    assert len({ad.ad_id for ad in two}) == 4


def words(**texts: str) -> AdWords:
    ads = [{"ad_id": key, "text": text, "call_to_action": "shop_now"} for key, text in texts.items()]
    return AdWords.model_validate({"summary": "s", "rationale": "r", "ads": ads})


def test_texts_with_a_problem_are_left_out() -> None:
    """A missing text, one that is too long, and one that claims too much are no ads; the others are launched."""
    given_ = DirectorInput.model_validate(
        {"handle": "Laku", "ad_budget_usd": "300", "segments": SEGMENTS, "published": [POST]}
    )
    plan = plan_of(given_)
    found = judged_ads(plan.ads, words(a1="See how it is done.", a2="50% off", a9="Not ours"), {}, ())
    (effect,) = launches(given_, plan.model_copy(update={"ads": found}), "7001")
    payload = LaunchCampaign.model_validate(effect.payload)

    assert [len(ad.problems) for ad in found] == [0, 2, 1]
    assert [(ad.name, ad.post_id, ad.text) for ad in payload.ads] == [("a1", "71", "See how it is done.")]
    assert (effect.key, effect.amount_usd, payload.advertiser_id) == ("campaign", Decimal("300.00"), "7001")
    assert effect.title == "Launch a campaign for reach: 1 ads, 7 days, at most $300.00"


def test_each_campaign_is_a_proposal_of_its_own() -> None:
    """Two campaigns are two proposals whose amounts are the budget, each starting at midnight UTC of its day."""
    given_ = DirectorInput.model_validate(
        {
            "handle": "laku",
            "ad_budget_usd": "400",
            "segments": SEGMENTS,
            "assets": [{"sha256": SHA}],
            "campaigns": 2,
            "starts_on": "2026-12-01",
        }
    )
    plan = plan_of(given_)
    texts = {ad.ad_id: "See how it is done." for ad in plan.ads}
    effects = launches(given_, plan.model_copy(update={"ads": judged_ads(plan.ads, words(**texts), {}, ())}), "7001")

    assert [effect.key for effect in effects] == ["campaign:s1", "campaign:s2"]
    assert sum(effect.amount_usd or 0 for effect in effects) == Decimal(400)
    assert {effect.payload["schedule"]["starts_at"] for effect in effects} == {"2026-12-01T00:00:00Z"}

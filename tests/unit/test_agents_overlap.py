"""How alike a creator's audience is to ours, worked out by hand, and who comes first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.agents.creator_outreach import OutreachInput, risks_of
from shared.agents.scores.overlap import overlap_of, ranked, shared_segments
from tests.support.campaigns import a_creator, a_segment, an_audience

SEGMENTS = [a_segment("s1", "skincareroutine", "glow", share=0.6), a_segment("s2", "lipcombo", share=0.2)]


def part(name: str, **fields: Any) -> float | None:
    found = overlap_of(a_creator(**fields), SEGMENTS, an_audience())
    return next(one.value for one in found.parts if one.name == name)


def test_by_hand() -> None:
    """Interest 0.6 ÷ 0.8, age 0.6, country 0.5, gender 0.7 + 0.2: 40 × 0.75 + 25 × 0.6 + 20 × 0.5 + 15 × 0.9 = 68.5."""
    found = overlap_of(a_creator(), SEGMENTS, an_audience())

    assert {one.name: one.value for one in found.parts} == {"interest": 0.75, "age": 0.6, "country": 0.5, "gender": 0.9}
    assert (found.value, found.segment_ids, found.reason) == (0.685, ("s1",), None)
    assert found.parts[1].evidence == "60.0% of our audience is 18-24, as most of theirs"


@pytest.mark.parametrize(
    ("name", "fields", "value"),
    [
        ("age", {"age_ranges": ["18-24", "25-34"]}, 0.9),
        ("age", {"age_ranges": []}, None),
        ("country", {"region": "DE"}, 0.0),
        ("country", {"region": None}, None),
        ("gender", {"major_gender": "male", "major_gender_share": 0.6}, 0.7),
        ("gender", {"major_gender_share": None}, None),
        ("interest", {"categories": ["Fashion"]}, 0.0),
        ("interest", {"categories": []}, None),
    ],
)
def test_parts(name: str, fields: dict[str, Any], value: float | None) -> None:
    """What one side does not know is unknown, never zero."""
    assert part(name, **fields) == value


def test_too_little_is_known() -> None:
    """On one known part there is no likeness, and nobody is ranked by it."""
    bare = a_creator(region=None, age_ranges=[], major_gender=None)
    found = overlap_of(bare, SEGMENTS, an_audience())

    assert (found.value, found.reason) == (None, "1 of 4 parts are known, 2 are needed")
    assert ranked([(bare, found)]) == []


def test_unknown_parts_weigh_nothing() -> None:
    """The others carry the whole weight: (40 × 0.75 + 25 × 0.6) ÷ 65."""
    found = overlap_of(a_creator(region=None, major_gender=None), SEGMENTS, an_audience())

    assert found.value == pytest.approx(45 / 65, abs=1e-6)


@pytest.mark.parametrize(
    ("categories", "ids"),
    [
        (["Skin-Care"], ["s1"]),
        (["Lip"], []),
        (["Lipcombo shop"], ["s2"]),
        (["Personal Care"], []),
        (["GLOW & more"], ["s1"]),
        (["✨"], []),
    ],
)
def test_interests_meet_by_words(categories: list[str], ids: list[str]) -> None:
    """A word of four letters or more that stands in a hashtag; care and personal say nothing."""
    assert [one.segment_id for one in shared_segments(categories, SEGMENTS)] == ids


@given(st.integers(0, 10**9), st.floats(0, 1), st.lists(st.sampled_from(["18-24", "25-34", "55+"]), max_size=5))
def test_always_a_share(followers: int, share: float, ages: list[str]) -> None:
    """Whatever the marketplace tells, a known likeness lies between 0 and 1."""
    creator = a_creator(followers=followers, major_gender_share=share, age_ranges=ages)
    found = overlap_of(creator, SEGMENTS, an_audience())

    assert found.value is not None
    assert 0 <= found.value <= 1


def test_the_most_alike_come_first() -> None:
    """By likeness; of equals by engagement, then by handle, in whatever order they are found."""
    creators = [
        a_creator("zed", engagement_rate=0.02),
        a_creator("bea", engagement_rate=0.02),
        a_creator("liv", engagement_rate=0.09),
        a_creator("far", region="DE"),
    ]
    for order in (creators, creators[::-1]):
        found = ranked([(one, overlap_of(one, SEGMENTS, an_audience())) for one in order])
        assert [one.handle for one, _ in found] == ["liv", "bea", "zed", "far"]


def test_risks_are_told() -> None:
    """Unknown and low figures are what a person should know before writing."""
    assert risks_of(a_creator()) == ()
    assert risks_of(a_creator(engagement_rate=0.004, units_sold_30d=0)) == (
        "engagement is 0.40% of views",
        "sold nothing in 30 days",
    )
    assert risks_of(a_creator(engagement_rate=None, units_sold_30d=None)) == (
        "engagement is unknown",
        "sales are unknown",
    )


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"commission_percent": 10}, "commission_percent"),
        ({"min_followers": 10, "max_followers": 9}, "max_followers"),
        ({"max_creators": 21}, "max_creators"),
        ({"target_type": "third_party"}, "target_type"),
    ],
)
def test_wrong_briefs_are_named(fields: dict[str, Any], field: str) -> None:
    """The field that is wrong is the one that is named."""
    with pytest.raises(ValidationError) as refused:
        OutreachInput.model_validate({"handle": "laku", **fields})

    assert refused.value.errors()[0]["loc"] == (field,)

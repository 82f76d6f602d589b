"""How much a creator's audience is like ours, and who is written to first.

No source tells which people follow both, so overlap here is likeness: of ages, genders, countries and interests, each
0..1, weighted over those that are known on both sides. It is an estimate, and its parts are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shared.agents.scores.aimed import AimedSegment
from shared.agents.scores.audience import AudienceFigures
from shared.agents.scores.figures import Figures, rounded
from shared.providers.records import Creator

INTEREST, AGE, COUNTRY, GENDER = 40, 25, 20, 15
LEAST_PARTS = 2
LEAST_WORD = 4  # letters of a category's word that is looked up in hashtags
SAYS_NOTHING = frozenset({"care", "personal", "products", "accessories", "supplies", "other", "general"})
_WORD = re.compile(r"[^\W\d_]+")


class Part(Figures):
    """One part of the likeness, with what it stands on; None where a side does not know it."""

    name: str
    weight: int
    value: float | None
    evidence: str


class Overlap(Figures):
    """The likeness, 0..1; None on fewer than two known parts. `segment_ids` are the segments that share an interest."""

    value: float | None
    parts: tuple[Part, ...]
    segment_ids: tuple[str, ...]
    reason: str | None = None


def overlap_of(creator: Creator, segments: Sequence[AimedSegment], audience: AudienceFigures | None) -> Overlap:
    """Σ weight × part ÷ Σ weight over the known parts: interest 40, age 25, country 20, gender 15."""
    shared = shared_segments(creator.categories, segments)
    parts = (
        _interest(creator, segments, shared),
        _age(creator, audience.age_shares if audience else {}),
        _country(creator, audience.region_shares if audience else {}),
        _gender(creator, audience.gender_shares if audience else {}),
    )
    known = [(part.weight, part.value) for part in parts if part.value is not None]
    ids = tuple(segment.segment_id for segment in shared)
    if len(known) < LEAST_PARTS:
        why = f"{len(known)} of {len(parts)} parts are known, {LEAST_PARTS} are needed"
        return Overlap(value=None, parts=parts, segment_ids=ids, reason=why)
    value = sum(weight * part for weight, part in known) / sum(weight for weight, _ in known)
    return Overlap(value=rounded(value), parts=parts, segment_ids=ids)


def ranked(found: Iterable[tuple[Creator, Overlap]]) -> list[tuple[Creator, Overlap]]:
    """Whose likeness is known, the most alike first; of equals the one with more engagement, then by handle."""
    known = [one for one in found if one[1].value is not None]
    return sorted(known, key=lambda one: (-(one[1].value or 0), -(one[0].engagement_rate or 0), one[0].handle))


def shared_segments(categories: Sequence[str], segments: Sequence[AimedSegment]) -> list[AimedSegment]:
    """The segments one of whose hashtags holds a word of the creator's categories, or is one."""
    found = {word for category in categories for word in _WORD.findall(category.lower().replace("-", ""))}
    words = {word for word in found - SAYS_NOTHING if len(word) >= LEAST_WORD}
    return [segment for segment in segments if any(_is_about(tag.lower(), words) for tag in segment.hashtags)]


def _is_about(tag: str, words: set[str]) -> bool:
    return any(word in tag or (len(tag) >= LEAST_WORD and tag in word) for word in words)


def _interest(creator: Creator, segments: Sequence[AimedSegment], shared: Sequence[AimedSegment]) -> Part:
    if not creator.categories or not segments:
        return _unknown("interest", INTEREST, "categories or segments are unknown")
    total, held = (sum(_share(one) for one in group) for group in (segments, shared))
    value = held / total if total else len(shared) / len(segments)
    names = ", ".join(one.name or one.segment_id for one in shared) or "none"
    told = f"categories {', '.join(creator.categories[:5])} meet the segments: {names}"
    return Part(name="interest", weight=INTEREST, value=rounded(value), evidence=told[:400])


def _share(segment: AimedSegment) -> float:
    return segment.share_of_engagement or segment.share_of_posts or 0.0


def _age(creator: Creator, shares: dict[str, float]) -> Part:
    if not creator.age_ranges or not shares:
        return _unknown("age", AGE, "the ages of one side are unknown")
    value = min(1.0, sum(shares.get(group, 0.0) for group in set(creator.age_ranges)))
    told = f"{value:.1%} of our audience is {' or '.join(creator.age_ranges)}, as most of theirs"
    return Part(name="age", weight=AGE, value=rounded(value), evidence=told)


def _country(creator: Creator, shares: dict[str, float]) -> Part:
    if creator.region is None or not shares:
        return _unknown("country", COUNTRY, "the creator's country or our audience's is unknown")
    value = shares.get(creator.region, 0.0)
    return Part(
        name="country",
        weight=COUNTRY,
        value=rounded(value),
        evidence=f"{value:.1%} of our audience is in their country",
    )


def _gender(creator: Creator, shares: dict[str, float]) -> Part:
    """How much of the two distributions lies on top of each other, the larger gender against all others."""
    share, gender = creator.major_gender_share, creator.major_gender
    if share is None or gender is None or not shares:
        return _unknown("gender", GENDER, "the genders of one side are unknown")
    ours = min(1.0, shares.get(gender, 0.0))
    value = min(share, ours) + min(1 - share, 1 - ours)
    told = f"{share:.1%} of theirs is {gender}, {ours:.1%} of ours"
    return Part(name="gender", weight=GENDER, value=rounded(value), evidence=told)


def _unknown(name: str, weight: int, why: str) -> Part:
    return Part(name=name, weight=weight, value=None, evidence=why)

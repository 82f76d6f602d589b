"""Versions of one listing's text: as a model writes them, checked, scored, and turned into a proposal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.agents.campaign import banned_of, brand_facts, titled
from shared.agents.quoting import Said, excerpt, lines
from shared.agents.records import Brand
from shared.agents.scores.aimed import AimedSegment
from shared.agents.scores.listings import (
    HASHTAGS_MOST,
    LEAST_GAIN,
    TITLE_MOST,
    ListingFigures,
    Weak,
    body_of,
    hashtags_of,
    said_words,
    text_score,
    unsaid_in,
    unsaid_words,
)
from shared.agents.scores.texts import problems_of
from shared.core.canonical import JsonObject
from shared.core.proposals import ProposedEffect
from shared.effects.update_listing import UpdateListing
from shared.providers.records import Product

DESCRIPTION_MOST = 4000  # characters that a version may have; the shop takes more, nobody reads it
SOURCE_CHARACTERS = 8000
Outcome = Literal["proposed", "no_version_passed", "no_version_better"]
_TAG = re.compile(r"\w{1,100}")


class ListingVersion(BaseModel):
    """One version as the model writes it. Nothing is cut off here: what is too long is refused by the checks."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, AfterValidator(lambda text: excerpt(text, 2000))]
    description: Annotated[str, AfterValidator(lambda text: lines(text, 20_000).strip())]
    hashtags: list[str]
    why: Said


class ListingVersions(BaseModel):
    """What the model is asked for: versions of one listing."""

    model_config = ConfigDict(extra="forbid")

    versions: list[ListingVersion]


class CheckedVersion(BaseModel):
    """A version with what the checks found. `score` is 0-100 as of the present text; with a problem it is not used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str
    hashtags: tuple[str, ...]
    why: str
    problems: tuple[str, ...]
    score: int


class ListingText(BaseModel):
    """The present text of a listing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str
    hashtags: tuple[str, ...]


class Rewrite(BaseModel):
    """One listing: what is weak, its present text and score, the versions, and which one is proposed (counted from 0);
    None where no version is better, as `outcome` then says. `unsaid_words` are searched for, but the listing does not
    say them: whoever knows the product may."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    product_id: str
    weak: tuple[Weak, ...]
    present: ListingText
    present_score: int
    versions: tuple[CheckedVersion, ...]
    unsaid_words: tuple[str, ...]
    proposed: int | None
    outcome: Outcome
    reason: str


def source_of(product: Product) -> JsonObject:
    """All that a new text may say of the product."""
    return {
        "product_id": product.id,
        "title": excerpt(product.title, 1000),
        "description": lines(body_of(product), SOURCE_CHARACTERS),
        "hashtags": list(hashtags_of(product)[:30]),
        "price_usd": None if product.price_usd is None else str(product.price_usd),
    }


def checked(
    version: ListingVersion, product: Product, brand: Brand | None, segments: Sequence[AimedSegment] = ()
) -> CheckedVersion:
    """A version with every problem that the checks find, and the score of its text. A hashtag of the audience is a
    topic, and needs no source in the listing."""
    source, banned = [source_of(product), brand_facts(brand)], banned_of(brand)
    tags = tuple(dict.fromkeys(tag.strip().removeprefix("#").lower() for tag in version.hashtags))
    topics = [tag for segment in segments for tag in segment.hashtags]
    problems = [
        *_of("title", problems_of(version.title, most=TITLE_MOST, source=source, banned_terms=banned)),
        *_of(
            "description",
            problems_of(version.description, most=DESCRIPTION_MOST, source=source, banned_terms=banned),
        ),
        *_of("hashtags", problems_of(" ".join(tags), least=0, most=1000, source=[source, topics], banned_terms=banned)),
        *_tag_problems(tags),
        *_unsaid_problems(f"{version.title}\n{version.description}\n{' '.join(tags)}", product),
    ]
    return CheckedVersion(
        title=excerpt(version.title, TITLE_MOST),
        description=lines(version.description, DESCRIPTION_MOST),
        hashtags=tuple(excerpt(tag, 100) for tag in tags[:30]),
        why=version.why,
        problems=tuple(problems),
        score=text_score(version.title, version.description, tags, said_words(product)),
    )


def _of(field: str, problems: Sequence[str]) -> list[str]:
    return [f"{field}: {problem}" for problem in problems]


def _tag_problems(tags: Sequence[str]) -> list[str]:
    found = [f"hashtags: {excerpt(tag, 60)!r} is no hashtag" for tag in tags if not _TAG.fullmatch(tag)]
    if len(tags) > HASHTAGS_MOST:
        found.append(f"hashtags: there are {len(tags)}, {HASHTAGS_MOST} are allowed")
    return found[:5]


def _unsaid_problems(text: str, product: Product) -> list[str]:
    return [f"the search word '{one}' is not borne out by the listing" for one in unsaid_in(text, product)]


def judged(product: Product, figures: ListingFigures, versions: Sequence[CheckedVersion]) -> Rewrite:
    """The version with the best score among those without a problem, if it beats the present text by enough."""
    passed = [place for place, one in enumerate(versions) if not one.problems]
    best = max(passed, key=lambda place: (versions[place].score, -place), default=None)
    outcome: Outcome = "proposed"
    if best is None:
        outcome = "no_version_passed"
    elif versions[best].score < figures.score + LEAST_GAIN:
        outcome, best = "no_version_better", None
    return Rewrite(
        product_id=product.id,
        weak=figures.weak,
        present=ListingText(
            title=excerpt(product.title, 1000),
            description=lines(body_of(product), SOURCE_CHARACTERS),
            hashtags=tuple(excerpt(tag, 100) for tag in hashtags_of(product)[:30]),
        ),
        present_score=figures.score,
        versions=tuple(versions),
        unsaid_words=tuple(excerpt(word, 60) for word in unsaid_words(product)),
        proposed=best,
        outcome=outcome,
        reason=_why_not(outcome, figures, versions),
    )


def _why_not(outcome: str, figures: ListingFigures, versions: Sequence[CheckedVersion]) -> str:
    if outcome == "proposed":
        return ""
    if outcome == "no_version_passed":
        first = next((one.problems[0] for one in versions if one.problems), "the model wrote none")
        return excerpt(f"No version passed the checks: {first}.", 600)
    best = max(one.score for one in versions if not one.problems)
    return f"The best version scores {best} against {figures.score} now; {LEAST_GAIN} points more are asked for."


def listing_effect(rewrite: Rewrite) -> ProposedEffect:
    """The change of one listing: only the fields that differ."""
    version, present = rewrite.versions[rewrite.proposed or 0], rewrite.present
    payload = UpdateListing(
        product_id=rewrite.product_id,
        title=version.title if version.title != present.title else None,
        description=version.description if version.description != present.description else None,
        hashtags=version.hashtags if version.hashtags != present.hashtags else None,
    )
    return ProposedEffect(
        kind="update_listing",
        key=f"listing:{rewrite.product_id}",
        title=titled(f"Rewrite the listing {rewrite.product_id}: {version.title}"),
        payload=payload.model_dump(mode="json"),
    )

"""Films for ads: where a campaign is to show more films than there are, a model plans and Studio makes them (A046).

What fails of one film (a plan that the checks refuse, a no of Studio or of the person who looks at the render, a file
that is no film) is told, and the campaign goes on with the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from shared.agents.asking import ask, system_prompt
from shared.agents.base import AgentContext
from shared.agents.campaign import AuditedInput, audit_blocks, banned_of, request_block, segments_block
from shared.agents.creatives import Creative
from shared.agents.footage import Footage, finished_footage, order_one
from shared.agents.post_plans import SHOTS_MOST, PlannedShot, brief_of, film_problems
from shared.agents.quoting import Said, excerpt
from shared.agents.records import Brand
from shared.core.money import ZERO
from shared.effects.launch_campaign import AdAsset
from shared.errors import InvalidInputError, ProviderRefusedError
from shared.llm.prompt import data_block
from shared.llm.result import ClaudeResult
from shared.media.vertical import Fit
from shared.providers.studio import quote_generations
from shared.providers.studio_wire import Generation

PROMPT = "ad_campaign_director.films"
PLAN = "Plan the films."
PLAN_AGAIN = "Plan the films again: the checks found problems in your last plan, listed in the block `problems`."


class FilmInput(AuditedInput):
    """How many different films the ads are to show, and what Studio may make for that: none, if `film_variants` is 0.
    `max_films_usd` is what all renders of the campaign may cost."""

    film_variants: int = Field(2, ge=0, le=5)
    duration_s: int = Field(15, ge=5, le=60)
    fit: Fit = "blur"
    max_films_usd: Decimal = Field(Decimal(10), gt=0, le=1_000, decimal_places=2)


class FilmDraft(BaseModel):
    """One film as the model plans it."""

    model_config = ConfigDict(extra="forbid")

    hook: Said
    shots: list[PlannedShot]
    sound: Said
    why: Said


class FilmsDraft(BaseModel):
    """What the model is asked for."""

    model_config = ConfigDict(extra="forbid")

    films: list[FilmDraft]


class PlannedFilm(BaseModel):
    """A film with what the checks found: one with a problem is not ordered. `place` names it in the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str
    hook: str
    shots: tuple[PlannedShot, ...]
    sound: str
    why: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MadeFilms:
    """What became of the films: what an ad can show, every render, what cannot be shown and why, and what this attempt
    paid for renders."""

    planned: tuple[PlannedFilm, ...] = ()
    creatives: tuple[Creative, ...] = ()
    footage: tuple[Footage, ...] = ()
    missing: tuple[str, ...] = ()
    paid_usd: Decimal = ZERO
    answers: tuple[ClaudeResult, ...] = ()

    @property
    def cost_usd(self) -> Decimal:
        """What the renders cost, whoever of them was approved and in whichever attempt they were paid."""
        return sum((one.cost_usd for one in self.footage), ZERO)


async def made_films(ctx: AgentContext, given: FilmInput, brand: Brand | None, there: Sequence[Creative]) -> MadeFilms:
    """The films that the campaign is short of, besides what is there. Waits for people without compute.

    Raises `InvalidInputError("max_films_usd")` and `ProviderRefusedError("no_film")` where none could be made and there
    is nothing else to show.
    """
    short = given.film_variants - len(there)
    if short <= 0:
        return MadeFilms()
    planned, answers = await _planned(given, brand, there, short)
    films = {film.place: film for film in planned if not film.problems}
    missing = [_told(film.place, "; ".join(film.problems)) for film in planned if film.problems]
    generations, paid, refused = await _ordered(ctx, given, films, is_needed=not there)
    footage, unfinished = await _finished(ctx, generations, given.fit)
    missing += [*refused, *unfinished]
    creatives = tuple(_creative(number, one, films) for number, one in enumerate(_ready(footage), start=1))
    if not creatives and not there:
        raise ProviderRefusedError("no_film", f"there is nothing to show in ads: {'; '.join(missing[:3])}")
    return MadeFilms(planned, creatives, footage, tuple(missing), paid, answers)


async def _planned(
    given: FilmInput, brand: Brand | None, there: Sequence[Creative], films: int
) -> tuple[tuple[PlannedFilm, ...], tuple[ClaudeResult, ...]]:
    """The plans, asked for once more where the checks found something."""
    blocks = film_blocks(given, there, films)
    planned, answer = await _asked(PLAN, given, brand, blocks, films)
    if all(not film.problems for film in planned) and planned:
        return planned, (answer,)
    problems = {film.place: list(film.problems) for film in planned if film.problems} or {"films": ["there is none"]}
    more = [*blocks, data_block("problems", problems, untrusted=True)]
    again, second = await _asked(PLAN_AGAIN, given, brand, more, films)
    return again, (answer, second)


async def _asked(
    task: str, given: FilmInput, brand: Brand | None, blocks: Sequence[str], films: int
) -> tuple[tuple[PlannedFilm, ...], ClaudeResult]:
    draft, answer = await ask(
        FilmsDraft,
        system=system_prompt(PROMPT, brand),
        task=task,
        blocks=blocks,
        model="sonnet",
        label="films",
        max_tokens=4096,
    )
    found = [_checked(f"ad-film-{n}", one, given, brand) for n, one in enumerate(draft.films[:films], start=1)]
    return tuple(found), answer


def film_blocks(given: FilmInput, there: Sequence[Creative], films: int) -> list[str]:
    """What the model may use. Titles of posts and names of segments were made from what strangers wrote."""
    limits = {"films": films, "duration_s": given.duration_s, "shots_most": SHOTS_MOST}
    return [
        request_block(given),
        data_block("limits", limits),
        data_block("creatives", [one.source for one in there], untrusted=True),
        segments_block(given.segments[:6]),
        *audit_blocks(given),
    ]


def _checked(place: str, draft: FilmDraft, given: FilmInput, brand: Brand | None) -> PlannedFilm:
    return PlannedFilm(
        place=place,
        hook=draft.hook,
        shots=tuple(draft.shots[:SHOTS_MOST]),
        sound=draft.sound,
        why=draft.why,
        problems=tuple(film_problems(draft, given.duration_s, banned_of(brand))),
    )


async def _ordered(
    ctx: AgentContext, given: FilmInput, films: Mapping[str, PlannedFilm], *, is_needed: bool
) -> tuple[dict[str, Generation], Decimal, list[str]]:
    """Orders all of them before the first is waited for: the generations, what this attempt paid, and who said no."""
    briefs = {place: brief_of(film, given.duration_s) for place, film in films.items()}
    generations: dict[str, Generation] = {}
    paid, refused = ZERO, []
    try:
        quotes = await quote_generations(list(briefs.values()), most_usd=given.max_films_usd)
    except (InvalidInputError, ProviderRefusedError) as no:
        if is_needed and isinstance(no, InvalidInputError):
            raise InvalidInputError("max_films_usd", no.problem) from no
        return {}, ZERO, [_told(place, no.message) for place in briefs]
    for (place, brief), quote in zip(briefs.items(), quotes, strict=True):
        try:
            generations[place], cost = await order_one(ctx, place, brief, quote.cost_usd)
        except ProviderRefusedError as no:
            refused.append(_told(place, no.message))
        else:
            paid += cost
    return generations, paid, refused


async def _finished(
    ctx: AgentContext, generations: Mapping[str, Generation], fit: Fit
) -> tuple[tuple[Footage, ...], list[str]]:
    """Every render that came to an end, and what cannot be shown: rejected, never decided about, or no film."""
    footage, missing = [], []
    for place, generation in generations.items():
        try:
            (one,) = await finished_footage(ctx, {place: generation}, fit)
        except (ProviderRefusedError, InvalidInputError) as no:
            missing.append(_told(place, no.message))
            one = _unfinished(place, generation, no.message)
        else:
            if one.sha256 is None:
                missing.append(_told(place, f"the render was {one.told}"))
        footage.append(one)
    return tuple(footage), missing


def _unfinished(place: str, generation: Generation, told: str) -> Footage:
    """A render that was paid for and of which there is no film."""
    return Footage(
        place=place,
        generation_id=generation.id,
        status=generation.status,
        told=excerpt(told, 600),
        cost_usd=generation.cost_usd,
    )


def _ready(footage: Sequence[Footage]) -> list[Footage]:
    return [one for one in footage if one.sha256 is not None]


def _creative(number: int, one: Footage, films: Mapping[str, PlannedFilm]) -> Creative:
    asset = AdAsset.model_validate({name: getattr(one, name) for name in ("sha256", "asset_id", "path", "bytes")})
    source = excerpt(f"a film that Studio made for the ads; it opens with: {films[one.place].hook}", 300)
    return Creative(creative_id=f"f{number}", asset=asset, source=source)


def _told(place: str, why: str) -> str:
    return excerpt(f"{place} was not made: {why}", 300)

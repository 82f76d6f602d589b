"""A post as a model plans it, checked before anything is ordered, and turned into a brief, a caption and a proposal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.agents.campaign import titled
from shared.agents.footage import Footage
from shared.agents.quoting import Said, excerpt, lines
from shared.agents.scores.texts import problems_of
from shared.core.canonical import Json
from shared.core.proposals import ProposedEffect
from shared.effects.publish_video import MAX_CAPTION, PrivacyLevel, PublishVideo, VideoAsset
from shared.providers.studio_wire import MOST_PROMPT, StudioBrief

CAPTION_MOST = 300  # characters, hashtags apart: what is read before "more"
HASHTAGS_MOST = 8
SHOTS_MOST = 12
_TAG = re.compile(r"\w{1,60}")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")  # characters that split a word and are not seen
_PARTS = re.compile(r"[\W_]+")

Caption = Annotated[str, AfterValidator(lambda text: lines(text, 4000).strip())]


class PlannedShot(BaseModel):
    """What the camera sees, for how many seconds."""

    model_config = ConfigDict(extra="forbid")

    seconds: int
    picture: Said


class FilmPlan(Protocol):
    """What the film of a post or of an ad is: the picture that it opens with, its shots, and what is heard."""

    @property
    def hook(self) -> str: ...

    @property
    def shots(self) -> Sequence[PlannedShot]: ...

    @property
    def sound(self) -> str: ...


class PostDraft(BaseModel):
    """One post as the model plans it."""

    model_config = ConfigDict(extra="forbid")

    hook: Said
    shots: list[PlannedShot]
    caption: Caption
    hashtags: list[str]
    sound: Said
    why: Said


class PlanDraft(BaseModel):
    """What the model is asked for."""

    model_config = ConfigDict(extra="forbid")

    summary: Said
    posts: list[PostDraft]


class PlannedPost(BaseModel):
    """A post with what the checks found: one with a problem is not made. `place` names it in the run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str
    hook: str
    shots: tuple[PlannedShot, ...]
    caption: str
    hashtags: tuple[str, ...]
    sound: str
    why: str
    problems: tuple[str, ...]

    @property
    def words(self) -> str:
        """The caption as it is posted, hashtags at its end."""
        return "\n\n".join(part for part in (self.caption, " ".join(f"#{tag}" for tag in self.hashtags)) if part)


def checked_posts(
    drafts: Sequence[PostDraft], *, duration_s: int, source: Json, banned_terms: Sequence[str]
) -> tuple[PlannedPost, ...]:
    """The posts with their problems. `source` is all that a text may say."""
    return tuple(
        _checked(f"post-{number}", draft, duration_s, source, banned_terms)
        for number, draft in enumerate(drafts, start=1)
    )


def _checked(place: str, draft: PostDraft, duration_s: int, source: Json, banned_terms: Sequence[str]) -> PlannedPost:
    tags = tuple(dict.fromkeys(seen(tag).strip().removeprefix("#").lower() for tag in draft.hashtags))
    caption = seen(draft.caption)
    post = PlannedPost(
        place=place,
        hook=draft.hook,
        shots=tuple(draft.shots[:SHOTS_MOST]),
        caption=caption,
        hashtags=tuple(excerpt(tag, 100) for tag in tags[:30]),
        sound=draft.sound,
        why=draft.why,
        problems=(),
    )
    problems = [
        *_named("caption", problems_of(caption, most=CAPTION_MOST, source=source, banned_terms=banned_terms)),
        *_named("hashtags", _tag_problems(tags, banned_terms)),
        *_named("film", film_problems(draft, duration_s, banned_terms)),
    ]
    if units(post.words) > MAX_CAPTION:
        problems.append(f"caption: has {units(post.words)} UTF-16 units with its hashtags; TikTok takes {MAX_CAPTION}")
    return post.model_copy(update={"problems": tuple(problems)})


def seen(text: str) -> str:
    """The text as it is read: compatible forms as one, and no unseen character that would hide a word from a check."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def units(text: str) -> int:
    """UTF-16 units, as TikTok counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _named(field: str, problems: Sequence[str]) -> list[str]:
    return [f"{field}: {problem}" for problem in problems]


def _tag_problems(tags: Sequence[str], banned_terms: Sequence[str]) -> list[str]:
    """In a hashtag words run together, so a banned term counts wherever it stands."""
    found = [f"{excerpt(tag, 60)!r} is no hashtag" for tag in tags if not _TAG.fullmatch(tag)]
    for term in banned_terms:
        joined = _joined(term)
        found += [
            f"#{tag} holds '{term}', which the brand does not use" for tag in tags if joined and joined in _joined(tag)
        ]
    if len(tags) > HASHTAGS_MOST:
        found.append(f"there are {len(tags)}, {HASHTAGS_MOST} are allowed")
    return found[:5]


def _joined(text: str) -> str:
    return _PARTS.sub("", seen(text).casefold())


def film_problems(draft: FilmPlan, duration_s: int, banned_terms: Sequence[str]) -> list[str]:
    """The shots must fill the film. What is said in it is speech, so the brand's terms hold there too."""
    problems = []
    if not 1 <= len(draft.shots) <= SHOTS_MOST:
        problems.append(f"there are {len(draft.shots)} shots; allowed: 1 to {SHOTS_MOST}")
    lasting = sum(shot.seconds for shot in draft.shots)
    if lasting != duration_s or any(shot.seconds < 1 for shot in draft.shots):
        problems.append(
            f"the shots last {lasting} seconds, the film lasts {duration_s}; each shot needs a second or more"
        )
    told = seen("\n".join((draft.hook, draft.sound, *(shot.picture for shot in draft.shots))))
    banned = problems_of(told, most=len(told), source=told, banned_terms=banned_terms)
    return [*problems, *(problem for problem in banned if "the brand does not use" in problem)]


def brief_of(post: FilmPlan, duration_s: int) -> StudioBrief:
    """What Studio is asked for: pictures and sound, no caption. That logos and text are forbidden, the client adds."""
    at, shots = 0, []
    for number, shot in enumerate(post.shots, start=1):
        shots.append(f"Shot {number}, second {at} to {at + shot.seconds}: {shot.picture}")
        at += shot.seconds
    told = [f"A film of {duration_s} seconds, real and unstaged in look.", f"It opens with: {post.hook}", *shots]
    return StudioBrief(prompt="\n".join([*told, f"Sound: {post.sound}"])[:MOST_PROMPT], duration_s=duration_s)


def publish_effect(post: PlannedPost, footage: Footage, *, handle: str, privacy_level: PrivacyLevel) -> ProposedEffect:
    """The proposal to publish one post. It is the brand's own business, and made by AI: TikTok labels both."""
    payload = PublishVideo(
        handle=handle,
        caption=post.words,
        privacy_level=privacy_level,
        brand_organic_toggle=True,
        is_aigc=True,
        asset=VideoAsset.model_validate(
            {name: getattr(footage, name) for name in ("sha256", "asset_id", "bytes", "duration_s", "width", "height")}
        ),
    )
    title = titled(f"Publish on @{handle}: {excerpt(post.words, 120)}")
    return ProposedEffect("publish_video", post.place, title, payload.model_dump(mode="json"))

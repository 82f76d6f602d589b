"""Messages to creators: as a model drafts them, and what the checks say before a person reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.agents.quoting import Said, excerpt, lines
from shared.agents.scores.texts import problems_of
from shared.core.canonical import JsonObject
from shared.providers.records import Creator

MESSAGE_LEAST, MESSAGE_MOST = 80, 900  # characters

# Nobody has looked at the creator's videos, and nothing was agreed: a message must not say so.
_PRETENDED = re.compile(
    r"\b(?:(?:i|we) (?:just |really |absolutely )?(?:loved?|adored?|enjoy(?:ed)?|watched|saw)\b"
    r"|(?:i|we)(?:'ve| have) (?:been (?:following|watching)|watched|seen|followed)\b"
    r"|(?:big|huge|long[- ]?time) fans?\b|your (?:latest|last|recent|newest) (?:video|post|live|content)\b"
    r"|as (?:we )?(?:agreed|discussed|promised)\b|following up\b)",
    re.IGNORECASE,
)


class MessageDraft(BaseModel):
    """A message as the model writes it, with the one fact it leans on. It is not cut: a long one is refused."""

    model_config = ConfigDict(extra="forbid")

    body: Annotated[str, AfterValidator(lambda text: lines(text, 10_000).strip())]
    leans_on: Said


class OutreachMessage(BaseModel):
    """A message to one creator. With a problem it is not proposed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    creator_open_id: str
    handle: str
    body: str
    leans_on: str
    problems: tuple[str, ...]


def message_problems(body: str, creator: Creator, source: JsonObject, banned_terms: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with a message: its length, banned terms, what is made up or pretended, or that it names nobody."""
    found = list(problems_of(body, least=MESSAGE_LEAST, most=MESSAGE_MOST, source=source, banned_terms=banned_terms))
    if not names(body, creator):
        found.append("does not name the creator, neither by handle nor by name")
    found += [
        f"'{match.lower()}': nobody has looked at the creator's videos, and nothing was agreed"
        for match in dict.fromkeys(_PRETENDED.findall(body))
    ]
    return tuple(found)


def names(body: str, creator: Creator) -> bool:
    """Whether the message addresses the creator."""
    said = body.casefold()
    return any(name.casefold() in said for name in (creator.handle, (creator.nickname or "").strip()) if name)


def message_of(creator: Creator, draft: MessageDraft, problems: Sequence[str]) -> OutreachMessage:
    return OutreachMessage(
        creator_open_id=creator.open_id,
        handle=excerpt(creator.handle, 64),
        body=lines(draft.body, 2 * MESSAGE_MOST),
        leans_on=draft.leans_on,
        problems=tuple(problems),
    )

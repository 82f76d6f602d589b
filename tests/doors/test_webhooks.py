"""What other services post: Studio's word that a render was decided, and everybody who is not Studio."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from local.fakes.studio import STUDIO_EMAIL
from shared.errors import UnauthenticatedError
from shared.web.tokens import verify_studio_token
from tests.support.doors import CALLBACK, Doors, Person, refusal, told
from tests.support.model_calls import settings_as

PATH = "/webhooks/studio"


def decided(person: Person, **fields: Any) -> dict[str, Any]:
    """A callback about a render of this workspace, with what the order gave along."""
    given = {"workspace_id": str(person.workspace), "run_id": str(uuid4())}
    return {
        "type": "generation.decided",
        "generation_id": f"gen_{person.workspace.hex[:12]}",
        "status": "approved",
        "metadata": given,
        **fields,
    }


def studio_token(doors: Doors) -> str:
    return doors.signer.task_token(STUDIO_EMAIL, CALLBACK)


def test_studio_is_heard_once(doors: Doors, person: Person) -> None:
    """The callback leaves the signal that a step waits for; delivered again it changes nothing."""
    before = doors.rows.of(person.workspace)["tiktok_signals"]
    answers = [doors.knock("POST", PATH, studio_token(doors), json=decided(person)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [told(answer) for answer in answers] == [{"is_new": True, "woken": 0}, {"is_new": False, "woken": 0}]
    assert doors.rows.of(person.workspace)["tiktok_signals"] == before + 1


def others(doors: Doors, person: Person) -> dict[str, tuple[int, str]]:
    """Tokens of those who are not Studio, or are it somewhere else, with what they are told."""
    signed = doors.signer.task_token
    return {
        "a person": (401, person.token),
        "the queue": (401, doors.task_token),
        "the queue's account": (403, signed(doors.settings.task_token_email, CALLBACK)),
        "Studio elsewhere": (401, signed(STUDIO_EMAIL, "https://elsewhere.example")),
        "nonsense": (401, "nonsense"),
    }


@pytest.mark.parametrize("who", ["a person", "the queue", "the queue's account", "Studio elsewhere", "nonsense"])
def test_nobody_else_is_heard(doors: Doors, person: Person, who: str) -> None:
    """Only Studio's account, with a token for this very address, wakes anything."""
    status, token = others(doors, person)[who]
    with person.writes_nothing():
        refusal(doors.knock("POST", PATH, token, json=decided(person)), status)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"type": "generation.ordered"}, "type"),
        ({"generation_id": "../../etc"}, "generation_id"),
        ({"generation_id": "x" * 100}, "generation_id"),
        ({"metadata": {}}, "metadata.workspace_id"),
        ({"metadata": {"workspace_id": "mine"}}, "metadata.workspace_id"),
        ({"metadata": None}, "metadata"),
    ],
)
def test_a_wrong_callback_is_named(doors: Doors, person: Person, fields: dict[str, Any], field: str) -> None:
    """A field that is missing or wrong is named, and nothing is written."""
    with person.writes_nothing():
        answer = doors.knock("POST", PATH, studio_token(doors), json=decided(person, **fields))

    assert field in str(refusal(answer, 422))


def test_without_an_address_nobody_is_heard() -> None:
    """Where no callback address is set there is no audience to be for: every token is refused."""
    with settings_as(studio_callback_url=None), pytest.raises(UnauthenticatedError, match="STUDIO_CALLBACK_URL"):
        verify_studio_token("Bearer whatever")

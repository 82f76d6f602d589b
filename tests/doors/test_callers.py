"""Who may knock: no route opens without the right token, and a refused caller changes nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.auth import crypt, jwt

from functions.approval.main import door as approval
from functions.brief_intake.main import door as intake
from functions.dashboard.main import door as dashboard
from functions.step_executor.main import door as executor
from functions.webhooks.main import door as webhooks
from local.signer import KEY_FILE, Signer
from tests.support.doors import BRIEF, BRIEFS, STEP_TASK, WORKFLOWS, Doors, Person, refusal, told

Forge = Callable[[Doors], str]
_crypt: Any = crypt  # google-auth says that it is typed, but these calls are not
_jwt: Any = jwt
USER_ROUTES = [(method, path) for door in (intake, approval, dashboard) for method, path in door.endpoints]
TASK_ROUTES = executor.endpoints
WEBHOOKS = webhooks.endpoints

SOME_ID = "3f0c1a52-7d1e-4b7a-9a55-0d6f2f6c1e11"


def at(path: str) -> str:
    """A path with ids and names filled in."""
    for name in ("run_id", "brief_id", "agent_run_id", "step_id", "effect_id"):
        path = path.replace(f"<{name}>", str(uuid4()))
    return path.replace("<name>", "account_health")


def claims(doors: Doors, **more: Any) -> dict[str, Any]:
    """What a good user token says, but for what is given; None leaves a claim out."""
    settings = doors.settings
    good = {
        "iss": settings.user_token_issuer,
        "aud": settings.user_token_audience,
        "sub": "ada",
        "workspace_id": str(uuid4()),
        **more,
    }
    return {name: value for name, value in good.items() if value is not None}


def signed(**more: Any) -> Forge:
    return lambda doors: doors.signer.token(claims(doors, **more))


def expired(doors: Doors) -> str:
    return doors.signer.token(claims(doors), ttl_s=-3600)


def from_the_future(doors: Doors) -> str:
    now = int(time.time())
    return doors.signer.token(claims(doors, iat=now + 3600, exp=now + 7200))


def part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def dated(doors: Doors) -> dict[str, Any]:
    now = int(time.time())
    return claims(doors, iat=now, exp=now + 3600)


def unsigned(doors: Doors) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": doors.signer.key_id}
    return f"{part(header)}.{part(dated(doors))}."


def signed_with_the_certificate(doors: Doors) -> str:
    """The old trick: the public certificate taken for a shared secret."""
    head = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': doors.signer.key_id})}.{part(dated(doors))}"
    mark = hmac.new(doors.signer.certificate.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def tampered(doors: Doors) -> str:
    """A good token whose workspace was changed after it was signed."""
    head, _, mark = doors.signer.token(claims(doors)).split(".")
    return f"{head}.{part(dated(doors))}.{mark}"


def without_signature(doors: Doors) -> str:
    return doors.signer.token(claims(doors)).rpartition(".")[0] + "."


BAD_TOKENS: dict[str, Forge] = {
    "expired": expired,
    "not valid yet": from_the_future,
    "another audience": signed(aud="somebody-else"),
    "audience as a list": signed(aud=["tiktok-army-local"]),
    "no audience": signed(aud=None),
    "another issuer": signed(iss="https://securetoken.google.com/somebody-else"),
    "Google's issuer": signed(iss="https://accounts.google.com"),
    "no issuer": signed(iss=None),
    "no subject": signed(sub=None),
    "an empty subject": signed(sub=""),
    "a number as subject": signed(sub=5),
    "alg none": unsigned,
    "HS256 with the certificate": signed_with_the_certificate,
    "tampered": tampered,
    "no signature": without_signature,
    "nonsense": lambda _: "nonsense",
    "three parts of nonsense": lambda _: "a.b.c",
    "deep nonsense": lambda _: f"{part({})}.{'W1' * 4000}.x",
    "very long": lambda _: "x" * 20_000,
}
BAD_HEADERS = ["", " ", "Bearer", "Bearer ", "bearer", "Basic YTpi", "Bearer\ta b c", "Token x", "Bearer é", "Bearer ."]


@pytest.mark.parametrize(("method", "path"), USER_ROUTES + TASK_ROUTES + WEBHOOKS)
def test_every_route_asks_for_a_token(doors: Doors, method: str, path: str) -> None:
    """401 without one, and the header that says which kind, at every route that any door has."""
    answer = doors.knock(method, at(path))

    assert refusal(answer, 401)["title"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), USER_ROUTES)
def test_a_task_token_opens_no_users_route(doors: Doors, method: str, path: str) -> None:
    """The queue is nobody's user."""
    refusal(doors.knock(method, at(path), doors.task_token), 401)


@pytest.mark.parametrize(("method", "path"), TASK_ROUTES)
def test_a_user_token_opens_no_task_route(person: Person, method: str, path: str) -> None:
    """A user cannot do a step's work, not even of the own workspace."""
    body = {"workspace_id": str(person.workspace), "run_id": str(uuid4()), "step_id": str(uuid4())}

    with person.writes_nothing():
        refusal(person.doors.knock(method, path, person.token, json=body), 401)


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_user_token_is_refused(doors: Doors, name: str) -> None:
    """401 in one sentence, which holds no part of the token."""
    token = BAD_TOKENS[name](doors)

    answer = doors.knock("POST", BRIEFS, token, json=BRIEF)

    problem = refusal(answer, 401)
    assert len(problem["detail"]) < 120
    assert all(part not in answer.text for part in token.split(".") if len(part) > 8)


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_bad_header_is_refused(doors: Doors, header: str) -> None:
    """Whatever stands in Authorization that is no bearer token: 401."""
    refusal(doors.knock("GET", WORKFLOWS, headers={"Authorization": header}), 401)


@pytest.mark.parametrize("same_name", [False, True], ids=["unknown key", "another key under the same id"])
def test_a_token_of_another_signer_is_refused(doors: Doors, tmp_path: Path, same_name: bool) -> None:
    """The right claims, signed by a key that is not ours, under its own id or under ours."""
    other = Signer(tmp_path)
    key_id = doors.signer.key_id if same_name else other.key_id
    pem = (tmp_path / KEY_FILE).read_bytes().partition(b"-----BEGIN CERTIFICATE-----")[0]
    token = _jwt.encode(_crypt.RSASigner.from_string(pem, key_id), dated(doors)).decode()

    refusal(doors.knock("GET", WORKFLOWS, token), 401)


@pytest.mark.parametrize("workspace", [None, "", "x", 5, [], SOME_ID.replace("-", ""), "*", "{}", f"{SOME_ID} "])
def test_a_token_without_a_workspace_is_forbidden(doors: Doors, workspace: Any) -> None:
    """403: the person is known, but belongs nowhere."""
    token = doors.signer.token(claims(doors, workspace_id=workspace))

    assert "workspace" in refusal(doors.knock("GET", WORKFLOWS, token), 403)["detail"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"aud": "https://elsewhere.example"}, 401),
        ({"iss": "https://securetoken.google.com/tiktok-army-local"}, 401),
        ({"email": "somebody@else.iam.gserviceaccount.com"}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": "true"}, 403),
        ({"email": None}, 403),
    ],
)
def test_a_bad_task_token_is_refused(person: Person, more: dict[str, Any], status: int) -> None:
    """A task's token must be for this executor, from Google, and of the queue's own account."""
    settings = person.doors.settings
    good = {
        "iss": "https://accounts.google.com",
        "aud": settings.executor_audience,
        "sub": "1",
        "email": settings.task_token_email,
        "email_verified": True,
    }
    token = person.doors.signer.token({name: value for name, value in {**good, **more}.items() if value is not None})
    body = {"workspace_id": str(person.workspace), "run_id": str(uuid4()), "step_id": str(uuid4())}

    with person.writes_nothing():
        refusal(person.doors.knock("POST", STEP_TASK, token, json=body), status)


def test_who_asked_is_written_down(doors: Doors) -> None:
    """The subject of the token, and nothing that the body says, is who created a brief."""
    workspace = uuid4()

    doors.person(workspace, "grace").brief()

    briefs = told(doors.person(workspace, "ada").get(BRIEFS))["briefs"]
    assert [brief["created_by"] for brief in briefs] == ["grace"]


def test_the_scheme_may_be_written_in_any_case(person: Person) -> None:
    """RFC 9110: the scheme's case does not matter."""
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {person.token}"}
        assert person.doors.knock("GET", WORKFLOWS, headers=headers).status_code == 200

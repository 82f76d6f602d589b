"""Accounts at the door: connected with tokens that nobody is told again, listed, disconnected; refusals by field."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.config import use_settings
from shared.secrets.store import secret_store
from shared.store.connection import connect_url
from shared.store.wire import Statement
from tests.support.doors import BRAND, BRANDS, Doors, Person, refusal, told

ACCOUNTS = "/api/dashboard/accounts"
CANARY, REFRESH = "act.canary-3f1b-door", "rft.canary-77aa-door"
NEW: dict[str, Any] = {
    "vendor": "tiktok",
    "external_id": "open-laku",
    "handle": "@LakuCosmetics",
    "scopes": ["video.publish", "video.list"],
    "tokens": {
        "access_token": CANARY,
        "refresh_token": REFRESH,
        "expires_in": 86400,
        "refresh_expires_in": 31536000,
    },
}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"vendor": "myspace"}, "vendor"),
    ({"vendor": None}, "vendor"),
    ({"external_id": ""}, "external_id"),
    ({"external_id": "a/../b"}, "external_id"),
    ({"external_id": 5}, "external_id"),
    ({"external_id": "x" * 201}, "external_id"),
    ({"handle": "a b"}, "handle"),
    ({"handle": None}, "handle"),
    ({"brand_id": "x"}, "brand_id"),
    ({"brand_id": str(uuid4())}, "brand_id"),
    ({"scopes": "video.publish"}, "scopes"),
    ({"scopes": ["a b"]}, "scopes.0"),
    ({"tokens": CANARY}, "tokens"),
    ({"tokens": {}}, "tokens.access_token"),
    ({"tokens": {"access_token": f"{CANARY} x"}}, "tokens.access_token"),
    ({"tokens": {"access_token": f"{CANARY}\n"}}, "tokens.access_token"),
    ({"tokens": {"access_token": CANARY * 500}}, "tokens.access_token"),
    ({"tokens": {"access_token": CANARY, "expires_in": -1}}, "tokens.expires_in"),
    ({"tokens": {"access_token": CANARY, "expires_in": 10**12}}, "tokens.expires_in"),
    ({"tokens": {"access_token": CANARY, "password": CANARY}}, "tokens.password"),
    ({"vendor": "tiktok_shop"}, "tokens.cipher"),
    ({"colour": "red"}, "colour"),
]


@pytest.fixture
def admin(person: Person) -> Person:
    return person.colleague("bo", "admin")


def connected(admin: Person, **changes: Any) -> str:
    answer = admin.post(ACCOUNTS, {**NEW, **changes})
    assert answer.status_code in (200, 201), answer.text
    return str(told(answer)["account_id"])


def row_of(doors: Doors, account_id: str) -> str:
    """The whole row as text, past the wall."""
    assert doors.settings.database_owner_url is not None
    connection = connect_url(doors.settings.database_owner_url, "owner")
    statement = Statement("select a::text from tiktok_connected_accounts a where id = $1::uuid", [account_id])
    (((text,),),) = connection.exchange([statement])
    connection.close()
    return str(text)


def test_an_account_is_connected_and_listed(admin: Person, doors: Doors) -> None:
    """201, then it is listed with its state and its times; its tokens are in a secret that the row names."""
    account_id = connected(admin)
    (listed,) = told(admin.get(ACCOUNTS))["accounts"]

    assert (listed["id"], listed["status"], listed["handle"]) == (account_id, "connected", "lakucosmetics")
    assert (listed["scopes"], listed["connected_by"]) == (["video.publish", "video.list"], "bo")
    assert listed["access_expires_at"] < listed["refresh_expires_at"]
    name = f"army-account-{admin.workspace}-{account_id}"
    reference = secret_store(doors.settings).newest(name)
    assert reference is not None and CANARY in secret_store(doors.settings).get(reference)
    assert reference in row_of(doors, account_id)


def test_connecting_again_replaces_the_tokens(admin: Person, doors: Doors) -> None:
    """The same account, with new tokens: 200, one row, and the older tokens are destroyed."""
    first = connected(admin)
    again = admin.post(ACCOUNTS, {**NEW, "tokens": {"access_token": "act.newer"}})

    assert (again.status_code, told(again)["account_id"]) == (200, first)
    assert len(told(admin.get(ACCOUNTS))["accounts"]) == 1
    folder: Path = doors.settings.army_home / "secrets" / f"army-account-{admin.workspace}-{first}"
    (file,) = folder.iterdir()
    assert CANARY not in file.read_text()


def test_disconnecting_destroys_the_tokens(admin: Person, doors: Doors) -> None:
    """The row stays, without a reference; twice is harmless, and connecting again works."""
    account_id = connected(admin)
    first, second = (told(admin.post(f"{ACCOUNTS}/{account_id}/disconnect")) for _ in range(2))

    assert (first["is_new"], second["is_new"]) == (True, False)
    (listed,) = told(admin.get(ACCOUNTS))["accounts"]
    assert (listed["status"], listed["why"]) == ("disconnected", "disconnected by bo")
    name = f"army-account-{admin.workspace}-{account_id}"
    assert secret_store(doors.settings).newest(name) is None
    assert connected(admin) == account_id
    assert told(admin.get(ACCOUNTS))["accounts"][0]["status"] == "connected"


def test_a_token_that_nothing_renews_is_expired(admin: Person) -> None:
    """Its time is over and it has no refresh token: the list says so before anything fails."""
    connected(admin, tokens={"access_token": CANARY, "expires_in": 0})
    connected(admin, external_id="open-b", tokens={"access_token": CANARY, "refresh_token": REFRESH, "expires_in": 0})
    connected(
        admin,
        external_id="open-c",
        tokens={"access_token": CANARY, "refresh_token": REFRESH, "expires_in": 0, "refresh_expires_in": 86400},
    )
    states = {one["external_id"]: one["status"] for one in told(admin.get(ACCOUNTS))["accounts"]}

    assert states == {"open-laku": "expired", "open-b": "connected", "open-c": "connected"}


def test_only_an_admin_connects(person: Person) -> None:
    """403 with the role, and an event for the audit; nothing else is written."""
    with person.writes_one_event():
        problem = refusal(person.post(ACCOUNTS, NEW), 403)
    account_id = connected(person.colleague("bo", "owner"))
    with person.writes_one_event():
        refusal(person.post(f"{ACCOUNTS}/{account_id}/disconnect"), 403)

    assert "only the role admin or owner may connect accounts" in problem["detail"]


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_a_wrong_field_is_named(
    admin: Person, wrong: dict[str, Any], field: str, caplog: pytest.LogCaptureFixture
) -> None:
    """4xx with the field, and no account; neither the answer nor a log holds what was sent as a token."""
    with caplog.at_level(logging.DEBUG), admin.writes_nothing():
        answer = admin.post(ACCOUNTS, {**NEW, **wrong})

    assert refusal(answer, 422)["field"] == field
    assert "canary" not in answer.text
    assert "canary" not in caplog.text


def test_no_answer_row_or_log_holds_a_token(admin: Person, doors: Doors, caplog: pytest.LogCaptureFixture) -> None:
    """Connected, listed, connected again, disconnected: the canaries are nowhere but in the secret."""
    with caplog.at_level(logging.DEBUG):
        answers = [admin.post(ACCOUNTS, NEW), admin.get(ACCOUNTS), admin.post(ACCOUNTS, NEW)]
        account_id = told(answers[0])["account_id"]
        row = row_of(doors, account_id)
        answers.append(admin.post(f"{ACCOUNTS}/{account_id}/disconnect"))

    for text in (caplog.text, row, row_of(doors, account_id), *(answer.text for answer in answers)):
        assert "canary" not in text


def test_accounts_stay_at_home(admin: Person, stranger: Person) -> None:
    """Another workspace neither lists nor ends an account, and its own of the same name is another."""
    account_id = connected(admin)
    theirs = stranger.colleague("eve", "owner")

    assert told(theirs.get(ACCOUNTS)) == {"accounts": []}
    assert refusal(theirs.post(f"{ACCOUNTS}/{account_id}/disconnect"), 404)["field"] == "account_id"
    brand_id = told(admin.post(BRANDS, BRAND))["brand_id"]
    assert refusal(theirs.post(ACCOUNTS, {**NEW, "brand_id": brand_id}), 422)["field"] == "brand_id"
    assert UUID(connected(theirs)) != UUID(account_id)
    assert told(admin.get(ACCOUNTS))["accounts"][0]["status"] == "connected"


def test_secrets_that_cannot_be_kept_connect_nothing(admin: Person, doors: Doors) -> None:
    """The store of secrets does not answer: 503, and no account without tokens is left behind."""
    closed = doors.settings.model_copy(
        update={"secret_store": "secret_manager", "secret_manager_emulator_host": "127.0.0.1:9"}
    )
    use_settings(closed)
    answer = admin.post(ACCOUNTS, NEW)
    use_settings(doors.settings)

    assert refusal(answer, 503)
    assert told(admin.get(ACCOUNTS)) == {"accounts": []}

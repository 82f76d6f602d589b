"""Who may call: good tokens name their caller, every other kind is turned away, and keys may change."""

from __future__ import annotations

import base64
import json
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from local.signer import KEY_FILE, Signer
from shared.config import Settings, use_settings
from shared.errors import EngineError, ForbiddenError, TransientError, UnauthenticatedError
from shared.web.certs import CertSource
from shared.web.tokens import TaskCaller, TokenCheck, UserCaller, verify_task_token, verify_user_token
from tests.support.tasks import ROOT

WORKSPACE = UUID("6f3c5f0e-64a5-4be6-9d0a-2a7c4a1d9a10")
PROJECT = "army-test"
AUDIENCE = "https://executor.example"
EMAIL = "tasks@army-test.iam.gserviceaccount.com"


class Certs:
    """A server of certificates that can change them, break, and count its calls."""

    def __init__(self) -> None:
        self.body: object = {}
        self.status, self.calls, self.cache_control = 200, 0, "public, max-age=3600"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_CertsDoor,), {"certs": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}/certs"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _CertsDoor(BaseHTTPRequestHandler):
    certs: Certs

    def do_GET(self) -> None:
        self.certs.calls += 1
        body = json.dumps(self.certs.body).encode()
        self.send_response(self.certs.status)
        self.send_header("Cache-Control", self.certs.cache_control)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """Another key, that nobody here trusts."""
    return Signer(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def certs(signer: Signer) -> Iterator[Certs]:
    served = Certs()
    served.body = signer.certs
    yield served
    served.close()


@pytest.fixture
def settings(certs: Certs) -> Settings:
    """Settings whose certificates are the test's own. New settings: nothing is remembered from other tests."""
    made = Settings(
        user_token_audience=PROJECT,
        user_token_issuer=f"https://securetoken.google.com/{PROJECT}",
        user_token_certs_url=certs.url,
        task_token_certs_url=certs.url,
        task_token_audience=AUDIENCE,
        task_token_email=EMAIL,
    )
    use_settings(made)
    return made


def user_claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good user token, with these changed; None leaves one out."""
    good = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "u1",
        "workspace_id": str(WORKSPACE),
        **changed,
    }
    return {name: value for name, value in good.items() if value is not None}


def task_claims(**changed: Any) -> dict[str, Any]:
    good = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "sub": "1",
        "email": EMAIL,
        "email_verified": True,
        **changed,
    }
    return {name: value for name, value in good.items() if value is not None}


def test_a_person_is_known(settings: Settings, signer: Signer) -> None:
    """A good token names the person, the workspace, the e-mail and the roles."""
    token = signer.user_token(WORKSPACE, "u1", settings=settings, email="a@b.c", roles=["approver", "editor"])

    assert verify_user_token(f"Bearer {token}") == UserCaller(WORKSPACE, "u1", "a@b.c", ("approver", "editor"))
    assert verify_user_token(f"bearer  {token} ").subject == "u1"


def test_the_queue_is_known(settings: Settings, signer: Signer) -> None:
    """The token that the local queue puts on an attempt is good, and so is the other form of Google's issuer."""
    assert verify_task_token(f"Bearer {signer.task_token(EMAIL, AUDIENCE)}") == TaskCaller(EMAIL)
    assert verify_task_token(f"Bearer {signer.token(task_claims(iss='accounts.google.com'))}") == TaskCaller(EMAIL)


@pytest.mark.parametrize("roles", [None, "admin", [1, 2], ["ok", None], {"admin": True}])
def test_odd_roles_are_no_roles(settings: Settings, signer: Signer, roles: object) -> None:
    """Only a list of texts gives roles; anything else gives none, and the token stays good."""
    caller = verify_user_token("Bearer " + signer.token(user_claims(roles=roles, email=17)))

    assert (caller.roles, caller.email) == ((), None)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer a.b", "Bearer a.b.c.d", "Bearer \u00fc.b.c", "Bearer ..",
     "Bearer " + "a" * 20_000, "Bearer bnVsbA.bnVsbA.x", "Bearer W10.W10.W10", "Bearer \ud800.b.c"],
)  # fmt: skip
@pytest.mark.parametrize("verify", [verify_user_token, verify_task_token])
def test_what_is_no_token_is_refused(
    settings: Settings, verify: Callable[[str | None], object], header: str | None
) -> None:
    """Missing, of another scheme, or not a token at all: 401 before anything is fetched."""
    with pytest.raises(UnauthenticatedError):
        verify(header)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"exp": 1_700_000_000, "iat": 1_699_996_400}, "expired"),
        ({"iat": 4_000_000_000, "exp": 4_000_003_600}, "not valid yet"),
        ({"exp": "soon"}, "does not verify"),
        ({"aud": "another-project"}, "audience"),
        ({"aud": [PROJECT]}, "audience"),
        ({"aud": None}, "audience"),
        ({"iss": "https://accounts.google.com"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"sub": ""}, "subject"),
        ({"sub": 5}, "subject"),
    ],
)
def test_a_foreign_user_token_is_refused(
    settings: Settings, signer: Signer, changed: dict[str, Any], told: str
) -> None:
    """Expired, early, for another project or from another issuer: 401 with one clear sentence."""
    with pytest.raises(UnauthenticatedError, match=told):
        verify_user_token("Bearer " + signer.token(user_claims(**changed)))


@pytest.mark.parametrize(
    "workspace", [None, "", "acme", 7, f"{{{WORKSPACE}}}", f"urn:uuid:{WORKSPACE}", [str(WORKSPACE)]]
)
def test_a_person_needs_a_workspace(settings: Settings, signer: Signer, workspace: object) -> None:
    """A good token whose workspace_id is not a UUID is 403: we know who it is, but not where they belong."""
    with pytest.raises(ForbiddenError, match="workspace_id"):
        verify_user_token("Bearer " + signer.token(user_claims(workspace_id=workspace)))


@pytest.mark.parametrize("changed", [{"email": "x@y.z"}, {"email": None}, {"email_verified": False}])
def test_another_account_is_forbidden(settings: Settings, signer: Signer, changed: dict[str, Any]) -> None:
    """A token that Google signed for someone else is 403."""
    with pytest.raises(ForbiddenError, match="service account"):
        verify_task_token("Bearer " + signer.token(task_claims(**changed)))


@pytest.mark.parametrize("changed", [{"aud": "https://other.example"}, {"iss": "https://evil.example"}])
def test_a_foreign_task_token_is_refused(settings: Settings, signer: Signer, changed: dict[str, Any]) -> None:
    """A task token for another service, or from another issuer, is 401."""
    with pytest.raises(UnauthenticatedError):
        verify_task_token("Bearer " + signer.token(task_claims(**changed)))


def test_one_kind_is_not_the_other(settings: Settings, signer: Signer) -> None:
    """A person's token opens no task door and the queue's no user door, also when each was just accepted."""
    person = "Bearer " + signer.user_token(WORKSPACE, "u1", settings=settings)
    queue = "Bearer " + signer.task_token(EMAIL, AUDIENCE)
    verify_user_token(person)
    verify_task_token(queue)

    with pytest.raises(UnauthenticatedError):
        verify_task_token(person)
    with pytest.raises(UnauthenticatedError):
        verify_user_token(queue)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "none", "kid": "KID"}, {"alg": "HS256", "kid": "KID"}, {"alg": "ES256", "kid": "KID"},
     {"alg": "RS256"}, {"alg": "RS256", "kid": ["KID"]}, {"kid": "KID"}, {"alg": ["RS256"], "kid": "KID"}],
)  # fmt: skip
def test_unsigned_and_odd_headers_are_refused(settings: Settings, signer: Signer, header: dict[str, Any]) -> None:
    """alg=none, a shared secret, another algorithm or no key id are refused, whatever the signature says."""
    named = {name: signer.key_id if value == "KID" else value for name, value in header.items()}
    _, claims, signature = signer.token(user_claims()).split(".")

    for signed in ("", signature):
        with pytest.raises(UnauthenticatedError):
            verify_user_token(f"Bearer {_part(named)}.{claims}.{signed}")


def test_changed_claims_are_refused(settings: Settings, signer: Signer) -> None:
    """A signature covers every claim: another workspace in a good token does not verify."""
    header, _, signature = signer.token(user_claims()).split(".")
    other = _part({**user_claims(workspace_id=str(uuid4())), "iat": int(time.time()), "exp": 4_000_000_000})

    with pytest.raises(UnauthenticatedError, match="signature"):
        verify_user_token(f"Bearer {header}.{other}.{signature}")


def test_a_foreign_key_is_refused(settings: Settings, signer: Signer, stranger: Signer) -> None:
    """A token signed by another key is refused, under its own key id and under ours."""
    with pytest.raises(UnauthenticatedError, match="unknown key"):
        verify_user_token("Bearer " + stranger.token(user_claims()))

    stranger_as_us = _part({"alg": "RS256", "typ": "JWT", "kid": signer.key_id})
    _, claims, signature = stranger.token(user_claims()).split(".")
    with pytest.raises(UnauthenticatedError, match="signature"):
        verify_user_token(f"Bearer {stranger_as_us}.{claims}.{signature}")


def test_errors_hold_no_token(settings: Settings, signer: Signer) -> None:
    """No refusal quotes any part of the token."""
    token = signer.token(user_claims(sub=""))
    pieces = token.split(".")
    for bad in (token, f"{token}.x", ".".join(pieces[:2]), f"{pieces[0]}.{pieces[1]}.{pieces[2][::-1]}"):
        with pytest.raises(EngineError) as refused:
            verify_user_token(f"Bearer {bad}")
        assert not any(piece in str(refused.value) for piece in pieces)


def test_a_deeply_nested_token_is_refused(settings: Settings) -> None:
    """A header made of thousands of brackets is a 401, not a crash."""
    nested = base64.urlsafe_b64encode(b"[" * 9000).decode()

    with pytest.raises(UnauthenticatedError):
        verify_user_token(f"Bearer {nested}.e30.AAAA")


def test_keys_are_fetched_once(settings: Settings, signer: Signer, certs: Certs) -> None:
    """Many tokens of both kinds need one fetch, as long as the address allows to keep the keys."""
    for number in range(5):
        verify_user_token("Bearer " + signer.token(user_claims(sub=f"u{number}")))
        verify_task_token("Bearer " + signer.token(task_claims(sub=f"s{number}")))

    assert certs.calls == 1


def test_new_keys_are_found(certs: Certs, signer: Signer, stranger: Signer) -> None:
    """A token with an unknown key id makes us look once more, but never at will."""
    clock = [1000.0]
    source = CertSource(certs.url, now=lambda: clock[0])
    source.certificate(signer.key_id)
    certs.body = stranger.certs
    with pytest.raises(UnauthenticatedError):
        source.certificate(stranger.key_id)
    assert certs.calls == 1

    clock[0] += 5
    assert source.certificate(stranger.key_id) == stranger.certificate
    for number in range(50):
        with pytest.raises(UnauthenticatedError):
            source.certificate(f"made-up-{number}")
    with pytest.raises(UnauthenticatedError):
        source.certificate(signer.key_id)
    assert certs.calls == 2


def test_old_keys_are_looked_up_again(certs: Certs, signer: Signer) -> None:
    """After max-age the keys are fetched anew: a key that was withdrawn is refused from then on."""
    clock = [1000.0]
    certs.cache_control = "public, max-age=600, must-revalidate"
    source = CertSource(certs.url, now=lambda: clock[0])
    source.certificate(signer.key_id)
    certs.body = {"another": signer.certificate}
    clock[0] += 599
    source.certificate(signer.key_id)
    assert certs.calls == 1

    clock[0] += 2
    with pytest.raises(UnauthenticatedError):
        source.certificate(signer.key_id)


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, []), (200, {}), (200, {"kid": 5})])
def test_no_keys_at_all_is_transient(
    settings: Settings, signer: Signer, certs: Certs, status: int, body: object
) -> None:
    """Without any certificates nobody can be judged: that is our trouble, not the caller's."""
    certs.status, certs.body = status, body

    with pytest.raises(TransientError, match="no certificates"):
        verify_user_token("Bearer " + signer.token(user_claims()))


def test_an_outage_keeps_the_old_keys(certs: Certs, signer: Signer) -> None:
    """When certificates cannot be fetched again, the ones we have go on being used."""
    clock = [1000.0]
    certs.cache_control = "max-age=60"
    source = CertSource(certs.url, now=lambda: clock[0])
    source.certificate(signer.key_id)
    certs.close()
    clock[0] += 3600

    assert source.certificate(signer.key_id) == signer.certificate


def test_a_seen_token_is_cheap_until_it_expires(certs: Certs, signer: Signer) -> None:
    """A verified token is remembered, so a second look needs no keys; it is forgotten when it expires."""
    clock = [time.time()]
    check = TokenCheck(CertSource(certs.url), AUDIENCE, ("https://accounts.google.com",), dict, now=lambda: clock[0])
    header = "Bearer " + signer.token(task_claims(), ttl_s=60)
    first = check.caller(header)
    assert check.caller(header) is first

    clock[0] += 61
    assert check.caller(header) is not first


def test_other_settings_remember_nothing(settings: Settings, signer: Signer) -> None:
    """A token accepted under one audience is refused as soon as the settings name another."""
    header = "Bearer " + signer.token(task_claims())
    verify_task_token(header)
    use_settings(settings.model_copy(update={"task_token_audience": "https://moved.example"}))

    with pytest.raises(UnauthenticatedError, match="audience"):
        verify_task_token(header)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    """Whoever opens the folder, even many at once, uses one key, which only its owner may read."""
    folder = tmp_path / "new" / "folder"
    made: list[Signer] = []
    threads = [threading.Thread(target=lambda: made.append(Signer(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len({signer.key_id for signer in [*made, Signer(folder)]}) == 1
    assert [file.name for file in folder.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600


def test_the_signer_serves_its_key_over_restarts(tmp_path: Path) -> None:
    """Killed and started again, the signer serves the same certificate: tokens from before stay good."""
    served = []
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-m", "local.signer", "--port", "0", "--dir", str(tmp_path / "keys")],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stderr is not None
            url = "http" + process.stderr.readline().rsplit("http", 1)[1].strip()
            with urllib.request.urlopen(url) as answer:
                served.append((json.load(answer), answer.headers["Cache-Control"]))
            process.send_signal(number)
            assert process.wait(20) == (0 if number == signal.SIGTERM else -number)

    assert served == [(Signer(tmp_path / "keys").certs, "public, max-age=300")] * 2

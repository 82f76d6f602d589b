"""Who calls: the one code path that verifies tokens, on one machine and in the cloud.

People carry a Firebase ID token with a `workspace_id` claim; the queue, the scheduler and Studio carry an OIDC token
signed by Google. All are RS256 and verified against certificates fetched from an address in the settings. A verified
token is remembered until it expires, so that one seen again costs microseconds. No error and no log line holds one.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from shared.config import Settings, current_settings
from shared.errors import ForbiddenError, UnauthenticatedError
from shared.web.certs import CertSource

GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
CLOCK_SKEW_S = 10
MAX_TOKEN_CHARS = 16_384
MAX_REMEMBERED = 4096

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UserCaller:
    """A person, or a program that acts as one, in one workspace. `subject` is the Firebase user id."""

    workspace_id: UUID
    subject: str
    email: str | None
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskCaller:
    """The queue, or another service, by the e-mail of its service account."""

    email: str


def verify_user_token(header: str | None) -> UserCaller:
    """Who the Authorization header of a person speaks for.

    UnauthenticatedError: no token, or one that is not for us. ForbiddenError: a good token without a workspace.
    TransientError: the certificates could not be fetched.
    """
    return _checks().user.caller(header)


def verify_task_token(header: str | None) -> TaskCaller:
    """Whether the Authorization header is the queue's. Errors as above; ForbiddenError: the wrong account."""
    return _checks().task.caller(header)


def verify_schedule_token(header: str | None) -> TaskCaller:
    """Whether the Authorization header is Cloud Scheduler's. Errors as above."""
    return _checks().schedule.caller(header)


def verify_studio_token(header: str | None) -> TaskCaller:
    """Whether the Authorization header is Studio's, for the address of our callback. Errors as above."""
    if current_settings().studio_callback_url is None:
        raise UnauthenticatedError("no callbacks of Studio are taken here: STUDIO_CALLBACK_URL is not set")
    return _checks().studio.caller(header)


Caller = TypeVar("Caller")


class TokenCheck(Generic[Caller]):
    """Verifies one kind of token: whom it is for, who may have issued it, and what its claims must say."""

    def __init__(
        self,
        certs: CertSource,
        audience: str,
        issuers: tuple[str, ...],
        read: Callable[[Claims], Caller],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now`: when a remembered token is judged, in seconds since 1970."""
        self._certs, self._audience, self._issuers, self._read = certs, audience, issuers, read
        self._now = now
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, header: str | None) -> Caller:
        """The caller of a good token: remembered, or verified now."""
        token = _bearer(header)
        digest = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._known.get(digest)
            if known is not None and known[1] > self._now():
                self._known.move_to_end(digest)
                return known[0]
        claims = self._verified(token)
        caller = self._read(claims)
        with self._lock:
            self._known[digest] = (caller, float(claims["exp"]))
            self._known.move_to_end(digest)
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return caller

    def _verified(self, token: str) -> Claims:
        """The claims of a token that is signed, in time, and for us from whom we trust."""
        from google.auth import jwt

        decode: Any = jwt.decode
        pem = self._certs.certificate(_key_id(token))
        try:
            claims: Claims = decode(token, certs=pem, clock_skew_in_seconds=CLOCK_SKEW_S)
        except (ValueError, TypeError, RecursionError) as wrong:
            raise UnauthenticatedError(_why_not(str(wrong))) from None
        if claims.get("aud") != self._audience:
            raise UnauthenticatedError("the token was issued for another audience")
        if claims.get("iss") not in self._issuers:
            raise UnauthenticatedError("the token comes from another issuer")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject or len(subject) > 255 or not subject.isprintable():
            raise UnauthenticatedError("the token names no usable subject")
        return claims


def _why_not(told: str) -> str:
    """One of our own sentences: the library's may quote the token."""
    if told.startswith("Token expired"):
        return "the token has expired"
    if told.startswith("Token used too early"):
        return "the token is not valid yet"
    if told.startswith("Token does not contain"):
        return "the token lacks iat or exp"
    if told.startswith("Could not verify token signature"):
        return "the token's signature does not verify"
    return "the token does not verify"


def _bearer(header: str | None) -> str:
    if not header:
        raise UnauthenticatedError("an Authorization header with a bearer token is required")
    scheme, _, token = header.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("the Authorization header must be: Bearer TOKEN")
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise UnauthenticatedError("the token is malformed")
    return token


def _key_id(token: str) -> str:
    """The key that a token says it is signed with. Only RS256 is accepted, so `none` and shared secrets are not."""
    from google.auth import jwt

    decode_header: Any = jwt.decode_header
    try:
        header: Claims = decode_header(token)
    except (ValueError, RecursionError):
        raise UnauthenticatedError("the token is malformed") from None
    if header.get("alg") != "RS256":
        raise UnauthenticatedError("the token must be signed with RS256")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise UnauthenticatedError("the token names no key")
    return key_id


def _user(claims: Claims) -> UserCaller:
    roles = claims.get("roles")
    is_list = isinstance(roles, list) and all(isinstance(role, str) for role in roles)
    email = claims.get("email")
    return UserCaller(
        workspace_id=_workspace(claims.get("workspace_id")),
        subject=claims["sub"],
        email=email if isinstance(email, str) else None,
        roles=tuple(roles) if roles and is_list else (),
    )


def _workspace(claim: object) -> UUID:
    try:
        workspace_id = UUID(claim) if isinstance(claim, str) else None
    except ValueError:
        workspace_id = None
    if workspace_id is None or str(workspace_id) != str(claim).lower():
        raise ForbiddenError("the token has no workspace: its claim workspace_id must be a UUID")
    return workspace_id


def _task_reader(email: str) -> Callable[[Claims], TaskCaller]:
    def read(claims: Claims) -> TaskCaller:
        if claims.get("email") != email or claims.get("email_verified") is not True:
            raise ForbiddenError("the token belongs to another service account")
        return TaskCaller(email)

    return read


class _Checks:
    """The checks as the settings want them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        users = CertSource(settings.user_token_certs_url)
        same = settings.task_token_certs_url == settings.user_token_certs_url
        tasks = users if same else CertSource(settings.task_token_certs_url)
        self.user = TokenCheck(users, settings.user_token_audience, (settings.user_token_issuer,), _user)
        self.task = TokenCheck(
            tasks, settings.executor_audience, GOOGLE_ISSUERS, _task_reader(settings.task_token_email)
        )
        self.schedule = TokenCheck(
            tasks, settings.schedule_audience, GOOGLE_ISSUERS, _task_reader(settings.scheduler_email)
        )
        self.studio = TokenCheck(
            tasks, settings.studio_callback_url or "", GOOGLE_ISSUERS, _task_reader(settings.studio_email)
        )


_current: list[_Checks] = []
_current_lock = threading.Lock()


def _checks() -> _Checks:
    """The checks of this process. Other settings mean other checks, with nothing remembered."""
    settings = current_settings()
    with _current_lock:
        if not _current or _current[0].settings is not settings:
            _current[:] = [_Checks(settings)]
        return _current[0]
